//! Every number of the server, and its text for Prometheus.

use super::exposition::Exposition;
use super::histogram::Histogram;
use super::instrument::{Counter, CounterBy, Gauge, GaugeBy, TimeCounter};
use super::label::{
    CertificateReload, ConnectionKind, DropReason, HandshakeResult, Label, QueueKind,
    RefusalReason, ReloadResult, Role, TlsHandshake,
};
use super::process;
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
                self.exposition().into_text()
            }

            /// The same, to be continued.
            pub fn exposition(&self) -> Exposition {
                let mut exposition = Exposition::default();
                let version = [(env!("CARGO_PKG_VERSION"), 1)].into_iter();
                let help = "The running version, as a label; always 1.";
                exposition.gauges("agnt_build_info", help, "version", version);
                $(self.$field.show(&mut exposition, $name, concat!($($help),+).trim());)+
                process::show(&mut exposition);
                exposition
            }
        }
    };
}

metrics! {
    /// Open connections.
    connections: GaugeBy<ConnectionKind> = "agnt_connections";
    /// Connections and upgrades that were not taken.
    connections_refused: CounterBy<RefusalReason> = "agnt_connections_refused_total";
    /// TLS handshakes that ended.
    tls_handshakes: CounterBy<TlsHandshake> = "agnt_tls_handshakes_total";
    /// Times that the certificate's files were read again.
    certificate_reloads: CounterBy<CertificateReload> = "agnt_certificate_reloads_total";
    /// When the certificate that is shown ends, in seconds since 1970; 0 without TLS.
    certificate_expires: Gauge = "agnt_certificate_expires_timestamp_seconds";
    /// Sessions past their handshake.
    sessions: GaugeBy<Role> = "agnt_sessions";
    /// Sessions that took nothing for longer than viewers may be behind.
    viewers_stalled: Gauge = "agnt_viewers_stalled";
    /// Sessions that there may be.
    sessions_max: Gauge = "agnt_sessions_max";
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
    /// Ticks made in other encodings, each once however many encodings are in use.
    encoder_ticks: Counter = "agnt_encoder_ticks_total";
    /// Compressed messages made, each once for all viewers.
    encoder_batches: Counter = "agnt_encoder_batches_total";
    /// State frames made for viewers of an encoding.
    encoder_states: Counter = "agnt_encoder_states_total";
    /// Times that the encoder could not keep up and went on with the newest records.
    encoder_conflations: Counter = "agnt_encoder_conflations_total";
    /// Bytes of frames before they were encoded, for each encoding.
    encoder_bytes_in: Counter = "agnt_encoder_bytes_in_total";
    /// Bytes of messages that the encoder made.
    encoder_bytes_out: Counter = "agnt_encoder_bytes_out_total";
    /// Processor time that the encoder has used.
    encoder_cpu: TimeCounter = "agnt_encoder_cpu_seconds_total";
    /// Bytes that compressed messages of publishers inflated to.
    inflated_bytes: Counter = "agnt_inflated_bytes_total";
    /// Compressed messages of publishers that were refused.
    inflate_errors: Counter = "agnt_inflate_errors_total";
    /// Messages of a sender that had come before.
    duplicates: Counter = "agnt_duplicates_total";
    /// Messages that were dropped at a full queue of a channel.
    mail_dropped: Counter = "agnt_mail_dropped_total";
    /// Messages that expired before they were sent.
    mail_expired: Counter = "agnt_mail_expired_total";
    /// Messages sent again because they were not acknowledged.
    redelivered: Counter = "agnt_redelivered_total";
    /// Time from a ping to its pong.
    round_trip: Histogram = "agnt_round_trip_seconds";
    /// Callbacks that were taken to be sent.
    callbacks_accepted: Counter = "agnt_callbacks_accepted_total";
    /// Callbacks that were not taken, because too many waited.
    callbacks_overflowed: Counter = "agnt_callbacks_overflowed_total";
    /// Attempts to send callbacks.
    callback_attempts: Counter = "agnt_callback_attempts_total";
    /// Attempts that were followed by another.
    callbacks_retried: Counter = "agnt_callbacks_retried_total";
    /// Callbacks that arrived.
    callbacks_delivered: Counter = "agnt_callbacks_delivered_total";
    /// Callbacks that failed for good.
    callbacks_failed: Counter = "agnt_callbacks_failed_total";
    /// Times that a host was left alone because it failed too often.
    callback_circuits_opened: Counter = "agnt_callback_circuits_opened_total";
    /// Documents of issuers' keys that were fetched and taken.
    key_fetches_done: Counter = "agnt_issuer_key_fetches_done_total";
    /// Documents of issuers' keys that could not be fetched, or were no good; the old keys stay.
    key_fetches_failed: Counter = "agnt_issuer_key_fetches_failed_total";
    /// Times that the files of issuers' keys were read again.
    key_file_reloads: CounterBy<ReloadResult> = "agnt_key_file_reloads_total";
    /// Issuers of tokens whose keys must be fetched and aren't there, so that none of their tokens is
    /// good.
    issuers_without_keys: Gauge = "agnt_issuers_without_keys";
    /// Health polls that found a healthy agent.
    health_polls_healthy: Counter = "agnt_health_polls_healthy_total";
    /// Health polls that found none.
    health_polls_unhealthy: Counter = "agnt_health_polls_unhealthy_total";
    /// Time of attempts to send callbacks.
    callback_attempt: Histogram = "agnt_callback_attempt_seconds";
    /// Times that the configuration was read anew.
    reloads: CounterBy<ReloadResult> = "agnt_reloads_total";
    /// Settings that were changed and hold only after the next start.
    settings_awaiting_restart: Gauge = "agnt_settings_awaiting_restart";
    /// Times that a background task ended and was begun anew.
    task_restarts: Counter = "agnt_task_restarts_total";
    /// Memory that the process may have, in bytes; 0 for any.
    memory_max_bytes: Gauge = "agnt_memory_max_bytes";
    /// With more than this in use, in bytes, nothing is taken any more that would be kept for good; 0 for any.
    memory_kept_max_bytes: Gauge = "agnt_memory_kept_max_bytes";
    /// Memory that it has, in bytes.
    memory_used_bytes: Gauge = "agnt_memory_used_bytes";
    /// Room in memory: 0 ample, 1 tight (new work is refused), 2 hardly any.
    memory_room: Gauge = "agnt_memory_room";
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

impl Show for TimeCounter {
    fn show(&self, exposition: &mut Exposition, name: &str, help: &str) {
        exposition.time_counter(name, help, self.value_ns());
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
        assert!(lines < 400, "{lines}");
    }
}
