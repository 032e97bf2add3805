//! The journal: a second file, to which a commit is appended, so that its sync is one write of few
//! bytes; the database takes many commits at once, later.
//!
//! ```text
//! head 4096 | segment 0 | segment 1
//! ```
//!
//! The file is written whole when it is made, so that no append changes where it lies on the disk. The
//! segments are used in turn, each from its begin: while one is filled, what is in the other is
//! settled in the database. [`Mark`] says how far that got; behind it the numbers of the records follow each
//! other, and one that is missing though a later one is there is damage, not the end.
//!
//! The head is `magic 8 | format 4 | bytes of a segment 4 | number of the journal 8 | CRC-32 4`, little endian.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use redb::StorageBackend;

use crate::mark::Mark;
use crate::record::{self, Record, record_bytes};

const MAGIC: [u8; 8] = *b"AGNTJRNL";
const FORMAT: u32 = 1;
const HEAD_BYTES: usize = 28;
const SEGMENTS_FROM: u64 = 4096;
const SEGMENTS: u64 = 2;

/// How much is written at once when the file is made.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// The journal, open.
pub(crate) struct Journal {
    device: Arc<dyn StorageBackend>,
    number: u64,
    segment_bytes: u64,
    segment: u64,
    /// Where in the segment the next record begins.
    at: u64,
    /// The memory of the last record, to be used again.
    record: Vec<u8>,
}

/// Why a journal can't be used.
#[derive(Debug)]
pub(crate) enum JournalFault {
    /// The system refused.
    Io(io::Error),
    /// The file is something else.
    Foreign(String),
    /// It is damaged.
    Broken(String),
}

/// Where a record finds room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// In the segment that is being filled.
    Here,
    /// In the other one.
    Next,
    /// In none.
    Nowhere,
}

impl Journal {
    /// Opens the journal on `device`; nothing, if none was made there yet.
    pub(crate) fn open(device: Arc<dyn StorageBackend>) -> Result<Option<Self>, JournalFault> {
        let length = device.len().map_err(JournalFault::Io)?;
        let mut head = [0; HEAD_BYTES];
        let there = length.min(HEAD_BYTES as u64) as usize;
        device
            .read(0, &mut head[..there])
            .map_err(JournalFault::Io)?;
        if head == [0; HEAD_BYTES] {
            return Ok(None);
        }
        if !head.starts_with(&MAGIC) {
            let begin = head[..there.min(MAGIC.len())].escape_ascii();
            let found = format!("a file that begins with \"{begin}\"");
            return Err(JournalFault::Foreign(found));
        }
        let (summed, sum) = head.split_at(HEAD_BYTES - 4);
        if crc32fast::hash(summed).to_le_bytes() != sum {
            return Err(JournalFault::Broken(
                "the checksum of its head is wrong".into(),
            ));
        }
        let (format, segment_bytes) = (number_at(&head, 8), number_at(&head, 12));
        let number = u64::from(number_at(&head, 16)) | u64::from(number_at(&head, 20)) << 32;
        if format != FORMAT {
            let found = format!("a journal of format {format}; allowed: {FORMAT}");
            return Err(JournalFault::Foreign(found));
        }
        let segment_bytes = u64::from(segment_bytes);
        let whole = SEGMENTS_FROM + SEGMENTS * segment_bytes;
        if length < whole {
            let found = format!("{length} bytes are left of {whole}");
            return Err(JournalFault::Broken(found));
        }
        Ok(Some(Self::at_begin(device, number, segment_bytes)))
    }

    /// Makes a journal on `device`, over whatever is there.
    pub(crate) fn make(device: Arc<dyn StorageBackend>, segment_bytes: u32) -> io::Result<Self> {
        let number = RandomState::new().hash_one(std::process::id());
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend(MAGIC);
        head.extend(FORMAT.to_le_bytes());
        head.extend(segment_bytes.to_le_bytes());
        head.extend(number.to_le_bytes());
        head.extend(crc32fast::hash(&head).to_le_bytes());

        let segment_bytes = u64::from(segment_bytes);
        let whole = SEGMENTS_FROM + SEGMENTS * segment_bytes;
        device.set_len(0)?;
        device.set_len(whole)?;
        let mut at = 0;
        while at < whole {
            let bytes = (whole - at).min(ZEROS.len() as u64);
            device.write(at, &ZEROS[..bytes as usize])?;
            at += bytes;
        }
        device.sync_data()?;
        device.write(0, &head)?;
        device.sync_data()?;
        Ok(Self::at_begin(device, number, segment_bytes))
    }

