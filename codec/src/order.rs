//! Byte order, in one place: every number on the wire is little-endian.
//!
//! Little-endian is what typed arrays and GPUs read, so a browser may use a payload as it arrives.
//! The magic isn't a number but the four ASCII bytes "AGNT". All aliases have alignment 1.

/// IEEE 754 binary32, 4 bytes, little-endian. Equality compares the bits: NaN equals itself.
pub use zerocopy::byteorder::little_endian::F32;
/// Unsigned 16 bits, 2 bytes, little-endian.
pub use zerocopy::byteorder::little_endian::U16;
/// Unsigned 32 bits, 4 bytes, little-endian.
pub use zerocopy::byteorder::little_endian::U32;
/// Unsigned 64 bits, 8 bytes, little-endian.
pub use zerocopy::byteorder::little_endian::U64;
