//! The core: the rules over their tables, with a journal that can take back what was not stored.
//!
//! It reads no clock and writes to no disk: who calls passes the time in, and stores what
//! [`Core::changes`] lists before anybody is told.

use std::sync::Arc;

use crate::agent::NUMERIC_ID_MIN;
use crate::event::{Event, EventKind};
use crate::schedule::Schedule;
use crate::tables::{RowChange, Tables};
use crate::{Id, Mutation, Outcome, Refusal, RefusalKind, Timestamp, rules};

/// How many places there are in an order of creation.
const ORDINAL_END: u32 = u32::MAX;

/// Bounds of the fleet.
#[derive(Clone, Debug)]
pub struct CoreSettings {
    /// How many agents there may be.
    pub agents_max: u32,
    /// How many tasks.
    pub tasks_max: u32,
    /// How many workflows.
    pub workflows_max: u32,
    /// How many commands may wait for their answers.
    pub commands_max: u32,
    /// How many answered commands and stored answers are kept; the oldest go first.
    pub commands_kept_max: u32,
    /// How long an ended task or workflow is kept, in ms; `None` is for ever.
    pub terminal_kept_ms: Option<u64>,
    /// After how long without a sign of life an agent is offline, in ms.
    pub agent_silence_ms: u64,
}

impl Default for CoreSettings {
    fn default() -> Self {
        Self {
            agents_max: 1_000_000,
            tasks_max: 10_000_000,
            workflows_max: 1_000_000,
            commands_max: 1_000_000,
            commands_kept_max: 100_000,
            terminal_kept_ms: None,
            agent_silence_ms: 90_000,
        }
    }
}

/// Who is there, beside what is stored: sessions and heartbeats.
pub trait Presence {
    /// Whether a session of this agent is open.
    fn is_attached(&self, agent: &Id) -> bool;

    /// When something was last heard of it.
    fn last_heard(&self, agent: &Id) -> Option<Timestamp>;
}

/// What happens to an event beside what it says: whose doing it was, for whom, to what it belongs.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Who made it happen.
    pub source: Option<String>,
    /// Whom it is for.
    pub target: Option<Id>,
    /// What it belongs to.
    pub correlation_id: Option<String>,
}

/// The core; see the module.
#[derive(Debug)]
pub struct Core {
    pub(crate) settings: CoreSettings,
    pub(crate) tables: Tables,
    pub(crate) schedule: Schedule,
    pub(crate) random: fastrand::Rng,
    ordinal_next: [u32; 5],
    sequence_next: u64,
    moment: Timestamp,
    done: Vec<RowChange>,
    undo: Vec<RowChange>,
    events: Vec<Arc<Event>>,
    /// What the counters were when the journal was last empty.
    confirmed: ([u32; 5], u64),
}

/// A kind of rows that has an order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Agents,
    Tasks,
    Workflows,
    Commands,
    Templates,
}

impl Counted {
    const fn noun(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Tasks => "tasks",
            Self::Workflows => "workflows",
            Self::Commands => "commands",
            Self::Templates => "templates",
        }
    }
}

impl Core {
    /// A core over these rows, whose next event is number `sequence_next`. [`Core::resume`] comes
    /// before all mutations.
    pub fn new(settings: CoreSettings, mut tables: Tables, sequence_next: u64, seed: u64) -> Self {
        tables.numeric_id_next = tables.numeric_id_next.max(NUMERIC_ID_MIN);
        let schedule = Schedule::new(&tables, settings.terminal_kept_ms);
        let ordinal_next = [
            tables.agents.ordinal_next(),
            tables.tasks.ordinal_next(),
            tables.workflows.ordinal_next(),
            tables.commands.ordinal_next(),
            tables.templates.ordinal_next(),
        ];
        Self {
            settings,
            tables,
            schedule,
            random: fastrand::Rng::with_seed(seed),
            ordinal_next,
            sequence_next,
            moment: Timestamp::default(),
            done: Vec::new(),
            undo: Vec::new(),
            events: Vec::new(),
            confirmed: (ordinal_next, sequence_next),
        }
    }

