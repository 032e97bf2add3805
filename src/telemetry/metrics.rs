//! Every number of the server, and its text for Prometheus.

use super::exposition::Exposition;
use super::histogram::Histogram;
use super::instrument::{Counter, CounterBy, Gauge, GaugeBy};
use super::label::{
    ConnectionKind, DropReason, HandshakeResult, Label, QueueKind, RefusalReason, Role,
};
use crate::domain::DisconnectReason;

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $kind:ty = $name:literal;)+) => {
        /// The server's numbers; each field's text is also its help in `/metrics`. A field costs
        /// one relaxed atomic addition; hot loops count in a [`super::Tally`] instead.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(#[doc = $help])+ pub $field: $kind,)+
        }

        impl Metrics {
            /// All numbers as Prometheus text, of the type [`super::CONTENT_TYPE`].
            pub fn encode(&self) -> String {
                let mut exposition = Exposition::default();
                let version = [(env!("CARGO_PKG_VERSION"), 1)].into_iter();
                let help = "The running version, as a label; always 1.";
                exposition.gauges("agnt_build_info", help, "version", version);
                $(self.$field.show(&mut exposition, $name, concat!($($help),+).trim());)+
                exposition.into_text()
            }
        }
    };
}

metrics! {
    /// Open connections.
    connections: GaugeBy<ConnectionKind> = "agnt_connections";
    /// Connections and upgrades that were not taken.
    connections_refused: CounterBy<RefusalReason> = "agnt_connections_refused_total";
    /// Sessions past their handshake.
    sessions: GaugeBy<Role> = "agnt_sessions";
    /// Handshakes that ended.
    handshakes: CounterBy<HandshakeResult> = "agnt_handshakes_total";
    /// Connections that ended.
    disconnects: CounterBy<DisconnectReason> = "agnt_disconnects_total";
    /// AGNT frames received.
    frames_in: Counter = "agnt_frames_in_total";
    /// AGNT frames written to viewers, counted once for each viewer.
    frames_out: Counter = "agnt_frames_out_total";
    /// Bytes received over WebSocket.
    bytes_in: Counter = "agnt_bytes_in_total";
    /// Bytes written over WebSocket.
    bytes_out: Counter = "agnt_bytes_out_total";
    /// System calls that wrote to viewers.
    writes: Counter = "agnt_writes_total";
    /// WebSocket messages received.
    messages_in: Counter = "agnt_messages_in_total";
    /// Messages received that were malformed.
    decode_errors: Counter = "agnt_decode_errors_total";
    /// Times that a viewer too far behind was moved to a state frame.
    conflations: Counter = "agnt_conflations_total";
    /// Ticks that ended without their last frame.
    ticks_incomplete: Counter = "agnt_ticks_incomplete_total";
    /// Frames, records or messages that were dropped.
    dropped: CounterBy<DropReason> = "agnt_dropped_total";
    /// Bytes that wait to be sent or are kept for viewers.
    queue_bytes: GaugeBy<QueueKind> = "agnt_queue_bytes";
    /// Streams.
    streams: Gauge = "agnt_streams";
    /// Agents of all streams.
    agents: Gauge = "agnt_agents";
    /// Time from a frame's arrival to its write to a viewer.
    publish_to_write: Histogram = "agnt_publish_to_write_seconds";
    /// Time of one turn of an event loop, without waiting.
    loop_turn: Histogram = "agnt_loop_turn_seconds";
}

/// A kind of metric, and how it is written.
trait Show {
    fn show(&self, exposition: &mut Exposition, name: &str, help: &str);
}

impl Show for Counter {
    fn show(&self, exposition: &mut Exposition, name: &str, help: &str) {
        exposition.counter(name, help, self.value());
    }
}

impl Show for Gauge {
    fn show(&self, exposition: &mut Exposition, name: &str, help: &str) {
        exposition.gauge(name, help, self.value());
    }
}

impl<L: Label> Show for CounterBy<L> {
    fn show(&self, exposition: &mut Exposition, name: &str, help: &str) {
        exposition.counters(name, help, L::NAME, self.values());
    }
}

impl<L: Label> Show for GaugeBy<L> {
    fn show(&self, exposition: &mut Exposition, name: &str, help: &str) {
        exposition.gauges(name, help, L::NAME, self.values());
    }
}

impl Show for Histogram {
    fn show(&self, exposition: &mut Exposition, name: &str, help: &str) {
        exposition.histogram(name, help, &self.snapshot());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::telemetry::Tally;

    /// A reader of the text format that knows only what the format says: samples by their name
    /// and labels, types by family.
    fn read(text: &str) -> (BTreeMap<&str, f64>, BTreeMap<&str, &str>) {
        let (mut samples, mut types) = <(BTreeMap<_, _>, BTreeMap<_, _>)>::default();
        let mut helped = BTreeSet::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                assert!(
                    helped.insert(help.split_once(' ').unwrap().0),
                    "helped twice: {line}"
                );
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(helped.contains(name), "no help before: {line}");
                types.insert(name, kind);
            } else {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(
                    samples.insert(name, value.parse().unwrap()).is_none(),
                    "twice: {line}"
                );
            }
        }
        (samples, types)
    }

    #[test]
    fn what_was_counted_is_read_back() {
        let metrics = Metrics::default();
        metrics.connections.add(ConnectionKind::WebSocket, 5);
        metrics.connections.add(ConnectionKind::WebSocket, -2);
        metrics.disconnects.increment(DisconnectReason::TooSlow);
        metrics.dropped.add(DropReason::OverBound, 40);
        metrics.agents.set(7);
        let mut tally = Tally {
            frames_out: 9,
            bytes_out: 2628,
            ..Tally::default()
        };
        tally.publish_to_write.record_many(60_000, 9);
        tally.flush(&metrics);
        let text = metrics.encode();
        let (samples, types) = read(&text);
        for (name, value) in [
            ("agnt_connections{kind=\"http\"}", 0.0_f64),
            ("agnt_connections{kind=\"websocket\"}", 3.0),
            ("agnt_disconnects_total{reason=\"too_slow\"}", 1.0),
            ("agnt_dropped_total{reason=\"over_bound\"}", 40.0),
            ("agnt_agents", 7.0),
            ("agnt_frames_out_total", 9.0),
            ("agnt_bytes_out_total", 2628.0),
            ("agnt_publish_to_write_seconds_bucket{le=\"0.00005\"}", 0.0),
            ("agnt_publish_to_write_seconds_bucket{le=\"0.0001\"}", 9.0),
            ("agnt_publish_to_write_seconds_bucket{le=\"+Inf\"}", 9.0),
            ("agnt_publish_to_write_seconds_count", 9.0),
            ("agnt_publish_to_write_seconds_sum", 0.00054),
        ] {
            assert_eq!(
                samples.get(name).map(|it| it.to_bits()),
                Some(value.to_bits()),
                "{name}"
            );
        }
        for (name, kind) in types {
            assert_eq!(
                name.ends_with("_total"),
                kind == "counter",
                "{name} is a {kind}"
            );
        }
    }

    #[test]
    fn the_number_of_series_does_not_depend_on_what_happens() {
        let metrics = Metrics::default();
        let lines = metrics.encode().lines().count();
        metrics.frames_in.add(1);
        for reason in DisconnectReason::ALL {
            metrics.disconnects.increment(reason);
        }
        assert_eq!(metrics.encode().lines().count(), lines);
        assert!(lines < 200, "{lines}");
    }
}
