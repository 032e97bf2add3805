//! Zstandard.
//!
//! Both ways are one-shot: the caller's buffers are the window, so that no window that a frame
//! asks for, 2 GiB at worst, is ever allocated.

use ::zstd::zstd_safe::{
    CCtx, DCtx, ErrorCode, find_frame_compressed_size, get_error_name, get_frame_content_size,
    zstd_sys::ZSTD_ErrorCode,
};

use super::{Ended, Stopped};

/// An encoder.
pub(super) fn encoder() -> CCtx<'static> {
    CCtx::create()
}

/// A decoder.
pub(super) fn decoder() -> DCtx<'static> {
    DCtx::create()
}

/// Writes `frames` as one Zstandard frame, which states its size and has no checksum, to the start
/// of `place`: how many bytes it took, if it fits.
pub(super) fn compress(
    encoder: &mut CCtx<'static>,
    level: u8,
    frames: &[u8],
    place: &mut [u8],
) -> Option<usize> {
    encoder.compress(place, frames, level.into()).ok()
}

/// Inflates one Zstandard frame from the start of `data` into `place`.
pub(super) fn inflate(
    decoder: &mut DCtx<'static>,
    data: &[u8],
    place: &mut [u8],
) -> Result<Ended, Stopped> {
    // The decoder would take several frames for one stream, and skip those that hold no data.
    let consumed = find_frame_compressed_size(data).map_err(stopped)?;
    if consumed < data.len() {
        return Ok(Ended {
            inflated: 0,
            consumed,
        });
    }
    if let Ok(Some(stated)) = get_frame_content_size(data)
        && stated > place.len() as u64
    {
        return Err(Stopped::Full);
    }
    let inflated = decoder.decompress(place, data).map_err(stopped)?;
    Ok(Ended { inflated, consumed })
}

/// The library's code as a reason; its codes are negative numbers in a `usize`.
fn stopped(code: ErrorCode) -> Stopped {
    let is = |known: ZSTD_ErrorCode| code == (known as usize).wrapping_neg();
    if is(ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall) {
        Stopped::Full
    } else if is(ZSTD_ErrorCode::ZSTD_error_srcSize_wrong) {
        Stopped::Cut
    } else {
        Stopped::Corrupt(get_error_name(code).to_owned())
    }
}
