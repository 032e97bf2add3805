//! What concerns the whole stream: how it fares, and what is configured.

use std::time::{Duration, Instant};

use super::configuration::Configure;
use super::envelope::Envelope;
use super::event::Event;
use super::machine::MachineLoad;
use super::receiving::Sender;
use super::refusal::Refusal;
use super::replies;
use super::round::{Audience, Publication, Round};
use super::system_metrics::Vitals;

/// An agent that was heard of within this time is active.
const ACTIVE_FOR: Duration = Duration::from_secs(10);

impl Round<'_> {
    /// `system.metrics` of a session that measures itself.
    pub(super) fn on_system_metrics(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        envelope.payload()?;
        let event = Event::of(envelope, self.now);
        self.publish(Publication {
            expires_at: sender.expires_at,
            ..Publication::of(&event, &[], Some(sender.publisher.number()))
        });
        Ok(())
    }

    /// `control.multi-agent.configure`: in force, announced and answered.
    pub(super) fn on_configure(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Vec<String>, Refusal> {
        let configure = Configure::read(&envelope.payload()?)?;
        self.state.configurations.apply(&configure)?;
        let mut event = Event::of(envelope, self.now);
        if let Some(payload) = configure.payload {
            event = event.saying(payload);
        }
        self.publish(Publication {
            expires_at: sender.expires_at,
            audience: Audience::Everybody,
            ..Publication::of(&event, &[], Some(sender.publisher.number()))
        });
        Ok(vec![replies::configured(&configure.id, envelope.request())])
    }

    /// How the stream fares, if it is time to tell. `is_read`: whether anybody would be told.
    pub(super) fn tell_system_metrics(&mut self, load: MachineLoad, is_read: bool) {
        let alerts = self.alerts.read();
        let every_ms = alerts.system_metrics_ms;
        let now = self.now.instant;
        if !self.state.monitor.is_due(every_ms, now) {
            return;
        }
        let active_since = now.checked_sub(ACTIVE_FOR).unwrap_or(now);
        let (agents_active, agents_total) = match is_read {
            true => self.stream.agent_counts(active_since),
            false => (0, 0),
        };
        let state = &mut *self.state;
        let vitals = Vitals {
            agents_active,
            agents_total,
            load,
            queue_depth: state.queue_depth,
            network_health: state.network_health,
            coordination_efficiency: state.coordinations.efficiency(),
            success_rate: state.directory.mean_success_rate(),
        };
        let targets = state.configurations.targets();
        let payload = state.monitor.report(vitals, &alerts, targets, self.now);
        if is_read {
            let event = Event::own("system.metrics", payload, self.now);
            self.publish(Publication::of(&event, &[], None));
        }
    }

    /// Looks into the mailboxes, once a second.
    pub(super) fn survey_mail(&mut self, now: Instant) {
        const EVERY: Duration = Duration::from_secs(1);
        let is_early = |at: Instant| now.saturating_duration_since(at) < EVERY;
        if self.state.surveyed_at.is_some_and(is_early) {
            return;
        }
        let state = &mut *self.state;
        state.surveyed_at = Some(now);
        let survey = state.members.survey();
        state.tally.mail_dropped += survey.lost.dropped;
        state.tally.mail_expired += survey.lost.expired;
        state.queue_depth = survey.waiting as u64;
        state.network_health = match survey.sessions {
            0 => 1.0,
            sessions => 1.0 - survey.losers as f64 / sessions as f64,
        };
    }
}
