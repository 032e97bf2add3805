//! The one table of settings: field, default, rule and help of each, in the order of `--help`.
//!
//! The table makes the [`Config`] struct, its defaults and [`SETTINGS`], so that a setting is
//! written down once. A setting's name leads to all its names: field `max_connections` is the
//! key `max_connections` in a file, `--max-connections` and `AGNT_MAX_CONNECTIONS`.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use agnt_outbound::HostPattern;

use super::text::{KeySource, Text};
use super::value::{ClientAuth, Durability, Rule, Value};
use crate::domain::{Bound, Network, PositionGrid, RedisAddress, WebOrigin};

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
    /// When a changed value holds.
    pub change: Change,
    /// Whether a password may be in it: no value of it is shown as it was given.
    pub is_secret: bool,
    is_same: fn(&Config, &Config) -> bool,
    apply: fn(&mut Config, &str) -> bool,
    show: fn(&Config) -> String,
    take: fn(&mut Config, &Config),
}

/// When a setting that was changed beside a running server holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// At the next reload.
    Live,
    /// At the next start.
    Restart,
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Live => "live",
            Self::Restart => "restart",
        })
    }
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

    /// Whether two configurations have the same value.
    pub fn is_same(&self, one: &Config, other: &Config) -> bool {
        (self.is_same)(one, other)
    }

    /// The value in `config`, written as TOML; without the password, if one is in it.
    pub fn toml(&self, config: &Config) -> String {
        (self.show)(config)
    }

    /// Puts the value that is in `from` into `config`.
    pub fn take(&self, config: &mut Config, from: &Config) {
        (self.take)(config, from);
    }
}

macro_rules! settings {
    ($(
        $(#[doc = $help:literal])+
        $field:ident ($flag:literal $value_name:literal): $kind:ty = $default:expr, $rule:expr
            $(, $mark:ident)?;
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
                change: change!($($mark)?),
                is_secret: is_secret!($($mark)?),
                is_same: |one, other| one.$field == other.$field,
                apply: |config, text| match Value::read(text, $rule) {
                    Some(value) => {
                        config.$field = value;
                        true
                    }
                    None => false,
                },
                show: |config| config.$field.toml(),
                take: |config, from| config.$field.clone_from(&from.$field),
            },
        )+];
    };
}

/// A row that ends with `live` is one that a reload brings into force.
macro_rules! change {
    (live) => {
        Change::Live
    };
    ($($other:ident)?) => {
        Change::Restart
    };
}

