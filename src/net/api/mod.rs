//! The agent API over HTTP: requests are read, judged by the guard, given to the dialects, and the
//! steps that these ask for are carried out.
//!
//! ```text
//! request -> gate (who, how often) -> route and scope -> body -> agnt_api -> steps -> answer
//! ```
//!
//! No rule lives here, and no word of a dialect: what an answer says is made by `agnt_api`.

mod admin;
mod answer_room;
mod answering;
mod asked;
mod auth;
mod body_reader;
mod clients;
mod documents;
mod families;
mod fields;
mod gate;
mod own;
mod own_routes;
mod paths;
mod rate_fields;
mod service;
mod shared_limit;
mod sockets;
mod steps;

pub use admin::STALE_COPY_PREFIX;
pub(in crate::net) use answer_room::Reserved;
pub use answering::answer;
pub(super) use body_reader::waste;
pub(super) use gate::shows_ticket;
pub use own_routes::{Access, OWN_ROUTES, OwnOperation, OwnRoute};
pub use paths::is_api_path;
pub use service::{Api, ApiLimits, ApiParts};
pub use shared_limit::SharedLimit;
pub use sockets::{forbid, query_with_subprotocol, subprotocol, too_many};
