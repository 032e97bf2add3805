//! The one catalogue of errors that peers are told (document C, Error Codes).

/// An error code with its name, its number in AGNT ERROR frames and its advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The WebSocket connection could not be served.
    ConnectionFailed,
    /// The credentials do not allow this.
    AuthFailed,
    /// The message is malformed or does not belong here.
    InvalidMessage,
    /// The agent is not known.
    AgentNotFound,
    /// The command could not be carried out.
    CommandFailed,
    /// Too many requests, or a cap is reached.
    RateLimitExceeded,
    /// The server's own fault.
    InternalError,
}

impl ErrorCode {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectionFailed => "CONNECTION_FAILED",
            Self::AuthFailed => "AUTH_FAILED",
            Self::InvalidMessage => "INVALID_MESSAGE",
            Self::AgentNotFound => "AGENT_NOT_FOUND",
            Self::CommandFailed => "COMMAND_FAILED",
            Self::RateLimitExceeded => "RATE_LIMIT_EXCEEDED",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    /// The number in AGNT ERROR frames.
    pub const fn number(self) -> u16 {
        match self {
            Self::ConnectionFailed => 1,
            Self::AuthFailed => 2,
            Self::InvalidMessage => 3,
            Self::AgentNotFound => 4,
            Self::CommandFailed => 5,
            Self::RateLimitExceeded => 6,
            Self::InternalError => 7,
        }
    }

    /// Whether the peer may go on after it.
    pub const fn recoverable(self) -> bool {
        !matches!(self, Self::InternalError)
    }

    /// What the peer may do next.
    pub const fn suggested_action(self) -> &'static str {
        match self {
            Self::ConnectionFailed => "reconnect",
            Self::AuthFailed => "check_credentials",
            Self::InvalidMessage => "check_message",
            Self::AgentNotFound => "verify_agent_id",
            Self::CommandFailed => "check_command",
            Self::RateLimitExceeded => "slow_down",
            Self::InternalError => "report",
        }
    }
}
