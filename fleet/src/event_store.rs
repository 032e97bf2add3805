//! The log of events as it is read: by topic and from any sequence on; the newest from memory, the
//! rest from the file.
//!
//! What was said in the log goes in the order of sequences only: events come behind the newest, and
//! go from the oldest on, some at a time.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use agnt_store::Reader;

use crate::persistence::{self, Listing, Logged};
use crate::settings::{EventsKept, FleetSettings};
use crate::topics::{EventIndex, Pattern, Topic};
use crate::{Event, Refusal, RefusalKind, Timestamp, weight};

/// How much the events of one page may have together, in bytes as stored; the first always fits.
pub const PAGE_BYTES_MAX: usize = 8 << 20;

/// How many times as much as its bytes the values of a page may take in memory.
const WEIGHT_FACTOR: usize = 4;

/// How many events one search looks at; topics that aren't listed apart may make it look at events
/// in vain.
const LOOKS_MAX: usize = 10_000;

/// How many events are read under one lock.
const CHUNK: usize = 256;

/// What an event takes in memory beside its bytes.
const EVENT_BYTES: usize = 512;

/// The longest run of events that go together.
const RUN_MAX: u64 = 1024;

/// How many events go in one commit beside twice as many as came.
const BITE: u64 = 4096;

/// Events that were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct EventsPage {
    /// In order. Fewer than asked for doesn't mean that these are all: see `next_after`.
    pub events: Vec<Arc<Event>>,
    /// What of it isn't here.
    pub gap: Option<Gap>,
    /// To go on, ask for what comes after this. Once it is the head, there is no more.
    pub next_after: u64,
    /// The newest event of all, 0 before the first.
    pub head: u64,
    /// What the events have in the store, together.
    pub bytes: usize,
}

/// A range of events that were asked for and aren't here (ruling 41).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first that isn't here.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// Why.
    pub reason: GapReason,
}

/// Why events aren't here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// They are no longer kept.
    Retention,
    /// They never were: who asks has seen another log, or one that was restored from a backup.
    Ahead,
}

impl GapReason {
    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Ahead => "ahead",
        }
    }
}

/// How large the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogSize {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) ring_events: u64,
    pub(crate) ring_bytes: u64,
    pub(crate) topics: u64,
}

/// The log.
#[derive(Debug)]
pub(crate) struct EventStore {
    log: RwLock<Log>,
    reader: Reader,
}

/// What is known of it without reading the file.
#[derive(Debug)]
pub(crate) struct Log {
    index: EventIndex,
    kept: EventsKept,
    /// The oldest event that is kept; `next` if there is none.
    oldest: u64,
    /// The number of the event that comes next.
    next: u64,
    bytes: u64,
    runs: VecDeque<Run>,
    run_length: u64,
    /// The newest events, up to `next`.
    ring: VecDeque<(Arc<Event>, usize)>,
    ring_bytes: usize,
    ring_bytes_max: usize,
}

/// Events that follow each other, and go together.
#[derive(Clone, Copy, Debug)]
struct Run {
    events: u64,
    bytes: u64,
    newest_at: Timestamp,
}

/// How far what was found fits into a page.
enum Filling {
    /// All of it.
    Complete,
    /// Not all of it was read.
    CutShort,
    /// The rest is too large.
    Full,
}

/// An event, and how many bytes it has.
type Fetched = (Arc<Event>, usize);

/// What a search finds under the lock: in memory, or to be read from the file.
enum Found {
    Here(Arc<Event>, usize),
    Stored(u64),
}

impl Log {
    /// A log whose first event is `oldest`, empty for now.
    pub(crate) fn new(settings: &FleetSettings, oldest: u64) -> Self {
        Self {
            index: EventIndex::new(settings.topics_max),
            kept: settings.events_kept,
            oldest,
            next: oldest,
            bytes: 0,
            runs: VecDeque::new(),
            run_length: (settings.events_kept.count_max / 64).clamp(1, RUN_MAX),
            ring: VecDeque::new(),
            ring_bytes: 0,
            ring_bytes_max: settings.events_ring_bytes_max,
        }
    }

    /// The next event of the log.
    pub(crate) fn list(&mut self, listing: &Listing) {
        self.enter(&listing.topic, listing.at, listing.bytes);
    }

    fn enter(&mut self, topic: &Topic, at: Timestamp, bytes: usize) {
        self.index.push(self.next, topic);
        self.next += 1;
        self.bytes += bytes as u64;
        let run = match self.runs.back_mut() {
            Some(run) if run.events < self.run_length => run,
            _ => self.runs.push_back_mut(Run {
                events: 0,
                bytes: 0,
                newest_at: at,
            }),
        };
        run.events += 1;
        run.bytes += bytes as u64;
        run.newest_at = run.newest_at.max(at);
    }

