//! Bytes and sockets: accepting, HTTP, the upgrade, and the event loops that own every socket
//! once it speaks WebSocket. Nothing here looks into a payload.

pub mod admission;
pub mod assets;
pub mod event_loop;
pub mod http;
pub mod listener;
pub mod seal;
pub mod upgrade;
pub mod ws;