    fn at_begin(device: Arc<dyn StorageBackend>, number: u64, segment_bytes: u64) -> Self {
        Self {
            device,
            number,
            segment_bytes,
            segment: 0,
            at: 0,
            record: Vec::new(),
        }
    }

    /// The number that marks and records know it by.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where a record of so many bytes of changes finds room.
    pub(crate) fn fit(&self, changes_bytes: usize) -> Fit {
        let bytes = record_bytes(changes_bytes) as u64;
        match bytes {
            _ if self.at + bytes <= self.segment_bytes => Fit::Here,
            _ if bytes <= self.segment_bytes => Fit::Next,
            _ => Fit::Nowhere,
        }
    }

    /// Begins the other segment, of which nothing is needed any more.
    pub(crate) fn turn_over(&mut self) {
        self.segment = (self.segment + 1) % SEGMENTS;
        self.at = 0;
    }

    /// Appends a record that fits here; it is on disk when this returns. After a failure nobody knows
    /// whether it is, so that all must be settled before anything else is appended.
    pub(crate) fn append(&mut self, number: u64, changes: &[Bytes]) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.record);
        record::write(self.number, number, changes, &mut bytes);
        let written = self.device.write(self.place(), &bytes);
        let written = written.and_then(|()| self.device.sync_data());
        if written.is_ok() {
            self.at += bytes.len() as u64;
        }
        self.record = bytes;
        written
    }

    /// Takes back the record that could not be appended, as far as the disk lets it.
    pub(crate) fn strike_out(&self) -> io::Result<()> {
        let room = self.segment_bytes - self.at;
        let bytes = room.min(record::STEP_BYTES as u64) as usize;
        self.device.write(self.place(), &ZEROS[..bytes])?;
        self.device.sync_data()
    }

    /// The records that are not settled, in order.
    pub(crate) fn unsettled(&self, mark: Mark) -> Result<Vec<Record>, JournalFault> {
        let mut records = Vec::new();
        let mut newest = 0;
        for segment in 0..SEGMENTS {
            let bytes = self.segment(segment).map_err(JournalFault::Io)?;
            let (run, end) = record::run(&bytes, self.number);
            let beyond = record::numbers_from(&bytes, self.number, end).max();
            newest = newest.max(beyond.unwrap_or(0));
            records.extend(run.into_iter().filter(|it| it.number > mark.settled));
        }
        records.sort_by_key(|it| it.number);
        let mut last = mark.settled;
        for record in &records {
            if last.checked_add(1) != Some(record.number) {
                return Err(missing(last, record.number));
            }
            last = record.number;
        }
        if newest > last {
            return Err(missing(last, newest));
        }
        Ok(records)
    }

    /// Whether anything was ever appended.
    pub(crate) fn has_records(&self) -> io::Result<bool> {
        for segment in 0..SEGMENTS {
            let bytes = self.segment(segment)?;
            if record::numbers_from(&bytes, self.number, 0)
                .next()
                .is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn segment(&self, segment: u64) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.segment_bytes as usize];
        let from = SEGMENTS_FROM + segment * self.segment_bytes;
        self.device.read(from, &mut bytes)?;
        Ok(bytes.into())
    }

    fn place(&self) -> u64 {
        SEGMENTS_FROM + self.segment * self.segment_bytes + self.at
    }
}

fn missing(last: u64, found: u64) -> JournalFault {
    JournalFault::Broken(format!(
        "behind commit {last} it goes on with commit {found}; allowed: one after the other"
    ))
}

fn number_at(head: &[u8; HEAD_BYTES], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&head[at..at + 4]);
    u32::from_le_bytes(number)
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = out.debug_struct("Journal");
        out.field("number", &self.number).finish_non_exhaustive()
    }
}
