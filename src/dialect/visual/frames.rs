//! What a session's peer sends in binary.

use agnt_codec::{
    CompressedBatch, Emit, Flags, Frame, Frames, Heartbeat, HeartbeatFrame, HeartbeatStamps,
    MessageType, Payload,
};
use agnt_encoding::compression::Inflator;
use bytes::Bytes;

use super::admission::frame_message;
use super::opening::call;
use super::session::VisualSession;
use super::wire::{Role, shown};
use crate::control::Refusal;
use crate::dialect::{Turn, Wish};
use crate::domain::{ErrorCode, time};
use crate::engine::{Mandate, PublishError};

impl VisualSession {
    /// Takes in the frames of a message, up to the first that is refused.
    pub(super) fn on_frames(
        &mut self,
        frames: Frames<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        for frame in frames {
            let frame = frame.map_err(|error| Refusal::invalid(error.to_string()))?;
            if let Payload::Compressed(batch) = frame.payload() {
                turn.tally.frames_in += 1;
                self.on_batch(&batch, turn)?;
            } else {
                self.on_frame(&frame, turn)?;
            }
        }
        Ok(())
    }

    pub(super) fn on_frame(
        &mut self,
        frame: &Frame<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        turn.tally.frames_in += 1;
        let call = call(turn);
        let payload = frame.payload();
        if let Some(message) = frame_message(&payload) {
            self.permits(message)?;
        }
        match payload {
            Payload::Positions(_) => {
                self.admit(frame, turn)?;
                self.publish_plain(turn);
                let stream = std::sync::Arc::clone(&self.stream);
                let outcome = stream.publish_positions(self.publisher(), frame, call);
                outcome.map_err(|error| bound(&error))?;
            }
            Payload::States(states) => {
                self.admit(frame, turn)?;
                let stream = std::sync::Arc::clone(&self.stream);
                let publisher = self.publisher();
                let number = publisher.number();
                let changes = stream
                    .publish_states(publisher, frame, &states, call)
                    .map_err(|error| bound(&error))?;
                self.hub.note_states(&changes, number, call);
            }
            Payload::Metrics(metrics) => {
                self.admit(frame, turn)?;
                let stream = std::sync::Arc::clone(&self.stream);
                let publisher = self.publisher();
                let number = publisher.number();
                stream
                    .publish_metrics(publisher, frame, metrics, call)
                    .map_err(|error| bound(&error))?;
                self.hub.note_metrics(metrics, number, call);
            }
            Payload::Coordination(event) => {
                self.admit(frame, turn)?;
                let stream = std::sync::Arc::clone(&self.stream);
                let publisher = self.publisher();
                let number = publisher.number();
                stream.publish_event(publisher, frame, call);
                self.hub.note_coordination(&event, number, call);
            }
            Payload::Heartbeat(heartbeat) => on_heartbeat(heartbeat, turn),
            Payload::Error(error) => {
                tracing::debug!(code = error.code, text = %shown(error.text), "peer reports an error");
            }
            Payload::Encoded(_) if frame.flags().contains(Flags::HAS_CHANNEL) => {
                self.may_publish()?;
                self.on_channel_frame(frame, turn)?;
            }
            Payload::Encoded(_) => {
                let flags = frame.flags().0;
                let text = format!("flags: {flags:#04x} asks for what was not negotiated");
                return Err(Refusal::invalid(text));
            }
            _ => turn.tally.frames_unknown += 1,
        }
        Ok(())
    }

    /// Inflates a batch, within the bounds, and takes in its frames.
    fn on_batch(
        &mut self,
        batch: &CompressedBatch<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        let Some((algorithm, _)) = self.terms.compression else {
            let text = "type 5 (COMPRESSED_BATCH): no compression was negotiated";
            return Err(Refusal::invalid(text));
        };
        let bytes_max = self.settings.inflate_bytes_max;
        let refused = |text: String, turn: &mut Turn<'_>| {
            turn.tally.inflate_errors += 1;
            Refusal::invalid(text)
        };
        if let Err(error) = Inflator::check_announced(batch, bytes_max) {
            return Err(refused(error.to_string(), turn));
        }
        let taken = self.inflate_budget.take_batch(batch, turn.now);
        taken.map_err(|error| Refusal::bound(error.to_string()))?;
        let mut frames = Vec::new();
        let inflated = Inflator::new().inflate(algorithm, batch, bytes_max, &mut frames);
        if let Err(error) = inflated {
            return Err(refused(error.to_string(), turn));
        }
        turn.tally.inflated_bytes += frames.len() as u64;
        let is_nested = |frame: Frame<'_>| frame.kind() == MessageType::COMPRESSED_BATCH;
        if Frames::new(&frames).flatten().any(is_nested) {
            let text = "data: a COMPRESSED_BATCH within a COMPRESSED_BATCH is not allowed";
            return Err(refused(text.to_owned(), turn));
        }
        self.on_frames(Frames::new(&frames), turn)
    }

    /// Whether it may send such a frame, and speak for the agents that the frame names.
    fn admit(&mut self, frame: &Frame<'_>, turn: &Turn<'_>) -> Result<(), Refusal> {
        self.may_publish()?;
        self.publisher();
        let (Some(publisher), desk) = (&mut self.publisher, &self.desk) else {
            return Ok(());
        };
        let mandate = || desk.as_ref().map_or(Mandate::Nobody, |desk| desk.mandate());
        let admitted = publisher.admit(frame, turn.now, mandate);
        admitted.map_err(|error| Refusal {
            code: ErrorCode::AuthFailed,
            text: error.to_string(),
            reason: Some("scope"),
        })
    }

    /// Whether its role lets it send.
    pub(super) fn may_publish(&self) -> Result<(), Refusal> {
        if self.role == Some(Role::Viewer) {
            return Err(Refusal {
                code: ErrorCode::AuthFailed,
                text: "role: a viewer may not send data; role publisher or none may".to_owned(),
                reason: Some("role"),
            });
        }
        Ok(())
    }
}

fn bound(error: &PublishError) -> Refusal {
    Refusal::bound(error.to_string())
}

fn on_heartbeat(heartbeat: Heartbeat<'_>, turn: &mut Turn<'_>) {
    let answer = match heartbeat {
        Heartbeat::Empty => HeartbeatFrame::Empty,
        Heartbeat::Stamped(stamps) => HeartbeatFrame::Stamped(HeartbeatStamps {
            server_receive_us: time::unix_us().into(),
            server_send_us: time::unix_us().into(),
            ..*stamps
        }),
    };
    let mut frame = vec![0; answer.encoded_bytes()];
    if answer.emit(Flags::NONE, &mut frame).is_ok() {
        turn.wishes.push(Wish::Binary(Bytes::from(frame)));
    }
}
