//! Bytes and sockets: accepting, HTTP, the upgrade, and the event loops that own every socket
//! once it speaks WebSocket. Nothing here looks into a payload.

mod activity;
pub mod admission;
pub mod api;
pub mod assets;
pub mod body;
pub mod door;
pub mod event_loop;
mod head_alarm;
pub mod http;
mod http1;
mod http2;
pub mod listener;
pub mod metrics_listener;
mod opening;
mod reply;
pub mod seal;
mod session_span;
mod sse;
pub mod tls;
pub mod upgrade;
mod visit;
pub mod ws;
