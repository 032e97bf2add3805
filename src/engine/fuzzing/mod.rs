//! The body of the fuzz target over the engine's operations, so that ordinary tests run it over the
//! corpus too.
//!
//! Bytes are a [`script`] of operations. A [`rig`] does each to a stream and to a [`model`] beside
//! it, and compares what both show:
//!
//! - what a loop has pulled is what was appended since it began to watch: in order, bit for bit,
//!   ticks whole; where the bound was passed, the copy begins later and says so;
//! - a state tick holds the model's agents, or those of them that changed; a viewer that gets it
//!   and then reads its lanes sees what the model holds;
//! - bounds hold, and what is refused changes nothing;
//! - nothing panics.

mod lanes;
mod model;
mod publishing;
mod pulled;
mod rig;
mod script;
mod ticks;
mod viewer;
mod viewing;
mod wire;

use std::time::Instant;

/// Operations of one input; more of them find no more.
const OPERATIONS_MAX: usize = 400;

/// Runs the script that `bytes` are, on a clock that starts at `start`; panics if an invariant of
/// the engine does not hold.
pub fn stream_ops(bytes: &[u8], start: Instant) {
    let mut script = script::Script::new(bytes);
    let mut rig = rig::Rig::new(start);
    for _ in 0..OPERATIONS_MAX {
        let Some(operation) = script.next() else {
            break;
        };
        rig.run(operation);
    }
    rig.finish();
}