    /// Carries a mutation out, wholly or not at all.
    pub fn execute(
        &mut self,
        mutation: Mutation,
        presence: &dyn Presence,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        self.advance(now);
        let mark = (self.undo.len(), self.done.len(), self.events.len());
        let counters = (self.ordinal_next, self.sequence_next);
        let outcome = rules::carry_out(self, mutation, presence);
        if outcome.is_err() {
            self.undo_to(mark.0);
            self.done.truncate(mark.1);
            self.events.truncate(mark.2);
            (self.ordinal_next, self.sequence_next) = counters;
            self.schedule.forget_fresh();
        }
        outcome
    }

    /// Does what is due: timeouts, deadlines, attempts, silence, retention.
    pub fn tick(&mut self, presence: &dyn Presence, now: Timestamp) {
        self.advance(now);
        rules::tick(self, presence);
    }

    /// Begins all clocks of liveness anew, after a start (ruling 59).
    pub fn resume(&mut self, now: Timestamp) {
        self.advance(now);
        rules::resume(self);
    }

    /// What changed since the last [`Core::confirm`] or [`Core::roll_back`], in order; a row may
    /// be named several times.
    pub fn changes(&self) -> (&[RowChange], &[Arc<Event>]) {
        (&self.done, &self.events)
    }

    /// What changed is stored: forgets how to undo it, and hands it over.
    pub fn confirm(&mut self) -> (Vec<RowChange>, Vec<Arc<Event>>) {
        self.undo.clear();
        self.confirmed = (self.ordinal_next, self.sequence_next);
        (
            std::mem::take(&mut self.done),
            std::mem::take(&mut self.events),
        )
    }

    /// What changed could not be stored: all of it is taken back.
    pub fn roll_back(&mut self) {
        self.undo_to(0);
        self.done.clear();
        self.events.clear();
        (self.ordinal_next, self.sequence_next) = self.confirmed;
        self.schedule.forget_fresh();
    }

    /// All rows.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The number of the next event.
    pub fn sequence_next(&self) -> u64 {
        self.sequence_next
    }

    /// What time it is, for the rules: never twice the same, so that rows made in one order
    /// are listed in it.
    pub(crate) fn now(&mut self) -> Timestamp {
        self.moment = Timestamp::from_micros(self.moment.as_micros() + 1);
        self.moment
    }

    /// Changes a row.
    pub(crate) fn put(&mut self, change: RowChange) {
        let old = self.replace(&change);
        self.done.push(change);
        self.undo.push(old);
    }

    /// The next place in the order of creation. No place is given twice, so they come to an end.
    pub(crate) fn ordinal(&mut self, of: Counted) -> Result<u32, Refusal> {
        let next = &mut self.ordinal_next[of as usize];
        if *next == ORDINAL_END {
            let noun = of.noun();
            let message = format!("{noun}: {ORDINAL_END} were created, and no more are possible");
            let refusal = Refusal::new(RefusalKind::TooMany, message).with("cap", noun);
            return Err(refusal.with("max", ORDINAL_END));
        }
        *next += 1;
        Ok(*next - 1)
    }

    /// Tells what happened.
    pub(crate) fn emit(&mut self, kind: EventKind, context: Context) -> u64 {
        let sequence = self.sequence_next;
        self.sequence_next += 1;
        let at = self.now();
        self.events.push(Arc::new(Event {
            sequence,
            id: Id::unique(),
            at,
            source: context.source,
            target: context.target,
            correlation_id: context.correlation_id,
            kind,
        }));
        sequence
    }

    fn advance(&mut self, now: Timestamp) {
        self.moment = self.moment.max(now);
    }

    fn undo_to(&mut self, mark: usize) {
        while self.undo.len() > mark {
            let Some(change) = self.undo.pop() else {
                return;
            };
            self.replace(&change);
        }
    }

    fn replace(&mut self, change: &RowChange) -> RowChange {
        let old = self.tables.apply(change.clone());
        match (&old, change) {
            (RowChange::Agent(_, old), RowChange::Agent(_, new)) => {
                self.schedule.replace_agent(old.as_deref(), new.as_deref());
            }
            (RowChange::Task(_, old), RowChange::Task(_, new)) => {
                self.schedule
                    .replace_task(old.as_ref(), new.as_ref(), &self.tables);
            }
            (RowChange::Workflow(_, old), RowChange::Workflow(_, new)) => {
                self.schedule
                    .replace_workflow(old.as_deref(), new.as_deref());
            }
            (RowChange::Command(_, old), RowChange::Command(_, new)) => {
                self.schedule
                    .replace_command(old.as_deref(), new.as_deref());
            }
            _ => {}
        }
        old
    }
}
