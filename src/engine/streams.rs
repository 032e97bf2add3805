//! All streams of this server, by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::encoding::Bell;
use super::lane::Encoders;
use super::limits::Limits;
use super::stream::Stream;
use crate::domain::StreamName;

/// The table of streams; see the module.
#[derive(Debug)]
pub struct Streams {
    limits: Arc<Limits>,
    encoders: Encoders,
    bell: Arc<Bell>,
    by_name: Mutex<HashMap<StreamName, Arc<Stream>>>,
}

/// As many streams exist as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream: {streams_max} streams exist and streams_max allows no more")]
pub struct StreamsFull {
    /// The bound.
    pub streams_max: usize,
}

/// What is alive, for the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamsUsage {
    /// Streams.
    pub streams: usize,
    /// Agents that are not gone.
    pub agents: usize,
    /// Bytes held in logs.
    pub log_bytes: usize,
}

impl Streams {
    /// No stream yet.
    pub fn new(limits: Limits, encoders: Encoders) -> Self {
        Self {
            limits: Arc::new(limits),
            encoders,
            bell: Arc::default(),
            by_name: Mutex::default(),
        }
    }

    /// What the encoder of these streams listens to.
    pub fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }

    /// The bounds of the engine.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The stream of that name; it is made if it does not exist.
    pub fn open(&self, name: &StreamName) -> Result<Arc<Stream>, StreamsFull> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = by_name.get(name) {
            return Ok(Arc::clone(stream));
        }
        if by_name.len() >= self.limits.streams_max {
            return Err(StreamsFull {
                streams_max: self.limits.streams_max,
            });
        }
        let stream = Arc::new(Stream::with_bell(
            name.clone(),
            Arc::clone(&self.limits),
            self.encoders,
            self.bell(),
        ));
        by_name.insert(name.clone(), Arc::clone(&stream));
        Ok(stream)
    }

    /// Removes what is overdue in every stream and forgets streams that nobody uses and that hold
    /// nothing. To be called about once a second.
    pub fn sweep(&self, now: Instant) -> StreamsUsage {
        let streams: Vec<Arc<Stream>> = self.all();
        let mut usage = StreamsUsage::default();
        for stream in &streams {
            let held = stream.sweep(now);
            usage.agents += held.agents;
            usage.log_bytes += held.log_bytes;
        }
        drop(streams);
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.retain(|_, stream| Arc::strong_count(stream) > 1 || !stream.is_empty(now));
        usage.streams = by_name.len();
        usage
    }

    /// Appends the positions that changed to the JSON lane of every stream that has JSON viewers.
    pub fn tick_json(&self, now: Instant) {
        for stream in self.all() {
            stream.tick_json(now);
        }
    }

    fn all(&self) -> Vec<Arc<Stream>> {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.values().cloned().collect()
    }
}
