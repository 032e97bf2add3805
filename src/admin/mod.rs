//! What the people who run a server do beside it: keys, tokens, backups, checks.
//!
//! Each works at a running server, which is asked over HTTP, or at the store of one that doesn't run.
//! Nothing is printed here: `main` prints what is returned.

mod backup;
mod check;
mod client;
mod keys;
mod store;
mod token;

pub use backup::backup;
pub use check::check;
pub use client::{ClientError, RestClient, checked};
pub use keys::{NewKey, create_key, list_keys, revoke_key};
pub use store::AdminError;
pub use token::{doubt_of_token, make_token};
