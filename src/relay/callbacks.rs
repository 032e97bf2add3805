//! Answers that are due at an absolute URL: found in commits, sent by the one sender, and settled
//! with what became of them.
//!
//! What must not be lost is in the store: a command whose callback is `sending` is found there again
//! after a start. Between commit and sending is a bounded list of ids; what does not fit is found by
//! the next look through the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agnt_fleet::command::{CallbackStatus, Command};
use agnt_fleet::tables::RowChange;
use agnt_fleet::{Fleet, Id, Mutation};
use agnt_outbound::{Delivery, Outbound, Outcome, SendError};
use tokio::sync::Notify;

/// How many answers may wait between their commit and the sender.
const WAITING_MAX: usize = 65_536;

/// How long the sender is left alone when it can take no more.
const FULL_PAUSE: Duration = Duration::from_millis(250);

/// Where commits leave the ids of commands whose answers are to be sent. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct CallbackPost(Arc<Post>);

#[derive(Debug, Default)]
struct Post {
    waiting: Mutex<Vec<Id>>,
    filled: Notify,
    /// Whether something did not fit, so that the store is to be looked through.
    has_missed: AtomicBool,
}

/// What takes them from there to the sender; see the module.
#[derive(Clone, Debug)]
pub struct Callbacks {
    /// Where they wait.
    pub post: CallbackPost,
    /// Where they come from, and are settled.
    pub fleet: Fleet,
    /// Who sends them.
    pub outbound: Arc<Outbound>,
}

impl CallbackPost {
    /// Notes the answers among these changes that are to be sent.
    pub(super) fn committed(&self, changes: &[RowChange]) {
        let due = changes.iter().filter_map(|change| match change {
            RowChange::Command(id, Some(command)) if is_due(command) => Some(id.clone()),
            _ => None,
        });
        let mut due = due.peekable();
        if due.peek().is_none() {
            return;
        }
        let mut waiting = self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let room = WAITING_MAX - waiting.len();
        waiting.extend(due.by_ref().take(room));
        if due.next().is_some() {
            self.0.has_missed.store(true, Ordering::SeqCst);
        }
        drop(waiting);
        self.0.filled.notify_one();
    }

    fn take(&self) -> Vec<Id> {
        std::mem::take(
            &mut *self
                .0
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

impl Callbacks {
    /// Sends what is to be sent, for ever; first what was left over from before the start.
    pub async fn run(self) {
        let mut due = self.look_through();
        loop {
            // What a receiver that is full of earlier ones can't have yet holds nobody else up.
            let mut later: Vec<Id> = due.into_iter().filter(|id| !self.send(id)).collect();
            if later.len() >= WAITING_MAX {
                later.truncate(WAITING_MAX);
                self.post.0.has_missed.store(true, Ordering::SeqCst);
            }
            due = later;
            let pause = match due.is_empty() {
                true => Duration::MAX,
                false => FULL_PAUSE,
            };
            let taken = self.post.take();
            if !taken.is_empty() {
                due.extend(taken);
                continue;
            }
            if due.is_empty() && self.post.0.has_missed.swap(false, Ordering::SeqCst) {
                due = self.look_through();
                continue;
            }
            let filled = self.post.0.filled.notified();
            // Whether something new came or the pause is over, all that waits is tried.
            let _ = tokio::time::timeout(pause, filled).await;
        }
    }

    /// All answers of the store that are to be sent.
    fn look_through(&self) -> Vec<Id> {
        let tables = self.fleet.read();
        let due = tables.commands.iter().filter(|command| is_due(command));
        due.map(|command| command.id.clone())
            .take(WAITING_MAX)
            .collect()
    }

    /// Gives an answer to the sender; false if that has no room for it now.
    fn send(&self, id: &Id) -> bool {
        let command = self.fleet.read().commands.find(id.as_str()).cloned();
        let Some(command) = command.filter(|command| is_due(command)) else {
            return true;
        };
        let Some(callback) = &command.callback else {
            return true;
        };
        // What was allowed when the command came may be forbidden by now, after a restart.
        let Ok(target) = self.outbound.judge(&callback.url) else {
            settle(&self.fleet, id, CallbackStatus::Refused);
            return true;
        };
        let (fleet, settled) = (self.fleet.clone(), id.clone());
        let taken = self.outbound.send(Delivery {
            id: id.as_str().to_owned(),
            target,
            body: bytes::Bytes::from(command.response().to_string()),
            on_done: Box::new(move |outcome| settle_outcome(&fleet, &settled, &outcome)),
        });
        match taken {
            Ok(()) => true,
            Err(SendError::Full { .. }) => false,
            Err(SendError::Id { .. } | SendError::Closed) => {
                settle(&self.fleet, id, CallbackStatus::Failed);
                true
            }
        }
    }
}

/// Whether a command's answer is on its way to an absolute URL.
fn is_due(command: &Command) -> bool {
    let status = command.callback.as_ref().map(|callback| callback.status);
    status == Some(CallbackStatus::Sending)
}

fn settle_outcome(fleet: &Fleet, id: &Id, outcome: &Outcome) {
    match &outcome.result {
        Ok(_) => settle(fleet, id, CallbackStatus::Delivered),
        // The server stops: what is still `sending` in the store is sent after the next start.
        Err(agnt_outbound::Failure::Stopped) => {}
        Err(failure) => {
            tracing::info!(command = %id, %failure, "a callback was not delivered");
            settle(fleet, id, CallbackStatus::Failed);
        }
    }
}

fn settle(fleet: &Fleet, id: &Id, status: CallbackStatus) {
    let command = id.clone();
    let told = id.clone();
    let settled = fleet.submit(Mutation::SettleCallback { command, status }, None, move |result| {
        if let Err(refusal) = result {
            tracing::warn!(command = %told, error = refusal.message, "a callback was not settled");
        }
    });
    if let Err(refusal) = settled {
        tracing::warn!(command = %id, error = refusal.message, "a callback was not settled");
    }
}
