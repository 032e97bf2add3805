//! What things are: names, reasons, codes, time. No input, no output, and nothing of any dialect.
//!
//! Invariant: only [`time`] reads the wall clock.

pub mod disconnect;
pub mod error_code;
pub mod stream_name;
pub mod time;

pub use disconnect::DisconnectReason;
pub use error_code::ErrorCode;
pub use stream_name::StreamName;
