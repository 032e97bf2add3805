//! Channels and mail, as a session speaks of them (document C, Multiplexing).

use agnt_codec::{Flags, Frame};
use bytes::Bytes;

use super::opening::call;
use super::session::VisualSession;
use super::version::Version;
use super::wire::Asked;
use crate::control::Refusal;
use crate::control::channel_kind::ChannelKind;
use crate::control::channel_message::write_wrapper;
use crate::control::channel_refusal::ChannelRefusal;
use crate::dialect::{Turn, Wish};
use crate::domain::DisconnectReason;
use crate::engine::Lane;
use crate::engine::encoding::Lease;
use crate::engine::mailbox::{Letter, QueueId};
use crate::engine::retained::Entry;

impl VisualSession {
    fn has_channels(&self) -> bool {
        self.capabilities.multiplexing || self.version == Some(Version::V2_0)
    }

    /// `channel.create`, `channel.close` and the three of `stream.`.
    pub(super) fn on_channel(
        &mut self,
        kind: &str,
        text: &str,
        asked: Asked<'_>,
        turn: &mut Turn<'_>,
    ) {
        let Some(member) = self.member else {
            return;
        };
        if !self.has_channels() {
            let kind = match kind.starts_with("stream.") {
                true => ChannelKind::Stream,
                false => ChannelKind::Channel,
            };
            let refusal = ChannelRefusal::not_negotiated(kind, None);
            return turn
                .wishes
                .push(Wish::Text(refusal.message(asked.correlation)));
        }
        let answer = self.hub.channel_request(member, kind, text, call(turn));
        turn.wishes.extend(answer.reply.map(Wish::Text));
        self.follow_channels(answer.cut, turn);
    }

    /// A message in a channel.
    pub(super) fn on_channel_message(&mut self, text: &str, asked: Asked<'_>, turn: &mut Turn<'_>) {
        let Some(member) = self.member else {
            return;
        };
        if !self.has_channels() {
            let refusal = ChannelRefusal::not_negotiated(ChannelKind::Channel, None);
            return turn
                .wishes
                .push(Wish::Text(refusal.message(asked.correlation)));
        }
        if let Err(refusal) = self.may_publish() {
            return self.refuse(&refusal, asked, turn);
        }
        self.publisher();
        let Some(publisher) = &self.publisher else {
            return;
        };
        match self
            .hub
            .channel_message(member, text, publisher, call(turn))
        {
            Ok(replies) => turn.wishes.extend(replies.into_iter().map(Wish::Text)),
            Err(error) => turn.wishes.push(Wish::Text(error)),
        }
    }

    /// A frame in a channel.
    pub(super) fn on_channel_frame(
        &mut self,
        frame: &Frame<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        let (Some(member), true) = (self.member, self.has_channels()) else {
            let text = format!(
                "flags: {:#04x} asks for what was not negotiated",
                frame.flags().0
            );
            return Err(Refusal::invalid(text));
        };
        if self.hub.channel_frame(member, frame, call(turn))? {
            return Ok(());
        }
        // A channel with content is the server's: what comes in it counts as if it came bare.
        let bare = bare(frame);
        let frame = Frame::exactly(&bare);
        let frame = frame.map_err(|error| Refusal::invalid(error.to_string()))?;
        self.on_frame(&frame, turn)
    }

    /// Brings what is shown in line with the channels that the session has. Where it begins or ends
    /// to read the logs of events, it does so at the cut.
    fn follow_channels(&mut self, cut: [(Lane, u64); 3], turn: &mut Turn<'_>) {
        let before = self.lease.as_ref().map(Lease::lane);
        self.lease_encoding();
        let lane = self.lease.as_ref().map(Lease::lane);
        let hears = self.hears_events();
        let has_turned = self.heard_events != hears;
        self.heard_events = hears;
        if has_turned {
            let entries = cut.map(|(lane, after)| Entry::after(lane, after));
            self.show_from(entries.into(), turn);
        } else if before != lane {
            self.show_again(turn);
        }
    }

    /// Takes letters, the most urgent first, as far as there is room. Returns whether more wait.
    pub(super) fn take_mail(&mut self, room_bytes: usize, turn: &mut Turn<'_>) -> bool {
        if turn.mailbox.has_overflowed() {
            let text = "more messages wait than the session's queues allow";
            let close = Wish::Close(DisconnectReason::TooSlow, text.to_owned());
            turn.wishes.push(close);
            return false;
        }
        if self.desk.as_ref().is_some_and(|desk| desk.is_dismissed()) {
            let text = "the credentials of this session are good no more";
            let close = Wish::Close(DisconnectReason::CredentialsEnded, text.to_owned());
            turn.wishes.push(close);
            return false;
        }
        let mut letters = Vec::new();
        let has_more = turn.mailbox.take(turn.now, room_bytes, &mut letters);
        for (queue, letter) in letters {
            let wish = self.deliver(queue, letter);
            turn.wishes.extend(wish);
        }
        has_more
    }

    fn deliver(&self, queue: QueueId, letter: Letter) -> Option<Wish> {
        // A channel is for who may read; its credentials may have lost that.
        if queue != QueueId::OWN && !self.is_shown {
            return None;
        }
        if letter.is_binary {
            return self.protocols.binary.then_some(Wish::Binary(letter.text));
        }
        if !self.protocols.json {
            return None;
        }
        let text = if queue == QueueId::OWN {
            letter.text.to_vec()
        } else {
            // Of a channel that was closed meanwhile nothing is delivered.
            let name = self.hub.channel_name(self.member?, queue)?;
            let mut wrapped = Vec::with_capacity(letter.text.len() + 96);
            write_wrapper(&name, letter.sequence, &letter.text, &mut wrapped);
            wrapped
        };
        String::from_utf8(text).ok().map(Wish::Text)
    }
}

/// The frame without its channel.
fn bare(frame: &Frame<'_>) -> Bytes {
    let bytes = frame.bytes();
    let (head, payload) = bytes.split_at(agnt_codec::HEADER_BYTES);
    let payload = payload.get(2..).unwrap_or_default();
    let mut bare = Vec::with_capacity(bytes.len());
    bare.extend_from_slice(&head[..5]);
    bare.push(head[5] & !Flags::HAS_CHANNEL.0);
    bare.extend_from_slice(&(payload.len() as u16).to_le_bytes());
    bare.extend_from_slice(payload);
    bare.into()
}
