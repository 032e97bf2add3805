//! A record of the journal: one or more commits that reached the disk together.
//!
//! `length 4 | CRC-32 4 | number of the journal 8 | number of the record 8 | changes`, little endian,
//! then zeros up to the next multiple of 64. The checksum covers all but itself and the zeros. The number of
//! the journal is random, so that no text of a client can look like a record.

use bytes::Bytes;

const HEAD_BYTES: usize = 24;

/// Where records begin: multiples of this.
pub(crate) const STEP_BYTES: usize = 64;

/// A record that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) number: u64,
    pub(crate) changes: Bytes,
}

/// How many bytes a record of so many bytes of changes takes.
pub(crate) fn record_bytes(changes_bytes: usize) -> usize {
    (HEAD_BYTES + changes_bytes).next_multiple_of(STEP_BYTES)
}

/// Puts a record together.
pub(crate) fn write(journal: u64, number: u64, changes: &[Bytes], out: &mut Vec<u8>) {
    out.clear();
    let changes_bytes: usize = changes.iter().map(Bytes::len).sum();
    out.reserve(record_bytes(changes_bytes));
    out.extend((changes_bytes as u32).to_le_bytes());
    out.extend([0; 4]);
    out.extend(journal.to_le_bytes());
    out.extend(number.to_le_bytes());
    for changes in changes {
        out.extend_from_slice(changes);
    }
    let sum = checksum(out);
    out[4..8].copy_from_slice(&sum.to_le_bytes());
    out.resize(record_bytes(changes_bytes), 0);
}

/// The record of this journal that lies at `at`, if one does, and where the next one would.
pub(crate) fn read(segment: &Bytes, journal: u64, at: usize) -> Option<(Record, usize)> {
    let head: &[u8; HEAD_BYTES] = segment.get(at..)?.first_chunk()?;
    let number_at = |from: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&head[from..from + 8]);
        u64::from_le_bytes(number)
    };
    let lengths = number_at(0);
    let (length, sum) = (lengths as u32 as usize, (lengths >> 32) as u32);
    if number_at(8) != journal {
        return None;
    }
    let end = at.checked_add(HEAD_BYTES)?.checked_add(length)?;
    let whole = segment.get(at..end)?;
    (checksum(whole) == sum).then(|| {
        let changes = segment.slice(at + HEAD_BYTES..end);
        let number = number_at(16);
        (Record { number, changes }, at + record_bytes(length))
    })
}

/// The records from the segment's begin on whose numbers follow each other.
pub(crate) fn run(segment: &Bytes, journal: u64) -> (Vec<Record>, usize) {
    let mut records: Vec<Record> = Vec::new();
    let mut at = 0;
    while let Some((record, next)) = read(segment, journal, at) {
        let follows = |last: &Record| last.number.checked_add(1) == Some(record.number);
        if !records.last().is_none_or(follows) {
            break;
        }
        records.push(record);
        at = next;
    }
    (records, at)
}

/// The numbers of all records that lie anywhere from `from` on.
pub(crate) fn numbers_from(
    segment: &Bytes,
    journal: u64,
    from: usize,
) -> impl Iterator<Item = u64> {
    let places = (from..segment.len()).step_by(STEP_BYTES);
    places.filter_map(move |at| read(segment, journal, at).map(|(record, _)| record.number))
}

fn checksum(record: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&record[..4]);
    sum.update(&record[8..]);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: u64, changes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(7, number, &[Bytes::copy_from_slice(changes)], &mut out);
        out
    }

    #[test]
    fn it_is_written_as_described() {
        let out = written(9, b"changes");
        let mut expected = b"\x07\0\0\0????\x07\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0changes".to_vec();
        expected[4..8].copy_from_slice(&out[4..8]);
        let summed = [&expected[..4], &expected[8..]].concat();
        assert_eq!(out[4..8], crc32fast::hash(&summed).to_le_bytes());
        expected.resize(64, 0);
        assert_eq!(out, expected);
    }

    #[test]
    fn a_run_ends_where_a_number_does_not_follow_or_anything_is_broken() {
        let whole = [
            written(3, b"a"),
            written(4, &[1; 100]),
            written(2, b"older"),
        ]
        .concat();
        let (records, end) = run(&whole.clone().into(), 7);
        let numbers: Vec<u64> = records.iter().map(|it| it.number).collect();
        assert_eq!((numbers, end), (vec![3, 4], 192));
        assert_eq!(records[1].changes, vec![1; 100]);
        assert_eq!(run(&whole.clone().into(), 8).0, [], "another journal's");
        for at in (0..25).chain(64..188) {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            let expected = usize::from(at >= 64);
            assert_eq!(run(&broken.into(), 7).0.len(), expected, "{at}");
        }
        let stray: Vec<u64> = numbers_from(&whole.into(), 7, 64).collect();
        assert_eq!(stray, [4, 2]);
    }
}
