//! The one table of settings: field, default, rule and help of each, in the order of `--help`.
//!
//! The table makes the [`Config`] struct, its defaults and [`SETTINGS`], so that a setting is
//! written down once. A setting's name leads to all its names: field `max_connections` is the
//! key `max_connections` in a file, `--max-connections` and `AGNT_MAX_CONNECTIONS`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::value::{Rule, Value};

/// One setting: its names, what it allows and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key in a configuration file.
    pub key: &'static str,
    /// The command-line flag, without its dashes.
    pub flag: &'static str,
    /// What stands for the value in help texts.
    pub value_name: &'static str,
    /// What is allowed.
    pub rule: Rule,
    /// What the setting is for.
    pub help: &'static str,
    apply: fn(&mut Config, &str) -> bool,
    show: fn(&Config) -> String,
}

impl Setting {
    /// The setting of this key.
    pub fn of_key(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The environment variable.
    pub fn environment(&self) -> String {
        format!("AGNT_{}", self.key.to_ascii_uppercase())
    }

    /// Puts the value of `text` into `config`; false, and no change, where it is not allowed.
    #[must_use]
    pub fn apply(&self, config: &mut Config, text: &str) -> bool {
        (self.apply)(config, text)
    }

    /// The value in `config`, written as TOML.
    pub fn toml(&self, config: &Config) -> String {
        (self.show)(config)
    }
}

macro_rules! settings {
    ($(
        $(#[doc = $help:literal])+
        $field:ident ($flag:literal $value_name:literal): $kind:ty = $default:expr, $rule:expr;
    )+) => {
        /// Everything about the server that can be set; each field's text is also its help.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $help])+ pub $field: $kind,)+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        /// Every setting, in the order of the help.
        pub static SETTINGS: &[Setting] = &[$(
            Setting {
                key: stringify!($field),
                flag: $flag,
                value_name: $value_name,
                rule: $rule,
                help: concat!($($help),+),
                apply: |config, text| match Value::read(text, $rule) {
                    Some(value) => {
                        config.$field = value;
                        true
                    }
                    None => false,
                },
                show: |config| config.$field.toml(),
            },
        )+];
    };
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A whole number from `min` to `max`.
const fn whole(min: u64, max: u64) -> Rule {
    Rule::Whole { min, max }
}

/// Bytes from `min` to 1 TiB: bounds of memory, which no machine here exceeds.
const fn bytes(min: u64) -> Rule {
    whole(min, 1 << 40)
}

const DAY_MS: u64 = 24 * 3600 * 1000;

settings! {
    /// Address and port to listen on; port 0 picks a free one.
    listen ("listen" "ADDR:PORT"): SocketAddr =
        SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), Rule::Address;
    /// Directory of the embedded store; kept for the agent API, unused by streams.
    data_dir ("data-dir" "DIR"): PathBuf = PathBuf::from("./agnt-data"), Rule::Directory;
    /// Requests of the agent API a minute and credential; streams are not counted.
    rate_limit ("rate-limit" "N"): u32 = 1000,
        Rule::WholeOrZero { min: 1, max: 1_000_000_000, zero: "no limit" };
    /// WebSocket sessions at most; the next one gets 503 with Retry-After.
    max_connections ("max-connections" "N"): usize = 10_000, whole(1, 10_000_000);
    /// Lets everyone do everything, also beyond loopback, where the start is refused without it.
    allow_anonymous ("allow-anonymous" "BOOL"): bool = false, Rule::Switch;
    /// Threads that own the viewers' sockets.
    loops ("loops" "N"): usize = 0,
        Rule::WholeOrZero { min: 1, max: 1024, zero: "one per core but one, at least one" };
    /// Time for the whole handshake of a session, in milliseconds; then close 4408.
    handshake_ms ("handshake-ms" "MS"): u64 = 10_000, whole(1, DAY_MS);
    /// Interval of heartbeats in milliseconds; after 2.5 silent ones a session is closed.
    heartbeat_ms ("heartbeat-ms" "MS"): u64 = 30_000, whole(100, DAY_MS);
    /// Time to finish what is under way at a stop, in milliseconds.
    drain_ms ("drain-ms" "MS"): u64 = 10_000, whole(0, DAY_MS);
    /// Seconds of silence after which an agent is removed from its stream.
    agent_ttl_s ("agent-ttl-s" "S"): u64 = 30,
        Rule::WholeOrZero { min: 1, max: 31_536_000, zero: "never" };
    /// Seconds that a publisher's agents stay after it has left.
    publisher_linger_s ("publisher-linger-s" "S"): u64 = 5, whole(0, 31_536_000);
    /// Milliseconds that a viewer may be behind; beyond, it continues at the newest state.
    staleness_max_ms ("staleness-max-ms" "MS"): u64 = 250, whole(1, DAY_MS);
    /// Bytes of control messages that may wait for one connection; beyond, close 4409.
    outbox_bytes_max ("outbox-bytes-max" "BYTES"): usize = MIB, bytes(65_600);
    /// Bytes of states, metrics and coordination kept for a stream's viewers.
    events_bytes_max ("events-bytes-max" "BYTES"): usize = 4 * MIB, bytes(65_600);
    /// Bytes of positions kept for a stream's viewers.
    log_bytes_max ("log-bytes-max" "BYTES"): usize = 32 * MIB, bytes(65_600);
    /// Bytes of one inbound WebSocket message; beyond, close 1009.
    message_bytes_max ("message-bytes-max" "BYTES"): usize = MIB, bytes(1024);
    /// Fragments of one inbound WebSocket message; beyond, close 1008.
    fragments_max ("fragments-max" "N"): usize = 128, whole(1, 1_000_000);
    /// Bytes of one publisher's tick, that is, of its frames up to one without MORE.
    tick_bytes_max ("tick-bytes-max" "BYTES"): usize = 32 * MIB, bytes(65_600);
    /// Agents in one stream at most.
    agents_per_stream_max ("agents-per-stream-max" "N"): usize = 1_000_000,
        whole(1, 100_000_000);
    /// Streams at most.
    streams_max ("streams-max" "N"): usize = 1000, whole(1, 1_000_000);
    /// Unsent bytes that the kernel may hold for one viewer (`TCP_NOTSENT_LOWAT`).
    notsent_lowat_bytes ("notsent-lowat-bytes" "BYTES"): u32 = 65_536, whole(1024, 1 << 30);
    /// Bytes of one write to a viewer at most.
    write_bytes_max ("write-bytes-max" "BYTES"): usize = 512 * KIB, whole(4096, 1 << 30);
    /// Which log lines are shown.
    log ("log" "FILTER"): String = "info".to_owned(), Rule::LogFilter;
    /// Writes log lines as JSON.
    log_json ("log-json" "BOOL"): bool = false, Rule::Switch;
    /// Serves /test/echo, which the RFC 6455 conformance suite needs; for tests only.
    echo_path ("echo-path" "BOOL"): bool = false, Rule::Switch;
}
