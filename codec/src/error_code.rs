//! The numbers of the errors that an ERROR frame names, in the order of document C, "Error Codes".
//!
//! Invariant: a number is never given another meaning; new codes are appended.

/// The WebSocket connection failed.
pub const CONNECTION_FAILED: u16 = 1;
/// Authentication failed.
pub const AUTH_FAILED: u16 = 2;
/// A message isn't what the protocol says.
pub const INVALID_MESSAGE: u16 = 3;
/// The agent that was named doesn't exist.
pub const AGENT_NOT_FOUND: u16 = 4;
/// A command was carried out and failed.
pub const COMMAND_FAILED: u16 = 5;
/// Too much was sent in too little time.
pub const RATE_LIMIT_EXCEEDED: u16 = 6;
/// The server is at fault.
pub const INTERNAL_ERROR: u16 = 7;

/// The code's name in JSON; `UNKNOWN` for a number without one.
pub const fn name(code: u16) -> &'static str {
    match code {
        CONNECTION_FAILED => "CONNECTION_FAILED",
        AUTH_FAILED => "AUTH_FAILED",
        INVALID_MESSAGE => "INVALID_MESSAGE",
        AGENT_NOT_FOUND => "AGENT_NOT_FOUND",
        COMMAND_FAILED => "COMMAND_FAILED",
        RATE_LIMIT_EXCEEDED => "RATE_LIMIT_EXCEEDED",
        INTERNAL_ERROR => "INTERNAL_ERROR",
        _ => "UNKNOWN",
    }
}
