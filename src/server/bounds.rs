//! What each part of the server is bound by, as the configuration says.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_fleet::core::CoreSettings;
use agnt_fleet::{EventsKept, FleetSettings};
use agnt_shared_rate::{BadAddress, SharedWindows};

use crate::config::{Config, Durability};
use crate::control::{AlertSettings, HubSettings};
use crate::dialect::visual::VisualSettings;
use crate::domain::MemoryRoom;
use crate::engine::Limits;
use crate::guard::{ClientBounds, Origins, TrustedProxies};
use crate::net::api::{ApiLimits, SharedLimit};
use crate::net::door::DoorRules;
use crate::net::event_loop::{ConnectionLimits, LoopSettings};
use crate::net::ws;
use crate::relay::HealthSettings;

pub(super) fn loop_count(config: &Config) -> usize {
    match config.loops {
        0 => std::thread::available_parallelism()
            .map_or(1, |cores| cores.get() - 1)
            .max(1),
        loops => loops,
    }
}

pub(super) fn engine_limits(config: &Config, room: Arc<MemoryRoom>) -> Limits {
    Limits {
        log_bytes_max: config.log_bytes_max,
        events_bytes_max: config.events_bytes_max,
        resume_bytes_max: config.resume_bytes_max,
        position_grid: config.position_grid.clone(),
        tick_bytes_max: config.tick_bytes_max,
        agents_per_stream_max: config.agents_per_stream_max,
        streams_max: config.streams_max,
        staleness_max: Duration::from_millis(config.staleness_max_ms),
        agent_ttl: (config.agent_ttl_s > 0).then(|| Duration::from_secs(config.agent_ttl_s)),
        publisher_linger: Duration::from_secs(config.publisher_linger_s),
        room,
    }
}

pub(super) fn loop_settings(config: &Config, room: Arc<MemoryRoom>) -> LoopSettings {
    LoopSettings {
        heartbeat: Duration::from_millis(config.heartbeat_ms),
        staleness_max: Duration::from_millis(config.staleness_max_ms),
        write_bytes_max: config.write_bytes_max,
        log_bytes_max: config.log_bytes_max,
        events_bytes_max: config.events_bytes_max,
        resume_bytes_max: config.resume_bytes_max,
        room,
    }
}

pub(super) fn hub_settings(config: &Config) -> HubSettings {
    HubSettings {
        redelivery_ms: config.redelivery_ms,
        json_bytes_max: config.json_bytes_max,
    }
}

pub(super) fn alert_settings(config: &Config) -> AlertSettings {
    AlertSettings {
        system_metrics_ms: config.system_metrics_ms,
        alert_cpu: f64::from(config.alert_cpu_percent) / 100.0,
        alert_memory: f64::from(config.alert_memory_percent) / 100.0,
        alert_error_rate: f64::from(config.alert_error_percent) / 100.0,
        alert_queue_depth: config.alert_queue_depth,
        alert_latency_ms: config.alert_latency_ms,
    }
}

pub(super) fn fleet_settings(config: &Config) -> FleetSettings {
    let ms_of_s = |s: u64| (s > 0).then(|| s.saturating_mul(1000));
    let defaults = FleetSettings::default();
    FleetSettings {
        core: CoreSettings {
            agents_max: config.agents_max,
            tasks_max: config.tasks_max,
            terminal_kept_ms: ms_of_s(config.terminal_kept_s),
            agent_silence_ms: config.agent_silence_ms,
            ..CoreSettings::default()
        },
        store: agnt_store::Options {
            sync: match config.sync {
                Durability::Disk => agnt_store::Sync::Disk,
                Durability::Relaxed => agnt_store::Sync::Relaxed {
                    relaxed_sync_ms: config.relaxed_sync_ms,
                },
            },
            cache_bytes: config
                .store_cache_bytes
                .min(cache_share(memory_bytes_max(config))),
            ..agnt_store::Options::default()
        },
        events_kept: EventsKept {
            count_max: config.events_kept_count,
            bytes_max: config.events_kept_bytes,
            age_ms_max: ms_of_s(config.events_kept_age_s),
        },
        events_ring_bytes_max: defaults
            .events_ring_bytes_max
            .min(cache_share(memory_bytes_max(config))),
        ..defaults
    }
}

pub(super) fn visual_settings(config: &Config) -> VisualSettings {
    VisualSettings {
        heartbeat_ms: config.heartbeat_ms,
        handshake_within: Duration::from_millis(config.handshake_ms),
        message_bytes_max: config.message_bytes_max,
        inflate_bytes_max: config.inflate_bytes_max,
        inflate_bytes_per_s: config.inflate_bytes_per_s,
        json_bytes_max: config.json_bytes_max,
    }
}

pub(super) fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        read: ws::ReadLimits {
            message_bytes_max: config.message_bytes_max,
            fragments_max: config.fragments_max,
        },
        outbox_bytes_max: config.outbox_bytes_max,
    }
}

pub(super) fn health_settings(config: &Config) -> HealthSettings {
    let every_ms = config.health_poll_ms;
    HealthSettings {
        every: (every_ms > 0).then(|| Duration::from_millis(every_ms)),
    }
}

pub(super) fn api_limits(config: &Config) -> ApiLimits {
    ApiLimits {
        body_bytes_max: config.rest_body_bytes_max,
        body_within: Duration::from_millis(config.request_timeout_ms),
        requests_per_minute: NonZeroU32::new(config.rate_limit),
        session_bytes_max: config.outbox_bytes_max,
        token_lifetime_s_max: config.token_lifetime_s_max,
    }
}

pub(super) fn door_rules(config: &Config) -> DoorRules {
    DoorRules {
        origins: Origins::new(config.origin.clone(), config.public_url.as_deref()),
        proxies: TrustedProxies::new(config.trusted_proxy.clone()),
    }
}

pub(super) fn client_bounds(config: &Config) -> ClientBounds {
    ClientBounds {
        connections_per_address: config.connections_per_address,
        connections_per_credential: config.connections_per_credential,
        ws_inbound_bytes_per_s: config.ws_inbound_bytes_per_s,
        ws_text_messages_per_s: config.ws_text_messages_per_s,
    }
}

/// What the process may use: what is set, or what its control group leaves it.
pub(super) fn memory_bytes_max(config: &Config) -> u64 {
    let bytes_max = config.memory_max.resolved(super::memory::group_bytes_max());
    bytes_max.unwrap_or(0)
}

/// What of the memory the store's cache may have at most.
fn cache_share(memory_bytes_max: u64) -> usize {
    match usize::try_from(memory_bytes_max / 16) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(share) => share,
    }
}

/// The limit on requests that is kept with other servers, if there is a Redis for it.
pub(super) fn shared_limit(config: &Config) -> Result<Option<Arc<SharedLimit>>, BadAddress> {
    let Some(address) = &config.redis_url else {
        return Ok(None);
    };
    let limit = NonZeroU32::new(config.rate_limit);
    let windows = SharedWindows::at(address.as_str())?;
    let instances = NonZeroU32::new(config.rate_limit_instances).unwrap_or(NonZeroU32::MIN);
    let shared = SharedLimit::new(windows, limit, instances, Instant::now());
    Ok(Some(Arc::new(shared)))
}
