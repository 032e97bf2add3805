//! The viewers of one stream on one event loop, and the loop's copy of the stream's lanes.

use std::sync::Arc;

use crate::engine::stream::Lanes;
use crate::engine::{Lane, Stream};

/// The audience; see the module.
#[derive(Debug)]
pub(super) struct Audience {
    pub(super) stream: Arc<Stream>,
    pub(super) lanes: Lanes,
    /// The connections, by token.
    pub(super) viewers: Vec<usize>,
    /// How many of them read each lane.
    pub(super) readers: [usize; Lane::ALL.len()],
}

impl Audience {
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            lanes: Lanes::default(),
            viewers: Vec::new(),
            readers: Default::default(),
        }
    }

    /// Whether the stream has something that this copy lacks.
    pub(super) fn is_behind(&self) -> bool {
        Lane::ALL.iter().any(|&lane| {
            self.readers[lane.index()] > 0
                && self.lanes[lane.index()].end() < self.stream.head(lane)
        })
    }

    pub(super) fn len_bytes(&self, is_meant: fn(Lane) -> bool) -> usize {
        let lanes = Lane::ALL.into_iter().filter(|&lane| is_meant(lane));
        lanes.map(|lane| self.lanes[lane.index()].len_bytes()).sum()
    }
}
