//! What agents decide together, from their proposal to its end.

use std::sync::Arc;

use agnt_codec::Frame;

use super::coordination::{Ballot, Coordination, Initiated};
use super::envelope::Envelope;
use super::event::Event;
use super::receiving::Sender;
use super::refusal::Refusal;
use super::round::{Publication, Round};
use crate::engine::Publisher;

impl Round<'_> {
    /// `coordination.initiated`.
    pub(super) fn on_initiated(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let initiated = Initiated::read(&envelope.payload()?)?;
        let agents: Vec<Arc<str>> = initiated.agents().cloned().collect();
        let begun = self.state.coordinations.begin(initiated, self.now)?;
        let frame = begun.to_frame(|agent| self.stream.numeric_id_of(agent));
        self.publish_coordination_frame(sender.publisher, frame);
        if let Some(initiator) = agents.first() {
            self.state.directory.hear_of(initiator);
        }
        let event = Event::of(envelope, self.now);
        let agents: Vec<&str> = agents.iter().map(AsRef::as_ref).collect();
        self.publish(Publication {
            expires_at: sender.expires_at,
            ..Publication::of(&event, &agents, Some(sender.publisher.number()))
        });
        Ok(())
    }

    /// `coordination.progress`: a vote.
    pub(super) fn on_vote(
        &mut self,
        sender: &Sender<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<(), Refusal> {
        let voter = sender.client.as_deref();
        let ballot = Ballot::read(&envelope.payload()?, voter)?;
        let coordinations = &mut self.state.coordinations;
        let progress = coordinations.vote(voter.unwrap_or_default(), ballot, self.now)?;
        if let Some(progress) = progress {
            self.tell_progress(&progress);
        }
        Ok(())
    }

    /// How far a coordination is, to everybody; the voter too.
    pub(super) fn tell_progress(&mut self, coordination: &Coordination) {
        let frame = coordination.to_frame(|agent| self.stream.numeric_id_of(agent));
        self.publish_coordination_frame(&self.state.server, frame);
        let event = Event::own("coordination.progress", coordination.to_json(), self.now);
        let agents = coordination.agents();
        let agents: Vec<&str> = agents.map(AsRef::as_ref).collect();
        self.publish(Publication::of(&event, &agents, None));
    }

    fn publish_coordination_frame(&self, publisher: &Publisher, frame: Option<Vec<u8>>) {
        let frame = frame.unwrap_or_default();
        if let Ok(frame) = Frame::exactly(&frame) {
            self.stream.publish_event(publisher, &frame, self.call);
        }
    }
}