/// A row that ends with `secret` is one in which a password may be.
macro_rules! is_secret {
    (secret) => {
        true
    };
    ($($other:ident)?) => {
        false
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

/// A bound from `min` to `max`, none, or what suits where the server runs.
const fn bound(min: u64, max: u64) -> Rule {
    Rule::Bound { min, max }
}

const DAY_MS: u64 = 24 * 3600 * 1000;

settings! {
    /// Address and port to listen on; port 0 picks a free one.
    listen ("listen" "ADDR:PORT"): SocketAddr =
        SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), Rule::Address;
    /// Address and port at which /metrics, /healthz and /readyz are served to whoever asks, beside the
    /// public one; empty for none.
    metrics_listen ("metrics-listen" "ADDR:PORT"): Option<SocketAddr> = None, Rule::AddressIfAny;
    /// Directory of the embedded store; kept for the agent API, unused by streams.
    data_dir ("data-dir" "DIR"): PathBuf = PathBuf::from("./agnt-data"), Rule::Directory;
    /// When changes reach the disk: before they are answered, or a moment later.
    sync ("sync" "WHEN"): Durability = Durability::Disk, Rule::OneOf(&["disk", "relaxed"]);
    /// With --sync relaxed, milliseconds of answered changes that a crash may lose.
    relaxed_sync_ms ("relaxed-sync-ms" "MS"): u64 = 100, whole(1, 60_000);
    /// Memory for pages of the store's file, in bytes; a sixteenth of that of the process at most.
    store_cache_bytes ("store-cache-bytes" "BYTES"): usize = 64 * MIB, bytes(1 << 20);
    /// Events that are kept; the oldest go first.
    events_kept_count ("events-kept-count" "N"): u64 = 1_000_000, whole(1000, 1 << 32);
    /// Bytes of events that are kept.
    events_kept_bytes ("events-kept-bytes" "BYTES"): u64 = 1024 * MIB as u64, bytes(MIB as u64);
    /// Seconds that events are kept.
    events_kept_age_s ("events-kept-age-s" "S"): u64 = 0,
        Rule::WholeOrZero { min: 60, max: 3_153_600_000, zero: "any age" };
    /// Registered agents at most.
    agents_max ("agents-max" "N"): u32 = 1_000_000, whole(1, 100_000_000);
    /// Tasks at most.
    tasks_max ("tasks-max" "N"): u32 = 10_000_000, whole(1, 1_000_000_000);
    /// Seconds that ended tasks and workflows are kept.
    terminal_kept_s ("terminal-kept-s" "S"): u64 = 0,
        Rule::WholeOrZero { min: 1, max: 3_153_600_000, zero: "no end" };
    /// Milliseconds of silence after which a registered agent is offline.
    agent_silence_ms ("agent-silence-ms" "MS"): u64 = 90_000, whole(100, DAY_MS);
    /// Milliseconds for the body of a request to come.
    request_timeout_ms ("request-timeout-ms" "MS"): u64 = 30_000, whole(10, DAY_MS), live;
    /// Bytes of the body of a request at most; larger is refused.
    rest_body_bytes_max ("rest-body-bytes-max" "BYTES"): usize = MIB, whole(1024, 64 << 20), live;
    /// Hosts that callbacks and health polls may call, with commas between: NAME, *.NAME, ADDRESS,
    /// NETWORK/BITS, each with :PORT if need be; empty for none.
    outbound_allow ("outbound-allow" "HOSTS"): Vec<HostPattern> = Vec::new(), Rule::Hosts;
    /// Lets allowed names lead to private addresses.
    outbound_allow_private ("outbound-allow-private" "BOOL"): bool = false, Rule::Switch;
    /// File with the key that callbacks are signed with; needed with --outbound-allow.
    outbound_hmac_secret_file ("outbound-hmac-secret-file" "FILE"): Option<PathBuf> = None,
        Rule::FileIfAny;
    /// Milliseconds between two health polls of an agent that said where.
    health_poll_ms ("health-poll-ms" "MS"): u64 = 0,
        Rule::WholeOrZero { min: 1000, max: DAY_MS, zero: "none" }, live;
    /// Address by which clients reach this server, for the descriptions of the API; empty for the one
    /// that it listens on.
    public_url ("public-url" "URL"): Option<String> = None, Rule::UrlIfAny;
    /// Origins of pages that may change things and open sockets beside the server's own, with commas
    /// between; empty for none.
    origin ("origin" "ORIGINS"): Vec<WebOrigin> = Vec::new(), Rule::Origins, live;
    /// Networks of proxies whose Forwarded or X-Forwarded-For names the client, with commas between;
    /// empty for none.
    trusted_proxy ("trusted-proxy" "NETWORKS"): Vec<Network> = Vec::new(), Rule::Networks, live;
    /// Requests of the agent API a minute and credential; streams are not counted.
    rate_limit ("rate-limit" "N"): u32 = 1000,
        Rule::WholeOrZero { min: 1, max: 1_000_000_000, zero: "no limit" }, live;
    /// Redis in which several servers keep that limit together; empty for none. Its password is never
    /// shown.
    redis_url ("redis-url" "URL"): Option<RedisAddress> = None, Rule::RedisIfAny, secret;
    /// How many servers share it: without Redis each grants its part.
    rate_limit_instances ("rate-limit-instances" "N"): u32 = 1, whole(1, 10_000);
    /// WebSocket sessions at most; the next one gets 503 with Retry-After.
    max_connections ("max-connections" "N"): usize = 10_000, whole(1, 10_000_000), live;
    /// Connections of one address at most, of requests and of sessions each; the next one gets 429.
    /// Left to the server, any number from loopback while there are no credentials, and 1000 otherwise.
    connections_per_address ("connections-per-address" "N"): Bound = Bound::Automatic,
        bound(1, 10_000_000), live;
    /// WebSocket sessions of one credential at most; the next one gets 429. Left to the server, 2000.
    connections_per_credential ("connections-per-credential" "N"): Bound = Bound::Automatic,
        bound(1, 10_000_000), live;
    /// Bytes a second that may come over WebSocket from one credential, or a session without one;
    /// more is refused, and then closed with 4429. Left to the server, any number from loopback while
    /// there are no credentials, and 64 MiB otherwise.
    ws_inbound_bytes_per_s ("ws-inbound-bytes-per-s" "BYTES"): Bound = Bound::Automatic,
        bound(65_536, 1 << 40), live;
    /// Text messages a second that may come over WebSocket, likewise. Left to the server, any number
    /// from loopback while there are no credentials, and 2000 otherwise.
    ws_text_messages_per_s ("ws-text-messages-per-s" "N"): Bound = Bound::Automatic,
        bound(1, 1_000_000_000), live;
    /// Bytes of memory at most; beyond 80 % changes get 503, beyond 90 % new sessions too, of a small
    /// bound earlier. Left to the server, 80 % of what its control group may have, if that is bounded.
    memory_max ("memory-max" "BYTES"): Bound = Bound::Automatic, bound(64 << 20, 1 << 50);
    /// Lets everyone do everything, also beyond loopback, where the start is refused without it.
    allow_anonymous ("allow-anonymous" "BOOL"): bool = false, Rule::Switch;
    /// Files with public keys that tokens are signed with, PEM, with commas between; each key is for
    /// one algorithm: RS256, ES256 or Ed25519. Read again when they change.
    jwt_key ("jwt-key" "FILES"): Vec<PathBuf> = Vec::new(), Rule::Files;
    /// The same as a JWKS document: a file, read again when it changes, or where
    /// an issuer publishes it.
    jwks ("jwks" "FILE|URL"): Option<KeySource> = None, Rule::FileOrUrl;
    /// An OIDC issuer, which says where its keys are.
    oidc_issuer ("oidc-issuer" "URL"): Option<Text> = None, Rule::IssuerIfAny;
    /// File with the secret that tokens are signed with by HS256; at least 32 bytes.
    /// Read again when it changes.
    jwt_hs256_secret_file ("jwt-hs256-secret-file" "FILE"): Option<PathBuf> = None,
        Rule::FileIfAny;
    /// Who makes the tokens of the keys above, as in iss; empty for anyone
    /// who has those keys.
    jwt_issuer ("jwt-issuer" "NAME"): Option<Text> = None, Rule::TextIfAny;
    /// Whom tokens are for, as in aud, with commas between; one of these is needed.
    jwt_audience ("jwt-audience" "NAMES"): Vec<Text> = Vec::new(), Rule::Texts;
    /// File with the private key that the server signs its own tokens with (POST /api/v1/auth/token),
    /// PEM; empty for a key that is made at the start and ends with it.
    token_key ("token-key" "FILE"): Option<PathBuf> = None, Rule::FileIfAny;
    /// The issuer of the server's own tokens, as in iss.
    token_issuer ("token-issuer" "NAME"): Text = Text::new("agnt"), Rule::Text;
    /// Seconds that the server's own tokens are good.
    token_ttl_s ("token-ttl-s" "S"): u64 = 900, whole(10, 86_400);
    /// Seconds that any token may be good at most.
    token_lifetime_s_max ("token-lifetime-s-max" "S"): u64 = 86_400, whole(60, 31_536_000);
    /// PEM file of the certificate, its issuers behind it; turns TLS on. Read again when it changes.
    tls_cert ("tls-cert" "FILE"): Option<PathBuf> = None, Rule::FileIfAny;
    /// PEM file of the certificate's key. Read again when it changes.
    tls_key ("tls-key" "FILE"): Option<PathBuf> = None, Rule::FileIfAny;
    /// PEM file of those who sign clients' certificates, which are asked for then. Read again when it
    /// changes.
    tls_client_ca ("tls-client-ca" "FILE"): Option<PathBuf> = None, Rule::FileIfAny;
    /// With --tls-client-ca, whether clients must show a certificate.
    tls_client_auth ("tls-client-auth" "WORD"): ClientAuth = ClientAuth::Required,
        Rule::OneOf(&["required", "optional"]);
    /// TLS with a certificate that is made at the start, for trying out.
    tls_self_signed ("tls-self-signed" "BOOL"): bool = false, Rule::Switch;
    /// Lets everyone on the way read along: listening beyond loopback without TLS is refused otherwise.
    allow_plaintext ("allow-plaintext" "BOOL"): bool = false, Rule::Switch;
    /// Milliseconds that a TLS handshake may take.
    tls_handshake_ms ("tls-handshake-ms" "MS"): u64 = 10_000, whole(100, DAY_MS);
    /// TLS handshakes under way at most; one more takes the place of the oldest.
    tls_handshakes_max ("tls-handshakes-max" "N"): usize = 1024, whole(1, 1_000_000);
    /// Threads that own the viewers' sockets.
    loops ("loops" "N"): usize = 0,
        Rule::WholeOrZero { min: 1, max: 1024, zero: "one per core but one, at least one" };
    /// Time for the whole handshake of a session, in milliseconds; then close 4408.
    handshake_ms ("handshake-ms" "MS"): u64 = 10_000, whole(1, DAY_MS), live;
    /// Interval of heartbeats in milliseconds; after 2.5 silent ones a session is closed.
    heartbeat_ms ("heartbeat-ms" "MS"): u64 = 30_000, whole(100, DAY_MS);
    /// Milliseconds over which a stop spreads the ends of sessions; half of --drain-ms at most.
    drain_window_ms ("drain-window-ms" "MS"): u64 = 5000, whole(0, DAY_MS), live;
    /// Time to finish what is under way at a stop, in milliseconds.
    drain_ms ("drain-ms" "MS"): u64 = 10_000, whole(0, DAY_MS), live;
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
    /// Bytes of each kind of JSON events kept for sessions that come back.
    resume_bytes_max ("resume-bytes-max" "BYTES"): usize = 4 * MIB, bytes(65_600);
    /// Step to which positions are rounded when they come in, so that they compress.
    position_grid ("position-grid" "STEP"): PositionGrid = PositionGrid::default(), Rule::Grid;
    /// Bytes that one compressed message may inflate to.
    inflate_bytes_max ("inflate-bytes-max" "BYTES"): usize = MIB, bytes(65_600), live;
    /// Bytes a second that one session's compressed messages may inflate to.
    inflate_bytes_per_s ("inflate-bytes-per-s" "BYTES"): u64 = 256 * MIB as u64, bytes(65_600), live;
    /// Milliseconds between two system.metrics messages.
    system_metrics_ms ("system-metrics-ms" "MS"): u64 = 5000,
        Rule::WholeOrZero { min: 100, max: DAY_MS, zero: "none" }, live;
    /// Bytes of one inbound JSON message; larger is refused.
    json_bytes_max ("json-bytes-max" "BYTES"): usize = 64 * KIB, bytes(1024);
    /// Share of the processors in use, in percent, beyond which system.metrics alerts.
    alert_cpu_percent ("alert-cpu-percent" "N"): u32 = 90, whole(1, 100), live;
    /// Share of the memory in use, in percent, beyond which system.metrics alerts.
    alert_memory_percent ("alert-memory-percent" "N"): u32 = 90, whole(1, 100), live;
    /// Share of messages that were refused, in percent, beyond which system.metrics alerts.
    alert_error_percent ("alert-error-percent" "N"): u32 = 5, whole(1, 100), live;
    /// Messages that wait for sessions beyond which system.metrics alerts.
    alert_queue_depth ("alert-queue-depth" "N"): u64 = 10_000, whole(1, 1 << 40), live;
    /// Average milliseconds of messages on their way beyond which system.metrics alerts.
    alert_latency_ms ("alert-latency-ms" "MS"): u64 = 250, whole(1, DAY_MS), live;
    /// Milliseconds after which a message that was not acknowledged is sent again.
    redelivery_ms ("redelivery-ms" "MS"): u64 = 2000, whole(100, DAY_MS);
    /// Bytes of positions kept for a stream's viewers.
    log_bytes_max ("log-bytes-max" "BYTES"): usize = 32 * MIB, bytes(65_600);
    /// Bytes of one inbound WebSocket message; beyond, close 1009.
    message_bytes_max ("message-bytes-max" "BYTES"): usize = MIB, bytes(1024), live;
    /// Fragments of one inbound WebSocket message; beyond, close 1008.
    fragments_max ("fragments-max" "N"): usize = 128, whole(1, 1_000_000), live;
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
    /// Server that is sent what took how long, by OTLP over HTTP (/v1/traces, JSON); empty for none.
    otlp_endpoint ("otlp-endpoint" "URL"): Option<String> = None, Rule::UrlIfAny;
    /// Share of requests and sessions that begin a trace, in percent; one that comes with a traceparent
    /// is recorded if that says so.
    otlp_percent ("otlp-percent" "N"): u32 = 100, whole(0, 100);
    /// Which log lines are shown.
    log ("log" "FILTER"): String = "info".to_owned(), Rule::LogFilter, live;
    /// Writes log lines as JSON.
    log_json ("log-json" "BOOL"): bool = false, Rule::Switch;
    /// Serves /test/echo, which the RFC 6455 conformance suite needs; for tests only.
    echo_path ("echo-path" "BOOL"): bool = false, Rule::Switch;
}
