//! Positions in other forms than plain frames: made once per tick for all viewers that asked
//! alike, on a thread of its own.
//!
//! The way of a tick: publishing appends its frames to [`Lane::Frames`](super::Lane::Frames) and rings the
//! [`Bell`]; the [`Encoder`] thread reads that lane as an event loop reads others, lets the
//! [`Workshop`] of the stream make each encoding that is in use, and appends the finished messages to
//! the encoding's own lane, from where viewers read them like any other. If the thread can't keep
//! up it leaves ticks out and encodes the newest records instead; publishers and viewers of
//! other forms never wait for it.

mod bell;
mod coder;
mod encoder;
mod packing;
mod registry;
mod workshop;

pub use bell::Bell;
pub(super) use coder::{push, push_positions};
pub use encoder::{Encoder, EncoderTally};
pub use registry::{Lease, Registry};
pub use workshop::Workshop;

pub use agnt_encoding::CodecSpec;
pub use agnt_encoding::compression::{Algorithm, LevelClass};

/// How a viewer wants its positions. What is equal is made once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Encoding {
    /// How records become bytes.
    pub form: Form,
    /// What compresses the frames, and how hard.
    pub compression: Option<(Algorithm, LevelClass)>,
    /// Whether a `TICK_INFO` comes before each tick.
    pub has_tick_info: bool,
    /// Whether a tick comes as one message.
    pub is_concatenated: bool,
    /// The channel that each frame names.
    pub channel: Option<u16>,
}

/// How records become bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// `POSITION_UPDATE` frames in a codec, or plain.
    Binary(CodecSpec),
    /// JSON text, so many times a second.
    Json {
        /// How many times a second, 1 to 60.
        hz: u8,
    },
}

impl Encoding {
    /// Plain frames and nothing else: what needs no encoder.
    pub const PLAIN: Self = Self {
        form: Form::Binary(CodecSpec::Plain),
        compression: None,
        has_tick_info: false,
        is_concatenated: false,
        channel: None,
    };

    /// Whether frames depend on those before them, so that none may be left out.
    pub fn is_stateful(&self) -> bool {
        matches!(self.form, Form::Binary(spec) if spec.codec().is_stateful())
    }

    /// How far another encoding is from this one; `None`: it is no stand-in. A stand-in never
    /// gives what the client can't read: it has the same algorithm or none, the same codec with
    /// another precision or plain frames, and no capability that was not asked for.
    fn distance(&self, other: &Self) -> Option<u32> {
        if self == other {
            return Some(0);
        }
        if let (Form::Json { hz }, Form::Json { hz: made }) = (self.form, other.form) {
            return Some(u32::from(hz.abs_diff(made)) + 1);
        }
        let form = match (self.form, other.form) {
            (asked, made) if asked == made => 0,
            (Form::Binary(CodecSpec::Fixed(asked)), Form::Binary(CodecSpec::Fixed(made)))
                if made.position_error() <= asked.position_error()
                    && made.velocity_error() <= asked.velocity_error() =>
            {
                1
            }
            (Form::Binary(_), Form::Binary(CodecSpec::Plain)) => 20,
            _ => return None,
        };
        let compression = match (self.compression, other.compression) {
            (asked, made) if asked == made => 0,
            (Some((asked, _)), Some((made, _))) if asked == made => 2,
            (Some(_), None) => 10,
            _ => return None,
        };
        let dares = |asked: bool, made: bool| asked || !made;
        let is_readable = dares(self.has_tick_info, other.has_tick_info)
            && dares(self.is_concatenated, other.is_concatenated)
            && self.channel == other.channel;
        let lacks = u32::from(self.has_tick_info != other.has_tick_info)
            + u32::from(self.is_concatenated != other.is_concatenated);
        is_readable.then_some(form + compression + 5 * lacks)
    }
}

#[cfg(test)]
mod tests;
