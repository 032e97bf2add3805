//! DEFLATE in the frames of zlib and gzip.

use flate2::{
    Compress, Compression, Decompress, DecompressError, FlushCompress, FlushDecompress, Status,
};

use super::{Ended, Stopped};

/// The largest window that DEFLATE has, 32 KiB.
const WINDOW_BITS: u8 = 15;

/// An encoder of RFC 1950.
pub(super) fn zlib_encoder(level: u8) -> Compress {
    Compress::new(Compression::new(level.into()), true)
}

/// An encoder of RFC 1952.
pub(super) fn gzip_encoder(level: u8) -> Compress {
    Compress::new_gzip(Compression::new(level.into()), WINDOW_BITS)
}

/// A decoder of RFC 1950.
pub(super) fn zlib_decoder() -> Decompress {
    Decompress::new(true)
}

/// A decoder of RFC 1952.
pub(super) fn gzip_decoder() -> Decompress {
    Decompress::new_gzip(WINDOW_BITS)
}

/// Writes `frames` as one stream to the start of `place`: how many bytes it took, if it fits.
pub(super) fn compress(encoder: &mut Compress, frames: &[u8], place: &mut [u8]) -> Option<usize> {
    encoder.reset();
    match encoder.compress(frames, place, FlushCompress::Finish) {
        Ok(Status::StreamEnd) => usize::try_from(encoder.total_out()).ok(),
        Ok(Status::Ok | Status::BufError) | Err(_) => None,
    }
}

/// Inflates one stream from the start of `data` into `place`.
pub(super) fn inflate(
    decoder: &mut Decompress,
    data: &[u8],
    place: &mut [u8],
) -> Result<Ended, Stopped> {
    // A decoder keeps to the frame that it was made for.
    decoder.reset(true);
    let (mut consumed, mut inflated) = (0, 0);
    loop {
        let (before_in, before_out) = (decoder.total_in(), decoder.total_out());
        let status = decoder
            .decompress(
                &data[consumed..],
                &mut place[inflated..],
                FlushDecompress::Finish,
            )
            .map_err(|error| Stopped::Corrupt(reason(&error)))?;
        let read = (decoder.total_in() - before_in) as usize;
        let written = (decoder.total_out() - before_out) as usize;
        consumed += read;
        inflated += written;
        if status == Status::StreamEnd {
            return Ok(Ended { inflated, consumed });
        }
        if inflated == place.len() {
            return Err(Stopped::Full);
        }
        if read == 0 && written == 0 {
            return Err(Stopped::Cut);
        }
    }
}

fn reason(error: &DecompressError) -> String {
    if error.needs_dictionary().is_some() {
        return "needs a preset dictionary".to_owned();
    }
    error.message().unwrap_or("broken").to_owned()
}
