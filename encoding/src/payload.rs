//! Fields of a payload, read with bounds.

use std::ops::Range;

use crate::EncodingError;

/// The u32 at `at` of a payload of at least `head_bytes`, as a count.
pub(crate) fn count_at(
    payload: &[u8],
    at: usize,
    head_bytes: usize,
) -> Result<usize, EncodingError> {
    if payload.len() < head_bytes {
        return Err(EncodingError::Length {
            need: head_bytes,
            have: payload.len(),
        });
    }
    Ok(u32_at(payload, at) as usize)
}

/// The u32 at `at`, which must lie within.
#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// Refuses a payload that isn't `head_bytes` and `count` times `each_bytes` long.
pub(crate) fn expect_length(
    payload: &[u8],
    head_bytes: usize,
    count: usize,
    each_bytes: usize,
) -> Result<(), EncodingError> {
    let need = count.saturating_mul(each_bytes).saturating_add(head_bytes);
    let have = payload.len();
    if need == have {
        Ok(())
    } else {
        Err(EncodingError::Length { need, have })
    }
}

/// Refuses bytes that aren't zero.
pub(crate) fn expect_zeros(payload: &[u8], range: Range<usize>) -> Result<(), EncodingError> {
    let start = range.start;
    match payload[range].iter().position(|&byte| byte != 0) {
        None => Ok(()),
        Some(index) => Err(EncodingError::NotZero {
            offset: start + index,
            value: payload[start + index],
        }),
    }
}
