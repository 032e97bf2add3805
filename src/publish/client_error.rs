//! What can go wrong between a publisher and its server.

use std::io;

use agnt_codec::EncodeError;

use super::endpoint::EndpointError;

/// Why a publisher can't go on.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not one that a publisher can use.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nobody answers at the address.
    #[error("cannot connect to {authority}: {source}")]
    Connect {
        /// `HOST:PORT`.
        authority: String,
        /// What the system said.
        source: io::Error,
    },
    /// The peer does not speak HTTP as expected.
    #[error("the request for a WebSocket failed: {0}")]
    Http(String),
    /// The server answered the request with something else than a WebSocket.
    #[error("the server refused the WebSocket with status {status}: {text}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The start of the answer's body.
        text: String,
    },
    /// The server answered the handshake with an error.
    #[error("the server refused the handshake: {0}")]
    Handshake(String),
    /// The server did not answer in time.
    #[error("the server did not answer within {seconds} s")]
    Timeout {
        /// The time that was allowed.
        seconds: u64,
    },
    /// The connection has ended.
    #[error(transparent)]
    Ended(#[from] Ending),
    /// A write failed and no reason came.
    #[error("cannot write to the server: {0}")]
    Write(io::Error),
    /// Something does not fit into a frame.
    #[error("cannot be published: {0}")]
    Encode(#[from] EncodeError),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// The server said Close.
    #[error("the server closed the connection with code {code} {reason:?}")]
    Closed {
        /// The close code; 1005 if the server gave none.
        code: u16,
        /// The reason for people, perhaps empty.
        reason: String,
    },
    /// The connection broke off or the server broke the protocol.
    #[error("the connection was lost: {0}")]
    Lost(String),
}
