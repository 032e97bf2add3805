//! What is looked after all the time: streams, hubs, what clients left behind, and the gauges of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::net::http::Site;

/// How often JSON viewers get positions.
const JSON_TICK: Duration = Duration::from_millis(100);

/// Looks after the streams as long as the server runs.
pub(super) async fn keep_house(site: Arc<Site>) {
    let mut tick = tokio::time::interval(JSON_TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut swept_at = Instant::now();
    loop {
        tick.tick().await;
        let now = Instant::now();
        site.streams.tick_json(now);
        let told = site.hubs.tick(now);
        site.metrics.duplicates.add(told.duplicates);
        site.metrics.redelivered.add(told.redelivered);
        site.metrics.mail_dropped.add(told.mail_dropped);
        site.metrics.mail_expired.add(told.mail_expired);
        if now.duration_since(swept_at) >= Duration::from_secs(1) {
            swept_at = now;
            // While the server drains, publishers leave because they are told to; what they showed stays
            // for the viewers that leave last.
            if !site.is_draining.load(Ordering::Relaxed) {
                let usage = site.hubs.sweep(now);
                site.metrics.streams.set(usage.streams as i64);
                site.metrics.agents.set(usage.agents as i64);
            }
            site.metrics
                .memory_max_bytes
                .set(site.room.bytes_max() as i64);
            site.metrics
                .memory_kept_max_bytes
                .set(site.room.kept_bytes_max() as i64);
            site.metrics
                .memory_used_bytes
                .set(site.room.used_bytes() as i64);
            site.metrics.memory_room.set(site.room.now() as i64);
            if let Some(api) = site.api.get() {
                api.keep_house(now);
            }
        }
    }
}
