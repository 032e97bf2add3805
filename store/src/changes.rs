//! A batch as bytes: as it lies in the journal, and, cut into its parts, in memory.
//!
//! `sequence of its first event 8 | forget events below 8 | rows 4 | events 4`, then for each row
//! `kind 1 | length of the key 2 | length of the value + 1, or 0 for no row 4 | key | value`, then for
//! each event `length 4 | event`, all little endian.

use bytes::{Buf, BufMut, Bytes};

use crate::batch::{Batch, RowChange};
use crate::row_kind::RowKind;
use crate::tables::Bounds;

const HEAD_BYTES: usize = 24;
const ROW_HEAD_BYTES: usize = 7;
const EVENT_HEAD_BYTES: usize = 4;

/// What one commit changes. All parts lie in `bytes`.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    pub(crate) bytes: Bytes,
    /// Rows as they are from now on, in the order of the changes; no value, no row.
    pub(crate) rows: Vec<(RowKind, Bytes, Option<Bytes>)>,
    /// The sequence that the first event has, or would have.
    pub(crate) events_from: u64,
    pub(crate) events: Vec<Bytes>,
    pub(crate) forget_below: u64,
}

impl Changes {
    /// Those of a checked batch whose first event has the sequence `next`.
    pub(crate) fn of(batch: &Batch, next: u64) -> Self {
        let heads = HEAD_BYTES + ROW_HEAD_BYTES * batch.changes();
        let mut bytes = Vec::with_capacity(heads + batch.len_bytes());
        let rows = batch.changes() - batch.events().len();
        bytes.put_u64_le(next);
        bytes.put_u64_le(batch.forget_below());
        bytes.put_u32_le(rows as u32);
        bytes.put_u32_le(batch.events().len() as u32);
        for kind in RowKind::ALL {
            for RowChange { key, value } in batch.rows(kind) {
                bytes.put_u8(kind as u8);
                bytes.put_u16_le(key.len() as u16);
                bytes.put_u32_le(value.as_ref().map_or(0, |value| value.len() as u32 + 1));
                bytes.put_slice(key);
                bytes.put_slice(value.as_deref().unwrap_or_default());
            }
        }
        for (_, value) in batch.events() {
            bytes.put_u32_le(value.len() as u32);
            bytes.put_slice(value);
        }
        let mut rest = Bytes::from(bytes);
        Self::cut(&mut rest).expect("what was put together above comes apart")
    }

    /// Those that lie in front in `rest`, which is then what follows them; nothing, if what lies there
    /// are no changes.
    pub(crate) fn cut(rest: &mut Bytes) -> Option<Self> {
        let whole = rest.clone();
        let events_from = rest.try_get_u64_le().ok()?;
        let forget_below = rest.try_get_u64_le().ok()?;
        let row_count = rest.try_get_u32_le().ok()? as usize;
        let event_count = rest.try_get_u32_le().ok()? as usize;
        // What is announced must fit, so that nothing large is asked for in vain.
        if row_count > rest.len() / ROW_HEAD_BYTES || event_count > rest.len() / EVENT_HEAD_BYTES {
            return None;
        }
        let mut rows = Vec::with_capacity(row_count);
        for _ in 0..row_count {
            let kind = rest.try_get_u8().ok()?;
            let kind = RowKind::ALL.into_iter().find(|it| *it as u8 == kind)?;
            let key_bytes = rest.try_get_u16_le().ok()? as usize;
            let value_bytes = (rest.try_get_u32_le().ok()? as usize).checked_sub(1);
            let key = cut_off(rest, key_bytes)?;
            let value = match value_bytes {
                Some(value_bytes) => Some(cut_off(rest, value_bytes)?),
                None => None,
            };
            rows.push((kind, key, value));
        }
        let mut events = Vec::with_capacity(event_count);
        for _ in 0..event_count {
            let event_bytes = rest.try_get_u32_le().ok()? as usize;
            events.push(cut_off(rest, event_bytes)?);
        }
        events_from.checked_add(event_count as u64)?;
        Some(Self {
            bytes: whole.slice(..whole.len() - rest.len()),
            rows,
            events_from,
            events,
            forget_below,
        })
    }

    /// The log's bounds after them; they are those before, if they have no event and forget none.
    pub(crate) fn bounds_after(&self, before: Bounds) -> Bounds {
        let next = self.events_from + self.events.len() as u64;
        let oldest = self.forgets_below().max(before.oldest);
        Bounds { oldest, next }
    }

    /// Below which event all go; the newest always stays.
    pub(crate) fn forgets_below(&self) -> u64 {
        let next = self.events_from + self.events.len() as u64;
        self.forget_below.min(next.saturating_sub(1))
    }
}

fn cut_off(rest: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= rest.len()).then(|| rest.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.put(RowKind::Task, b"key", b"value".to_vec());
        batch.put(RowKind::Agent, b"", Vec::new());
        batch.delete(RowKind::Meta, b"gone");
        batch.event(7, b"event".to_vec());
        batch.event(8, Vec::new());
        batch.forget_events_below(5);
        batch
    }

    /// The same by hand.
    const BYTES: &[u8] = b"\x07\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x03\0\0\0\x02\0\0\0\
        \x01\0\0\x01\0\0\0\
        \x02\x03\0\x06\0\0\0keyvalue\
        \x09\x04\0\0\0\0\0gone\
        \x05\0\0\0event\0\0\0\0";

    #[test]
    fn it_is_written_as_described_and_comes_apart_again() {
        let changes = Changes::of(&batch(), 7);
        assert_eq!(changes.bytes, BYTES);
        let value = |text: &'static [u8]| Some(Bytes::from_static(text));
        let expected = [
            (RowKind::Agent, Bytes::new(), value(b"")),
            (RowKind::Task, Bytes::from_static(b"key"), value(b"value")),
            (RowKind::Meta, Bytes::from_static(b"gone"), None),
        ];
        assert_eq!(changes.rows, expected);
        assert_eq!(changes.events, [&b"event"[..], b""]);
        let before = Bounds { oldest: 2, next: 7 };
        let after = Bounds { oldest: 5, next: 9 };
        assert_eq!(changes.bounds_after(before), after);
        let mut two = Bytes::from([BYTES, BYTES, b"x"].concat());
        assert_eq!(Changes::cut(&mut two).unwrap().bytes, BYTES);
        assert_eq!(Changes::cut(&mut two).unwrap().bytes, BYTES);
        assert_eq!(two, &b"x"[..]);
    }

    #[test]
    fn what_is_cut_off_or_announces_too_much_is_none() {
        for length in 0..BYTES.len() {
            assert!(Changes::cut(&mut Bytes::from_static(&BYTES[..length])).is_none());
        }
        for at in [16, 20] {
            let mut bytes = BYTES.to_vec();
            bytes[at + 3] = 255;
            assert!(Changes::cut(&mut bytes.into()).is_none());
        }
    }
}
