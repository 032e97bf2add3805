//! Every message that a peer may send over a socket, and what it takes to send it: the one table of
//! that, as `agnt_api::routes` is for requests. What isn't in it can't be said.

use super::scope::Scope;

/// In which envelope a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// The envelopes of documents A and B.
    Agents,
    /// The JSON of document C.
    Visual,
    /// AGNT frames.
    Frame,
}

macro_rules! messages {
    ($($family:ident { $($name:ident $word:literal: $needs:expr;)+ })+) => {
        /// A kind of message; see the module.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is named by its word in the table")]
        pub enum Message { $($($name,)+)+ }

        impl Message {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// In which envelope it comes.
            pub const fn family(self) -> Family {
                match self { $($(Self::$name)|+ => Family::$family,)+ }
            }

            /// What its sender calls it.
            pub const fn word(self) -> &'static str {
                match self { $($(Self::$name => $word,)+)+ }
            }

            /// Scopes, each of which is enough; none are needed where there are none.
            pub const fn needs(self) -> &'static [Scope] {
                match self { $($(Self::$name => $needs,)+)+ }
            }
        }
    };
}

const ANYONE: &[Scope] = &[];
const READ: &[Scope] = &[Scope::Read];
const PUBLISH: &[Scope] = &[Scope::Publish];
const CONTROL: &[Scope] = &[Scope::Control];
const AGENTS: &[Scope] = &[Scope::Agents];
/// Of an agent about its own work, or of whoever plans it.
const WORK: &[Scope] = &[Scope::Agents, Scope::Tasks];
/// Of an agent to the one who ordered, over the stream or over the registry.
const ANSWER: &[Scope] = &[Scope::Publish, Scope::Agents, Scope::Tasks];

messages! {
    Agents {
        Subscribe "subscribe": READ;
        Unsubscribe "unsubscribe": ANYONE;
        PublishEvent "publish": PUBLISH;
        Event "event": PUBLISH;
        EventOfStatus "event agent.status_changed": AGENTS;
        EventOfTask "event task.*": WORK;
        EventOfMessage "event message.sent": CONTROL;
        Command "command": CONTROL;
        Request "request": CONTROL;
        Response "response": WORK;
        Heartbeat "heartbeat": ANYONE;
        Acknowledgement "ack": ANYONE;
        PeerError "error": ANYONE;
        Renewal "auth.renew": ANYONE;
    }
    Visual {
        Handshake "handshake": ANYONE;
        VersionNegotiate "version.negotiate": ANYONE;
        VisualHeartbeat "heartbeat": ANYONE;
        VisualRenewal "auth.renew": ANYONE;
        CompressionNegotiate "compression.negotiate": ANYONE;
        ConnectionMetrics "connection.metrics": ANYONE;
        ChannelCreate "channel.create": READ;
        ChannelClose "channel.close": ANYONE;
        StreamOpen "stream.open": READ;
        StreamCredit "stream.credit": ANYONE;
        StreamClose "stream.close": ANYONE;
        ChannelMessage "channel": PUBLISH;
        VisualAcknowledgement "ack": ANYONE;
        AgentStateChanged "agent.state.changed": PUBLISH;
        AgentPerformanceUpdate "agent.performance.update": PUBLISH;
        AgentCapabilityUpdate "agent.capability.update": PUBLISH;
        MessageSent "message.sent": PUBLISH;
        MessageFlowStats "message.flow.stats": PUBLISH;
        GraphUpdate "graph.update": PUBLISH;
        CoordinationInitiated "coordination.initiated": PUBLISH;
        CoordinationProgress "coordination.progress": PUBLISH;
        SystemMetrics "system.metrics": PUBLISH;
        ControlConfigure "control.multi-agent.configure": CONTROL;
        ControlExecute "control.execute": CONTROL;
        ControlResult "control.result": ANSWER;
        VisualError "error": ANSWER;
        RtcOffer "rtc.offer": PUBLISH;
        RtcAnswer "rtc.answer": PUBLISH;
        RtcIce "rtc.ice": PUBLISH;
    }
    Frame {
        PositionFrame "POSITION_UPDATE": PUBLISH;
        StateFrame "STATE_BATCH": PUBLISH;
        MetricsFrame "PERFORMANCE_METRICS": PUBLISH;
        CoordinationFrame "COORDINATION_EVENT": PUBLISH;
        ChannelFrame "channel frame": PUBLISH;
        HeartbeatFrame "HEARTBEAT": ANYONE;
        ErrorFrame "ERROR": ANYONE;
    }
}

impl Message {
    /// Whether it has to do with all streams: what happens, and what is published, is the registry's.
    pub const fn concerns_all_streams(self) -> bool {
        matches!(self, Self::Subscribe | Self::PublishEvent | Self::Event)
    }

    /// Whether its sender speaks as an agent in it, which must be its own (decision X34).
    pub const fn speaks_as_agent(self) -> bool {
        matches!(
            self,
            Self::EventOfStatus
                | Self::EventOfTask
                | Self::Response
                | Self::Handshake
                | Self::AgentStateChanged
                | Self::AgentPerformanceUpdate
                | Self::AgentCapabilityUpdate
                | Self::MessageSent
                | Self::CoordinationInitiated
                | Self::PositionFrame
                | Self::StateFrame
                | Self::MetricsFrame
                | Self::CoordinationFrame
        )
    }

    /// The message of that word.
    pub fn find(family: Family, word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|message| message.family() == family && message.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Message;

    #[test]
    fn no_word_stands_twice_in_a_family_and_each_is_found() {
        let words: HashSet<_> = Message::ALL
            .iter()
            .map(|message| (message.family(), message.word()))
            .collect();
        assert_eq!(words.len(), Message::ALL.len());
        for message in Message::ALL {
            let found = Message::find(message.family(), message.word());
            assert_eq!(found, Some(*message));
        }
    }
}
