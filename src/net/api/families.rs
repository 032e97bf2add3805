//! What `/metrics` shows of the agent API: requests, the fleet and its store, what goes out, the
//! limit on requests.

use agnt_fleet::FleetStats;
use agnt_store::DiskFigures;

use super::service::Api;
use crate::telemetry::{Counter, Exposition, Spans};

impl Api {
    /// Writes the families.
    pub fn show(&self, exposition: &mut Exposition) {
        self.figures.show(exposition);
        let stats = self.fleet.stats();
        show_fleet(&stats, exposition);
        exposition.histogram(
            "agnt_fleet_commit_seconds",
            "Time that commits took, until they were on disk.",
            &self.relay.commit_seconds(),
        );
        show_disk(&stats.disk, exposition);
        self.show_rows(exposition);
        let spans = self.spans.as_deref();
        let count = |of: fn(&Spans) -> &Counter| spans.map_or(0, |spans| of(spans).value());
        let results = [
            ("sent", count(|spans| &spans.sent)),
            ("lost", count(|spans| &spans.lost)),
            ("dropped", count(|spans| &spans.dropped)),
        ];
        let help =
            "Spans that were made for a collector: sent to it, lost on the way, or dropped before.";
        exposition.counters("agnt_spans_total", help, "result", results.into_iter());
        let load = self.outbound.load();
        let gauges: [(&str, &str, usize); 6] = [
            (
                "agnt_outbound_deliveries",
                "Callbacks that wait, are under way or are between two attempts.",
                load.deliveries,
            ),
            (
                "agnt_outbound_delivery_bytes",
                "Bytes of these callbacks.",
                load.delivery_bytes,
            ),
            (
                "agnt_outbound_hosts",
                "Hosts that callbacks and health polls go to.",
                load.hosts,
            ),
            (
                "agnt_rate_limit_clients",
                "Clients whose requests within the last minute are remembered.",
                self.rate.clients(),
            ),
            (
                "agnt_api_keys",
                "API keys, revoked ones included.",
                self.doorkeeper.keyring().list().len(),
            ),
            (
                "agnt_requests_under_way",
                "Requests of the agent API that are not answered yet.",
                self.under_way(),
            ),
        ];
        for (name, help, value) in gauges {
            exposition.gauge(name, help, value as i64);
        }
        let shared = self.shared_limit.as_ref();
        exposition.gauge(
            "agnt_rate_limit_shared_away",
            "Whether Redis is away, so that this server limits requests by itself.",
            shared.is_some_and(|shared| shared.is_away()).into(),
        );
        exposition.counter(
            "agnt_rate_limit_shared_departures_total",
            "Times that Redis went away.",
            shared.map_or(0, |shared| shared.departures()),
        );
    }

    fn show_rows(&self, exposition: &mut Exposition) {
        let tables = self.fleet.read();
        let rows = [
            ("agents", tables.agents.len() as i64),
            ("tasks", tables.tasks.len() as i64),
            ("workflows", tables.workflows.len() as i64),
            ("commands", tables.commands.len() as i64),
            ("templates", tables.templates.len() as i64),
        ];
        drop(tables);
        exposition.gauges(
            "agnt_fleet_rows",
            "Rows of the fleet.",
            "kind",
            rows.into_iter(),
        );
    }
}

fn show_fleet(stats: &FleetStats, exposition: &mut Exposition) {
    let results = [
        (
            "carried_out",
            stats.mutations - stats.refused.min(stats.mutations),
        ),
        ("refused", stats.refused),
        ("replayed", stats.replayed),
        ("turned_away", stats.turned_away),
    ];
    exposition.counters(
        "agnt_fleet_mutations_total",
        "Changes that were asked of the fleet.",
        "result",
        results.into_iter(),
    );
    let counters = [
        (
            "agnt_fleet_commits_total",
            "Commits of the store, one sync each unless syncs are relaxed.",
            stats.commits,
        ),
        (
            "agnt_fleet_committed_total",
            "Changes that these commits carried.",
            stats.committed,
        ),
        (
            "agnt_fleet_commit_failures_total",
            "Commits that failed.",
            stats.commit_failures,
        ),
        (
            "agnt_fleet_commits_without_space_total",
            "Commits that failed because the disk was full.",
            stats.commits_without_space,
        ),
        (
            "agnt_fleet_events_total",
            "Events since the store was made.",
            stats.head,
        ),
    ];
    for (name, help, value) in counters {
        exposition.counter(name, help, value);
    }
    show_fleet_now(stats, exposition);
}

/// What the store asks of its disk.
fn show_disk(disk: &DiskFigures, exposition: &mut Exposition) {
    exposition.gauge(
        "agnt_store_journal_bytes",
        "Bytes of the store's journal; 0 while there is none, for want of room.",
        disk.journal_bytes as i64,
    );
    let counters = [
        (
            "agnt_store_journal_commits_total",
            "Commits that the journal took; others go into the database at once.",
            disk.recorded,
        ),
        (
            "agnt_store_journal_written_bytes_total",
            "Bytes of changes that were appended to the journal.",
            disk.recorded_bytes,
        ),
        (
            "agnt_store_settlements_total",
            "Times that commits were settled in the database beneath the journal.",
            disk.settled,
        ),
    ];
    for (name, help, value) in counters {
        exposition.counter(name, help, value);
    }
    let syncs = [
        ("journal", disk.journal_syncs),
        ("database", disk.database_syncs),
    ];
    let help = "Syncs of the store's files.";
    exposition.counters("agnt_store_syncs_total", help, "file", syncs.into_iter());
}

/// What of the fleet goes up and down.
fn show_fleet_now(stats: &FleetStats, exposition: &mut Exposition) {
    let gauges = [
        (
            "agnt_fleet_batch_max",
            "The most changes that one commit carried.",
            stats.batch_len_max,
        ),
        ("agnt_fleet_queue", "Changes that wait.", stats.queue_len),
        (
            "agnt_fleet_queue_bytes",
            "Bytes of these changes.",
            stats.queue_bytes,
        ),
        ("agnt_fleet_events", "Events that are kept.", stats.events),
        (
            "agnt_fleet_events_bytes",
            "Bytes of these events.",
            stats.events_bytes,
        ),
        (
            "agnt_fleet_topics",
            "Topics that are listed apart.",
            stats.topics,
        ),
        (
            "agnt_fleet_idempotency_keys",
            "Idempotency keys that are kept.",
            stats.idempotency_keys,
        ),
        (
            "agnt_fleet_sessions",
            "Open sessions of agents.",
            stats.sessions,
        ),
        (
            "agnt_store_bytes",
            "Bytes of the store's file.",
            stats.disk_bytes,
        ),
    ];
    for (name, help, value) in gauges {
        exposition.gauge(name, help, value as i64);
    }
}
