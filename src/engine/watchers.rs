//! The event loops that have viewers of a stream, and how far each has pulled each lane.

use std::fmt;
use std::sync::Arc;

use arrayvec::ArrayVec;

use super::lane::Lane;

/// Wakes an event loop that has something to pull.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// One event loop.
struct Watcher {
    loop_id: usize,
    wake: Wake,
    /// Viewers per lane.
    viewers: [usize; Lane::ALL.len()],
    /// Where the loop's own copy of each lane ends.
    pulled: [u64; Lane::ALL.len()],
}

/// All of them.
#[derive(Default)]
pub(super) struct Watchers(Vec<Watcher>);

impl fmt::Debug for Watchers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list()
            .entries(self.0.iter().map(|watcher| watcher.loop_id))
            .finish()
    }
}

impl Watchers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any viewer reads the lane.
    pub(super) fn read(&self, lane: Lane) -> bool {
        self.readers(lane).next().is_some()
    }

    fn readers(&self, lane: Lane) -> impl Iterator<Item = &Watcher> {
        self.0
            .iter()
            .filter(move |watcher| watcher.viewers[lane.index()] > 0)
    }

    /// One more viewer of a loop reads a lane; `end` is where the lane ends.
    pub(super) fn add(&mut self, loop_id: usize, wake: &Wake, lane: Lane, end: u64) {
        let at = self.0.iter().position(|watcher| watcher.loop_id == loop_id);
        let at = at.unwrap_or_else(|| {
            let wake = Arc::clone(wake);
            let (viewers, pulled) = Default::default();
            self.0.push(Watcher {
                loop_id,
                wake,
                viewers,
                pulled,
            });
            self.0.len() - 1
        });
        let watcher = &mut self.0[at];
        if watcher.viewers[lane.index()] == 0 {
            watcher.pulled[lane.index()] = end;
        }
        watcher.viewers[lane.index()] += 1;
    }

    /// The lanes that viewers of a loop read.
    pub(super) fn lanes_of(&self, loop_id: usize) -> ArrayVec<Lane, { Lane::ALL.len() }> {
        let watcher = self.0.iter().find(|watcher| watcher.loop_id == loop_id);
        let reads = |lane: &Lane| watcher.is_some_and(|held| held.viewers[lane.index()] > 0);
        Lane::ALL.into_iter().filter(reads).collect()
    }

    /// One viewer less.
    pub(super) fn remove(&mut self, loop_id: usize, lane: Lane) {
        if let Some(watcher) = self.0.iter_mut().find(|watcher| watcher.loop_id == loop_id) {
            watcher.viewers[lane.index()] = watcher.viewers[lane.index()].saturating_sub(1);
        }
        self.0
            .retain(|watcher| watcher.viewers.iter().any(|&viewers| viewers > 0));
    }

    /// Wakes the loops that read a lane, but for the one that is awake anyway.
    pub(super) fn wake(&self, lane: Lane, awake: Option<usize>) {
        for watcher in self
            .readers(lane)
            .filter(|watcher| Some(watcher.loop_id) != awake)
        {
            (watcher.wake)();
        }
    }

    /// Where a loop's copy of a lane ends, if it has viewers of it.
    pub(super) fn pulled(&self, loop_id: usize, lane: Lane) -> Option<u64> {
        let watcher = self
            .readers(lane)
            .find(|watcher| watcher.loop_id == loop_id)?;
        Some(watcher.pulled[lane.index()])
    }

    /// Notes that a loop has pulled a lane up to `end`.
    pub(super) fn note_pulled(&mut self, loop_id: usize, lane: Lane, end: u64) {
        if let Some(watcher) = self.0.iter_mut().find(|watcher| watcher.loop_id == loop_id) {
            watcher.pulled[lane.index()] = end;
        }
    }

    /// How far the slowest loop has pulled a lane, leaving out `but`.
    pub(super) fn slowest(&self, lane: Lane, but: Option<usize>) -> Option<u64> {
        let others = self
            .readers(lane)
            .filter(|watcher| Some(watcher.loop_id) != but);
        others.map(|watcher| watcher.pulled[lane.index()]).min()
    }
}
