//! TLS for connections that come in: the certificate that is shown, the handshakes that are under
//! way, and the socket of a session once its handshake is over.
//!
//! Invariants: a certificate is replaced as a whole or not at all, and only for handshakes that begin
//! afterwards; how many handshakes are under way, and for how long, is bounded; what waits encrypted
//! for one peer is bounded as well.

mod encryption;
mod error;
mod fingerprint;
mod handshakes;
mod self_signed;
mod socket;
mod source;
mod upkeep;
mod validity;

pub use encryption::{Encryption, HandshakeBounds};
pub use error::TlsError;
pub use source::{ClientAuthorities, Source};
pub use upkeep::keep_certificate;

pub(super) use handshakes::Place;
pub(super) use socket::{Taken, TlsSocket};

#[cfg(test)]
mod tests;
