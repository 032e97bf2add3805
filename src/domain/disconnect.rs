//! Why a connection ended: one reason, one close code, one metric label.

/// The reason of a disconnect. Codes below 4000 are those of RFC 6455, the others are ours
/// (`docs/protocol.md`, Close codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// The peer closed the connection in the regular way.
    PeerClosed,
    /// The peer's TCP connection ended without a close frame.
    PeerGone,
    /// The server is draining.
    GoingAway,
    /// The peer broke RFC 6455.
    ProtocolError,
    /// A text message was not UTF-8.
    NotUtf8,
    /// Too many malformed messages in a row, or too many fragments in one message.
    PolicyViolation,
    /// A message was larger than the limit announced in `handshake_ack`.
    MessageTooBig,
    /// No handshake came in time.
    HandshakeTimeout,
    /// Nothing was heard from the peer for two and a half heartbeat intervals.
    NoLife,
    /// Control messages or events waiting for the peer outgrew their bound.
    TooSlow,
    /// What the peer came in by is good no more, or nothing came in time.
    CredentialsEnded,
    /// The peer's credentials don't allow the session that it asks for.
    NotAllowed,
    /// More came within a second than may, again and again.
    RateLimit,
    /// The peer held much while there was no memory.
    NoMemory,
    /// The server made a mistake in serving this peer.
    InternalError,
}

impl DisconnectReason {
    /// Every reason, in the order of its metric labels.
    pub const ALL: [Self; 15] = [
        Self::PeerClosed,
        Self::PeerGone,
        Self::GoingAway,
        Self::ProtocolError,
        Self::NotUtf8,
        Self::PolicyViolation,
        Self::MessageTooBig,
        Self::HandshakeTimeout,
        Self::NoLife,
        Self::TooSlow,
        Self::CredentialsEnded,
        Self::NotAllowed,
        Self::RateLimit,
        Self::NoMemory,
        Self::InternalError,
    ];

    /// The close code that the peer is told.
    pub const fn code(self) -> u16 {
        match self {
            Self::PeerClosed | Self::PeerGone => 1000,
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::NotUtf8 => 1007,
            Self::PolicyViolation => 1008,
            Self::MessageTooBig => 1009,
            Self::HandshakeTimeout | Self::NoLife => 4408,
            Self::TooSlow => 4409,
            Self::CredentialsEnded => 4401,
            Self::NotAllowed => 4403,
            Self::RateLimit => 4429,
            Self::NoMemory => 4503,
            Self::InternalError => 1011,
        }
    }

    /// The label in `/metrics`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer_closed",
            Self::PeerGone => "peer_gone",
            Self::GoingAway => "going_away",
            Self::ProtocolError => "protocol_error",
            Self::NotUtf8 => "not_utf8",
            Self::PolicyViolation => "policy_violation",
            Self::MessageTooBig => "message_too_big",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::NoLife => "no_life",
            Self::TooSlow => "too_slow",
            Self::CredentialsEnded => "credentials_ended",
            Self::NotAllowed => "not_allowed",
            Self::RateLimit => "rate_limit",
            Self::NoMemory => "no_memory",
            Self::InternalError => "internal_error",
        }
    }

    /// Where the reason stands in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::DisconnectReason;

    #[test]
    fn each_reason_stands_at_its_index() {
        for (index, reason) in DisconnectReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index, "{}", reason.label());
        }
    }
}
