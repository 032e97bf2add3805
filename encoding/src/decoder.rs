//! The decoder of positions in any codec.

use agnt_codec::AgentPosition;

use crate::residual::ResidualDecoder;
use crate::{Codec, EncodingError, boxed, shuffle};

/// Turns payloads with the flag CODEC back into records: one decoder for each connection or channel.
///
/// Its memory is bounded by what it was sent: a row of 32 bytes for each assignment of 8 bytes since
/// the last key.
#[derive(Clone, Debug, Default)]
pub struct PositionDecoder {
    residual: ResidualDecoder,
}

impl PositionDecoder {
    /// A decoder that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the records of a payload to `out`: what follows the frame's header and its channel.
    ///
    /// Errors: whatever breaks a rule of section 10 of `docs/protocol.md`. `out` is as it was then;
    /// after an error in codec `predict` or `fixed` only a key can follow.
    pub fn decode(
        &mut self,
        payload: &[u8],
        out: &mut Vec<AgentPosition>,
    ) -> Result<(), EncodingError> {
        let id = *payload.first().ok_or(EncodingError::NoCodec)?;
        match Codec::of_id(id) {
            Some(Codec::Shuffle) => shuffle::read(payload, out),
            Some(Codec::Box) => boxed::read(payload, out),
            Some(codec @ (Codec::Predict | Codec::Fixed)) => {
                self.residual.decode(codec, payload, out)
            }
            Some(Codec::Plain) | None => Err(EncodingError::CodecUnknown(id)),
        }
    }
}
