//! Payloads that are a u32 count and records of one size.
//!
//! Invariant: the check costs the same for one record as for thousands; no record is looked at.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::{DecodeError, DecodeErrorKind, order::U32};

/// Size of the count before the records, in bytes.
pub(crate) const COUNT_BYTES: usize = size_of::<U32>();

/// The records behind a count, if they fill the payload exactly.
#[inline]
pub(crate) fn counted<T>(payload: &[u8]) -> Result<&[T], DecodeError>
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
{
    let (count, records) = split_count(payload)?;
    <[T]>::ref_from_bytes_with_elems(records, count).map_err(|_| {
        let need = count
            .saturating_mul(size_of::<T>())
            .saturating_add(COUNT_BYTES);
        DecodeError::new(DecodeErrorKind::CountMismatch, 0, need, payload.len())
    })
}

/// The count at the start of a payload and what follows it.
#[inline]
pub(crate) fn split_count(payload: &[u8]) -> Result<(usize, &[u8]), DecodeError> {
    let Ok((count, records)) = U32::ref_from_prefix(payload) else {
        return Err(DecodeError::new(
            DecodeErrorKind::LengthMismatch,
            0,
            COUNT_BYTES,
            payload.len(),
        ));
    };
    // Where usize is narrower than u32 the count is out of reach of any buffer anyway.
    let count = usize::try_from(count.get()).unwrap_or(usize::MAX);
    Ok((count, records))
}
