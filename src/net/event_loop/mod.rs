//! Event loops: each is one thread that owns its sockets and serves them in turns.
//!
//! A turn: wait for readiness, read from who sent (bounded per connection), then walk the streams
//! that have something new and write to every viewer that is not blocked, one vectored write
//! each. What came in while the walk went on is written together in the next turn: batching
//! without a timer. No lock is held while a socket is read or written.

mod audience;
mod connection;
mod handle;
mod leaving;
mod mail;
mod outbox;
mod patrol;
mod pending;
mod roster;
mod socket;
mod turn;
mod view;
mod viewing;

pub use connection::{Adoption, ConnectionLimits, SessionPermit};
pub use handle::{LoopSettings, Loops};
pub use roster::{Connected, Lag};
pub use socket::Socket;

#[cfg(test)]
mod tests;
