//! Codecs `predict` and `fixed`: residuals against a reference that both sides keep.
//!
//! ```text
//! codec u8 | bits u8 | runs r u16 | sequence u32 | count n u32 | assignments m u32
//! | a f32 | b f32 | position step f32 | velocity step f32
//! | m assignments of 8 bytes | r runs of 8 bytes | a width a block, u8 | zeros up to a multiple of 4
//! | the words of each block
//! ```
//!
//! Blocks go by component: vx, vy, vz, x, y, z, since a coordinate is predicted with the help of the
//! new velocity. [`head`] has the fixed part, [`runs`] and [`block`] the rest; [`number`] says what
//! the i32 of a reference are and what it predicts, [`fit`] finds the weights a and b.

pub(crate) mod block;
mod blocks;
mod decoder;
mod encoder;
mod fit;
pub(crate) mod head;
pub(crate) mod number;
mod reference;
pub(crate) mod runs;
mod slots;

pub(crate) use decoder::ResidualDecoder;
pub(crate) use encoder::ResidualEncoder;

/// The components in the order of the frame.
const ORDER: [usize; 6] = [3, 4, 5, 0, 1, 2];
