//! What a hub's lock guards: everything that is remembered of a stream's conversation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::channel_grant::ChannelGrant;
use super::channels::Channels;
use super::commands::Commands;
use super::configuration::Configurations;
use super::coordination::Coordinations;
use super::directory::Directory;
use super::flows::Flows;
use super::graph::Graph;
use super::hub::HubTally;
use super::members::{MemberId, Members};
use super::metrics_digest::MetricsDigest;
use super::recent::Recent;
use super::redelivery::Redelivery;
use super::registry::Registered;
use super::settings::HubSettings;
use super::silence::Silence;
use super::system_metrics::SystemMonitor;
use crate::engine::Publisher;
use crate::engine::mailbox::QueueId;

/// The most clients that are remembered after they left; the one seen longest ago is forgotten
/// first.
const CLIENTS_MAX: usize = 100_000;

/// The most states and capabilities that sessions told of registered agents and that are remembered
/// until the registry says so too.
const TOLD_MAX: usize = 4096;

/// The state; see the module.
#[derive(Debug)]
pub(super) struct HubState {
    pub(super) members: Members,
    /// Members that get events by mail: they have a channel that carries them.
    pub(super) mailed: BTreeSet<MemberId>,
    /// Clients that had a session here.
    pub(super) clients: Recent<()>,
    pub(super) directory: Directory,
    /// The registered agents of the stream by their ids, as they were last told.
    pub(super) registered: HashMap<Box<str>, Arc<dyn Registered>>,
    /// What sessions told of registered agents lately, and when.
    pub(super) told: Recent<Instant>,
    pub(super) silence: Silence,
    pub(super) metrics: MetricsDigest,
    pub(super) flows: Flows,
    pub(super) graph: Graph,
    pub(super) coordinations: Coordinations,
    pub(super) commands: Commands,
    pub(super) redelivery: Redelivery,
    pub(super) configurations: Configurations,
    pub(super) channels: Channels,
    /// The channels that are open, by member and queue.
    pub(super) grants: BTreeMap<(MemberId, QueueId), ChannelGrant>,
    pub(super) monitor: SystemMonitor,
    /// Who publishes what the server itself says in binary.
    pub(super) server: Publisher,
    /// Whether somebody asked who is who.
    pub(super) is_index_read: bool,
    /// What was counted since the last look.
    pub(super) tally: HubTally,
    /// Since when nobody is here.
    pub(super) empty_since: Option<Instant>,
    /// When mailboxes were last surveyed.
    pub(super) surveyed_at: Option<Instant>,
    /// Share of the sessions that lost no mail between the last two surveys.
    pub(super) network_health: f64,
    /// Letters that waited at the last survey.
    pub(super) queue_depth: u64,
}

impl HubState {
    pub(super) fn new(settings: &HubSettings) -> Self {
        Self {
            members: Members::default(),
            mailed: BTreeSet::new(),
            clients: Recent::new(CLIENTS_MAX),
            directory: Directory::default(),
            registered: HashMap::new(),
            told: Recent::new(TOLD_MAX),
            silence: Silence::default(),
            metrics: MetricsDigest::default(),
            flows: Flows::default(),
            graph: Graph::default(),
            coordinations: Coordinations::default(),
            commands: Commands::default(),
            redelivery: Redelivery::new(Duration::from_millis(settings.redelivery_ms)),
            configurations: Configurations::default(),
            channels: Channels::default(),
            grants: BTreeMap::new(),
            monitor: SystemMonitor::default(),
            server: Publisher::new(false),
            is_index_read: false,
            tally: HubTally::default(),
            empty_since: None,
            surveyed_at: None,
            network_health: 1.0,
            queue_depth: 0,
        }
    }

    /// The open channels of a member.
    pub(super) fn grants_of(&self, member: MemberId) -> impl Iterator<Item = &ChannelGrant> {
        let all = QueueId::OWN..=QueueId(u32::MAX);
        let own = self
            .grants
            .range((member, *all.start())..=(member, *all.end()));
        own.map(|(_, grant)| grant)
    }

    /// A member left: its channels are closed.
    pub(super) fn leave_channels(&mut self, member: MemberId) {
        self.channels.leave(member);
        self.mailed.remove(&member);
        let queues: Vec<_> = self.grants_of(member).map(|grant| grant.queue).collect();
        for queue in queues {
            self.grants.remove(&(member, queue));
        }
    }

    /// A member's channels changed, so it may get events by mail now, or no longer.
    pub(super) fn note_channels(&mut self, member: MemberId) {
        match self.channels.has_json_content_channel(member) {
            true => self.mailed.insert(member),
            false => self.mailed.remove(&member),
        };
    }
}
