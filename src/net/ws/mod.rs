//! RFC 6455, server side: strict, without input or output of its own.
//!
//! [`Reader`] is fed whatever bytes the socket had and hands out whole messages; its state lies
//! in the struct, so it can stop at any byte. [`head`] writes and reads frame heads, [`close`]
//! the close payload. Server frames are never masked, extensions are never negotiated.

pub mod close;
pub mod head;
pub mod reader;

pub use head::{Head, HeadError, OpCode, write_head};
pub use reader::{Incoming, ReadError, ReadLimits, Reader};