    fn remember(&mut self, event: &Arc<Event>, bytes: usize) {
        let bytes = bytes + EVENT_BYTES;
        self.ring.push_back((Arc::clone(event), bytes));
        self.ring_bytes += bytes;
        while self.ring_bytes > self.ring_bytes_max
            && let Some((_, bytes)) = self.ring.pop_front()
        {
            self.ring_bytes -= bytes;
        }
    }

    /// The oldest event that is in memory; `next` if there is none.
    fn ring_oldest(&self) -> u64 {
        self.next - self.ring.len() as u64
    }

    fn forget_below(&mut self, sequence: u64) {
        while self.oldest < sequence
            && let Some(run) = self.runs.pop_front()
        {
            self.oldest += run.events;
            self.bytes -= run.bytes;
        }
        self.index.forget_below(self.oldest);
        let ring_oldest = self.ring_oldest();
        let gone = self.oldest.saturating_sub(ring_oldest) as usize;
        for (_, bytes) in self.ring.drain(..gone.min(self.ring.len())) {
            self.ring_bytes -= bytes;
        }
    }

    /// Below which number events are no longer kept once `added` came, if any goes.
    fn surplus(&self, added: &[Logged], now: Timestamp) -> Option<u64> {
        let added_bytes: usize = added.iter().map(|logged| logged.bytes).sum();
        let mut events = self.next - self.oldest + added.len() as u64;
        let mut bytes = self.bytes + added_bytes as u64;
        let mut left = BITE + 2 * added.len() as u64;
        let mut below = self.oldest;
        // The newest run stays: more comes to it.
        for run in self.runs.iter().take(self.runs.len().saturating_sub(1)) {
            let oldest_at = run.newest_at;
            let is_old = |age| oldest_at.plus_ms(age) < now;
            let is_surplus = events > self.kept.count_max
                || bytes > self.kept.bytes_max
                || self.kept.age_ms_max.is_some_and(is_old);
            if !is_surplus || run.events > left {
                break;
            }
            left -= run.events;
            events -= run.events;
            bytes -= run.bytes;
            below += run.events;
        }
        (below > self.oldest).then_some(below)
    }

    /// At most `limit` events behind `after`.
    fn search(&self, pattern: Option<&Pattern>, after: u64, limit: usize) -> Vec<Found> {
        let first = after.saturating_add(1).max(self.oldest);
        let sequences = match pattern {
            Some(pattern) => self.index.candidates_after(pattern, after, limit),
            None => (first..self.next).take(limit).collect(),
        };
        let ring_oldest = self.ring_oldest();
        let find = |sequence: u64| {
            let place = sequence.checked_sub(ring_oldest);
            let here = place.and_then(|place| self.ring.get(place as usize));
            here.map_or(Found::Stored(sequence), |(event, bytes)| {
                Found::Here(Arc::clone(event), *bytes - EVENT_BYTES)
            })
        };
        sequences.into_iter().map(find).collect()
    }
}

impl EventStore {
    pub(crate) fn new(log: Log, reader: Reader) -> Self {
        Self {
            log: RwLock::new(log),
            reader,
        }
    }

    /// Whether everything behind `after` is in memory.
    pub(crate) fn has_in_memory(&self, after: u64) -> bool {
        self.log().ring_oldest() <= after.saturating_add(1)
    }

    /// The newest event, 0 before the first.
    pub(crate) fn head(&self) -> u64 {
        self.log().next - 1
    }

    pub(crate) fn size(&self) -> LogSize {
        let log = self.log();
        LogSize {
            events: log.next - log.oldest,
            bytes: log.bytes,
            ring_events: log.ring.len() as u64,
            ring_bytes: log.ring_bytes as u64,
            topics: log.index.topics() as u64,
        }
    }

    /// Below which number events are no longer kept once `added` came, if any goes.
    pub(crate) fn surplus(&self, added: &[Logged], now: Timestamp) -> Option<u64> {
        self.log().surplus(added, now)
    }

    /// Shows what is on disk now.
    pub(crate) fn publish(&self, added: &[Logged], forgotten_below: Option<u64>) {
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        for logged in added {
            log.enter(&logged.topic, logged.event.at, logged.bytes);
            log.remember(&logged.event, logged.bytes);
        }
        if let Some(sequence) = forgotten_below {
            log.forget_below(sequence);
        }
    }

    /// The first `limit` events behind `after` whose topic matches.
    pub(crate) fn page(
        &self,
        pattern: Option<&Pattern>,
        after: u64,
        limit: usize,
        bytes_max: usize,
    ) -> Result<EventsPage, Refusal> {
        let mut page = self.empty_page(after);
        if page.gap.is_some_and(|gap| gap.reason == GapReason::Ahead) {
            return Ok(page);
        }
        let (mut bytes_left, mut weight_left) = (bytes_max, bytes_max * WEIGHT_FACTOR);
        for _ in 0..LOOKS_MAX.div_ceil(CHUNK) {
            let wanted = (limit - page.events.len()).min(CHUNK);
            let (found, head) = {
                let log = self.log();
                (log.search(pattern, page.next_after, wanted), log.next - 1)
            };
            page.head = head;
            let is_last = found.len() < wanted;
            let stored = self.load(&found, bytes_left, &mut weight_left)?;
            match fill(&mut page, found, stored, pattern, &mut bytes_left) {
                Filling::Complete if is_last => {
                    page.next_after = head;
                    break;
                }
                Filling::Complete | Filling::CutShort
                    if page.events.len() < limit && weight_left > 0 => {}
                _ => break,
            }
        }
        page.bytes = bytes_max - bytes_left;
        Ok(page)
    }

