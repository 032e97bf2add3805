//! `STATE_BATCH`, 0x02: what agents are doing (document C, "State Batch Format").
//!
//! ```text
//! payload: Count u32, then Count records of 6 bytes or more
//! ```
//!
//! Invariant: a [`StateBatch`] was walked once when its frame was checked: it has exactly its
//! count of records, and each of them is sound.

use core::iter::FusedIterator;

use zerocopy::IntoBytes;

use crate::{
    DecodeError, DecodeErrorKind, Emit, EncodeError, Flags, HEADER_BYTES, MessageType, StateRecord,
    emit::{PLAIN_FLAGS, begin},
    order::U32,
    records::{COUNT_BYTES, split_count},
    state::RECORD_BYTES_MIN,
};

/// The records of a checked `STATE_BATCH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateBatch<'a> {
    count: usize,
    records: &'a [u8],
}

impl<'a> StateBatch<'a> {
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let (count, records) = split_count(payload)?;
        let need_min = count
            .saturating_mul(RECORD_BYTES_MIN)
            .saturating_add(COUNT_BYTES);
        if need_min > payload.len() {
            return Err(DecodeError::new(
                DecodeErrorKind::CountMismatch,
                0,
                need_min,
                payload.len(),
            ));
        }
        let mut rest = records;
        for _ in 0..count {
            let offset = payload.len() - rest.len();
            rest = StateRecord::first(rest)
                .map_err(|error| error.shifted(offset))?
                .1;
        }
        if !rest.is_empty() {
            let offset = payload.len() - rest.len();
            return Err(DecodeError::new(
                DecodeErrorKind::TrailingBytes,
                offset,
                0,
                rest.len(),
            ));
        }
        Ok(Self { count, records })
    }

    /// How many records there are.
    #[inline]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The records in the order of the wire.
    #[inline]
    pub const fn records(&self) -> StateRecords<'a> {
        StateRecords {
            count: self.count,
            rest: self.records,
        }
    }
}

impl<'a> IntoIterator for StateBatch<'a> {
    type Item = StateRecord<'a>;
    type IntoIter = StateRecords<'a>;

    #[inline]
    fn into_iter(self) -> StateRecords<'a> {
        self.records()
    }
}

/// A walk over the records of a [`StateBatch`].
#[derive(Clone, Debug)]
pub struct StateRecords<'a> {
    count: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for StateRecords<'a> {
    type Item = StateRecord<'a>;

    fn next(&mut self) -> Option<StateRecord<'a>> {
        // The records were checked with the frame, so an error here means the end of the bytes.
        let (record, rest) = StateRecord::first(self.rest).ok()?;
        self.rest = rest;
        self.count -= 1;
        Some(record)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for StateRecords<'_> {}
impl FusedIterator for StateRecords<'_> {}

/// A `STATE_BATCH` to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateBatchOut<'a> {
    /// As many records as fit into a payload of 65,535 bytes.
    pub records: &'a [StateRecord<'a>],
}

impl Emit for StateBatchOut<'_> {
    fn encoded_bytes(&self) -> usize {
        self.records
            .iter()
            .map(StateRecord::encoded_bytes)
            .fold(HEADER_BYTES + COUNT_BYTES, usize::saturating_add)
    }

    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        let frame_bytes = self.encoded_bytes();
        let mut writer = begin(
            MessageType::STATE_BATCH,
            flags,
            PLAIN_FLAGS,
            frame_bytes,
            out,
        )?;
        writer.put(U32::new(self.records.len() as u32).as_bytes());
        for record in self.records {
            record.write(&mut writer);
        }
        Ok(frame_bytes)
    }
}
