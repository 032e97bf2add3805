//! Mail: which connections of a loop have some, and how their sessions take it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::turn::EventLoop;
use crate::engine::Wake;
use crate::engine::mailbox::Mailbox;

/// Mail is taken into an outbox up to this many bytes; the rest waits in the mailbox, where what is
/// urgent overtakes.
const MAIL_BYTES: usize = 64 * 1024;

/// The tokens of connections whose mailbox got something; one entry for each mailbox at most.
#[derive(Debug, Default)]
pub(super) struct Post {
    tokens: Mutex<Vec<usize>>,
}

impl Post {
    /// A mailbox for the connection of that token. What comes wakes the loop.
    pub(super) fn mailbox(
        self: &Arc<Self>,
        token: usize,
        wake: &Wake,
        bytes_max: usize,
    ) -> Arc<Mailbox> {
        let (post, wake) = (Arc::clone(self), Arc::clone(wake));
        let notify = move || {
            let mut tokens = post.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            if !tokens.contains(&token) {
                tokens.push(token);
            }
            drop(tokens);
            wake();
        };
        Arc::new(Mailbox::new(bytes_max, Box::new(notify)))
    }

    /// Moves the tokens of those that have mail to `into`.
    pub(super) fn collect(&self, into: &mut Vec<usize>) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut tokens);
    }
}

impl EventLoop {
    /// Notes that the connection has mail and room for it.
    pub(super) fn queue_mail(&mut self, token: usize) {
        self.to_deliver.push(token);
    }

    /// Lets sessions take their mail, as far as their outboxes have room.
    pub(super) fn deliver_mail(&mut self, now: Instant) {
        let mut tokens = std::mem::take(&mut self.to_deliver);
        self.post.collect(&mut tokens);
        for token in tokens {
            let Some(connection) = self
                .connections
                .get_mut(token)
                .filter(|held| held.is_open())
            else {
                continue;
            };
            connection.has_mail = true;
            let room = MAIL_BYTES.saturating_sub(connection.outbox.len_bytes());
            let is_full = room == 0 || connection.blocked_since.is_some();
            if is_full && !connection.mailbox.has_overflowed() {
                // It is taken when the socket takes bytes again.
                continue;
            }
            self.call(token, now, |connection, turn| {
                connection.has_mail = connection.session.on_mail(room, turn);
            });
        }
    }
}