    /// A page without events yet, which says what of the range isn't here.
    fn empty_page(&self, after: u64) -> EventsPage {
        let (oldest, head) = {
            let log = self.log();
            (log.oldest, log.next - 1)
        };
        let (gap, next_after) = if after > head {
            let (from, reason) = (head + 1, GapReason::Ahead);
            let to = after;
            (Some(Gap { from, to, reason }), head)
        } else if after + 1 < oldest {
            let (from, reason) = (after + 1, GapReason::Retention);
            let to = oldest - 1;
            (Some(Gap { from, to, reason }), to)
        } else {
            (None, after)
        };
        EventsPage {
            events: Vec::new(),
            gap,
            next_after,
            head,
            bytes: 0,
        }
    }

    /// Those of the events that aren't in memory, in order; nothing in the place of those that went
    /// in the meantime. They may break off after so many bytes, or once their values have taken what is
    /// left for those. Events in a row are read in one go.
    fn load(
        &self,
        found: &[Found],
        bytes_max: usize,
        weight_left: &mut usize,
    ) -> Result<Vec<Option<Fetched>>, Refusal> {
        let stored = found.iter().filter_map(|found| match found {
            Found::Here(..) => None,
            Found::Stored(sequence) => Some(*sequence),
        });
        let stored: Vec<u64> = stored.collect();
        let (mut loaded, mut bytes_sum) = (Vec::with_capacity(stored.len()), 0);
        for run in stored.chunk_by(|one, next| *next == one + 1) {
            let (first, last) = (run[0], run[run.len() - 1]);
            let begin = loaded.len();
            let mut broken = Ok(());
            let read = self.reader.events(first, |sequence, bytes| {
                if sequence > last || bytes_sum > bytes_max || *weight_left == 0 {
                    return ControlFlow::Break(());
                }
                bytes_sum += bytes.len();
                *weight_left = weight_left.saturating_sub(weight::of_json(bytes));
                loaded.resize(begin + (sequence - first) as usize, None);
                match persistence::event(bytes) {
                    Ok(event) => loaded.push(Some((Arc::new(event), bytes.len()))),
                    Err(error) => broken = Err(unreadable(sequence, &error)),
                }
                ControlFlow::Continue(())
            });
            read.map_err(|error| unreadable(first, &error))?;
            broken?;
            if bytes_sum > bytes_max || *weight_left == 0 {
                break;
            }
            loaded.resize(begin + run.len(), None);
        }
        Ok(loaded)
    }

    fn log(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts what was found into the page, what isn't in memory as it was loaded, as far as its bytes allow.
fn fill(
    page: &mut EventsPage,
    found: Vec<Found>,
    stored: Vec<Option<Fetched>>,
    pattern: Option<&Pattern>,
    bytes_left: &mut usize,
) -> Filling {
    let mut stored = stored.into_iter();
    for found in found {
        let sequence = found.sequence();
        let fetched = match found {
            Found::Here(event, bytes) => Some((event, bytes)),
            Found::Stored(_) => match stored.next() {
                Some(fetched) => fetched,
                None => return Filling::CutShort,
            },
        };
        let Some((event, bytes)) = fetched else {
            page.lose_up_to(sequence);
            continue;
        };
        let is_wanted = |pattern: &Pattern| {
            Topic::parse(&event.topic()).is_ok_and(|it| pattern.matches_either_name(&it))
        };
        if pattern.is_none_or(is_wanted) {
            if bytes > *bytes_left && !page.events.is_empty() {
                return Filling::Full;
            }
            *bytes_left = bytes_left.saturating_sub(bytes);
            page.events.push(event);
        }
        page.next_after = sequence;
    }
    Filling::Complete
}

impl EventsPage {
    /// Events went while they were read.
    fn lose_up_to(&mut self, to: u64) {
        self.gap = Some(Gap {
            from: self.gap.map_or(self.next_after + 1, |gap| gap.from),
            to,
            reason: GapReason::Retention,
        });
        self.next_after = to;
    }
}

impl Found {
    fn sequence(&self) -> u64 {
        match self {
            Self::Here(event, _) => event.sequence,
            Self::Stored(sequence) => *sequence,
        }
    }
}

fn unreadable(sequence: u64, error: &dyn std::fmt::Display) -> Refusal {
    let message = format!("event {sequence} can't be read now: {error}");
    Refusal::new(RefusalKind::Unavailable, message).retry_after(1)
}
