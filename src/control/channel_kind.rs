//! Channel or stream: the words of the messages about it.

/// Whether a channel was opened as a channel or as a stream with credit: it decides the words of
/// all messages about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// `channel.create`.
    Channel,
    /// `stream.open`: a channel whose messages are sent only while it has credit.
    Stream,
}

impl ChannelKind {
    /// The key of its name.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Channel => "channelId",
            Self::Stream => "streamId",
        }
    }

    /// The type of the message that says that it is open.
    pub const fn opened(self) -> &'static str {
        match self {
            Self::Channel => "channel.created",
            Self::Stream => "stream.opened",
        }
    }

    /// The type of the message that says that it is closed.
    pub const fn closed(self) -> &'static str {
        match self {
            Self::Channel => "channel.closed",
            Self::Stream => "stream.closed",
        }
    }

    /// The type of the message that refuses.
    pub const fn error(self) -> &'static str {
        match self {
            Self::Channel => "channel.error",
            Self::Stream => "stream.error",
        }
    }
}
