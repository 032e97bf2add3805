//! What one thread counts between two looks at the shared numbers.

use super::histogram::HistogramTally;
use super::label::QueueKind;
use super::metrics::Metrics;

/// Plain numbers of one thread, most often an event loop, flushed once a turn. A field counts
/// what the field of [`Metrics`] with its name counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// AGNT frames received.
    pub frames_in: u64,
    /// AGNT frames written to viewers, once for each viewer.
    pub frames_out: u64,
    /// Bytes received over WebSocket.
    pub bytes_in: u64,
    /// Bytes written over WebSocket.
    pub bytes_out: u64,
    /// System calls that wrote to viewers.
    pub writes: u64,
    /// WebSocket messages received.
    pub messages_in: u64,
    /// Messages received that were malformed.
    pub decode_errors: u64,
    /// Times that a viewer was moved to a state frame.
    pub conflations: u64,
    /// Ticks that ended without their last frame.
    pub ticks_incomplete: u64,
    /// The change of bytes waiting in outboxes.
    pub outbox_bytes: i64,
    /// The change of bytes kept as positions.
    pub log_bytes: i64,
    /// The change of bytes kept as events.
    pub events_bytes: i64,
    /// Time from a frame's arrival to its write to a viewer.
    pub publish_to_write: HistogramTally,
    /// Time of one turn of an event loop.
    pub loop_turn: HistogramTally,
}

impl Tally {
    /// Adds everything to `metrics` and begins anew. What is zero costs no atomic operation.
    pub fn flush(&mut self, metrics: &Metrics) {
        let Self {
            frames_in,
            frames_out,
            bytes_in,
            bytes_out,
            writes,
            messages_in,
            decode_errors,
            conflations,
            ticks_incomplete,
            outbox_bytes,
            log_bytes,
            events_bytes,
            publish_to_write,
            loop_turn,
        } = std::mem::take(self);
        for (counter, count) in [
            (&metrics.frames_in, frames_in),
            (&metrics.frames_out, frames_out),
            (&metrics.bytes_in, bytes_in),
            (&metrics.bytes_out, bytes_out),
            (&metrics.writes, writes),
            (&metrics.messages_in, messages_in),
            (&metrics.decode_errors, decode_errors),
            (&metrics.conflations, conflations),
            (&metrics.ticks_incomplete, ticks_incomplete),
        ] {
            if count > 0 {
                counter.add(count);
            }
        }
        for (queue, change) in [
            (QueueKind::Outbox, outbox_bytes),
            (QueueKind::Log, log_bytes),
            (QueueKind::Events, events_bytes),
        ] {
            if change != 0 {
                metrics.queue_bytes.add(queue, change);
            }
        }
        for (histogram, tally) in [
            (&metrics.publish_to_write, publish_to_write),
            (&metrics.loop_turn, loop_turn),
        ] {
            if tally.count() > 0 {
                histogram.add(&tally);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_moves_everything_once() {
        let metrics = Metrics::default();
        let mut tally = Tally {
            writes: 2,
            log_bytes: 100,
            ..Tally::default()
        };
        tally.loop_turn.record(1);
        tally.flush(&metrics);
        assert_eq!(tally, Tally::default());
        tally.log_bytes = -40;
        tally.flush(&metrics);
        tally.flush(&metrics);
        assert_eq!(metrics.writes.value(), 2);
        assert_eq!(metrics.queue_bytes.of(QueueKind::Log).value(), 60);
        assert_eq!(metrics.loop_turn.snapshot().count(), 1);
    }
}
