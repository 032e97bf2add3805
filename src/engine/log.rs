//! A log of finished messages: append at the end, share by chunk, forget at the front.
//!
//! Positions in a log are byte offsets counted from its beginning and never reused. A chunk is
//! what was appended between two sealings; chunks are shared, never copied. A position that a
//! viewer holds is always the first byte of a message.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::limits::CHUNK_BYTES;

/// A run of whole messages.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The offset of the first byte.
    pub start: u64,
    /// The messages, back to back.
    pub bytes: Bytes,
    /// How many messages.
    pub messages: u32,
    /// When the first of them was published.
    pub published_at: Instant,
    /// Which bytes came from sessions that are viewers too, in order; usually none.
    pub own: Option<Arc<[OwnRange]>>,
    /// How many messages of the log lie before it.
    pub first: u64,
    /// After this nobody wants it any more.
    pub expires_at: Option<Instant>,
}

/// The bytes of a log that a viewer published itself and does not get back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnRange {
    /// First offset.
    pub start: u64,
    /// Offset behind the last byte.
    pub end: u64,
    /// The publisher.
    pub publisher: u32,
}

impl Chunk {
    /// The offset behind the last byte.
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The number of its last message, counted from 1.
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.messages)
    }

    /// The offset at which the message begins that `messages` of the log lie before, if it is
    /// here; `length` tells how long a message is.
    pub fn offset_of(&self, messages: u64, length: fn(&[u8]) -> Option<usize>) -> Option<u64> {
        if !(self.first..self.last()).contains(&messages) {
            return None;
        }
        let mut offset = 0;
        for _ in self.first..messages {
            offset += length(&self.bytes[offset..])?;
        }
        Some(self.start + offset as u64)
    }

    /// Whether nobody wants it any more.
    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| now >= at)
    }
}

/// The log; see the module.
#[derive(Debug)]
pub struct Log {
    chunks: VecDeque<Chunk>,
    start: u64,
    sealed_end: u64,
    open: BytesMut,
    open_messages: u32,
    open_since: Option<Instant>,
    open_own: Vec<OwnRange>,
    open_expires_at: Option<Instant>,
    /// Messages in and before the sealed chunks.
    sealed_messages: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self::starting_at(0)
    }
}

impl Log {
    /// An empty log whose next byte has the given offset.
    pub fn starting_at(offset: u64) -> Self {
        Self {
            chunks: VecDeque::new(),
            start: offset,
            sealed_end: offset,
            open: BytesMut::new(),
            open_messages: 0,
            open_since: None,
            open_own: Vec::new(),
            open_expires_at: None,
            sealed_messages: 0,
        }
    }

    /// The first offset that is still here.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The offset behind the last byte, sealed or not.
    pub fn end(&self) -> u64 {
        self.sealed_end + self.open.len() as u64
    }

    /// Messages ever appended.
    pub fn messages(&self) -> u64 {
        self.sealed_messages + u64::from(self.open_messages)
    }

    /// Messages that are not here any more.
    pub fn forgotten_messages(&self) -> u64 {
        let oldest = self.chunks.front();
        oldest.map_or(self.sealed_messages, |chunk| chunk.first)
    }

    /// When the newest chunk was published.
    pub fn newest_at(&self) -> Option<Instant> {
        self.chunks.back().map(|chunk| chunk.published_at)
    }

    /// Bytes held.
    pub fn len_bytes(&self) -> usize {
        (self.end() - self.start) as usize
    }

    /// Appends messages by writing them to the buffer that `write` is given. `publisher` is
    /// named if it reads this log too and must not get them back.
    pub fn append(
        &mut self,
        messages: u32,
        now: Instant,
        publisher: Option<u32>,
        write: impl FnOnce(&mut BytesMut),
    ) {
        let start = self.end();
        if self.open.capacity() == 0 {
            self.open.reserve(CHUNK_BYTES);
        }
        write(&mut self.open);
        if self.end() == start {
            // A chunk is as old as its first byte; there is none.
            return;
        }
        self.open_since.get_or_insert(now);
        self.open_messages += messages;
        if let Some(publisher) = publisher {
            self.open_own.push(OwnRange {
                start,
                end: self.end(),
                publisher,
            });
        }
        if self.open.len() >= CHUNK_BYTES {
            self.seal();
        }
    }

    /// Appends a message that nobody wants after `expires_at`, in a chunk of its own.
    pub fn append_expiring(
        &mut self,
        now: Instant,
        publisher: Option<u32>,
        expires_at: Instant,
        write: impl FnOnce(&mut BytesMut),
    ) {
        self.seal();
        self.open_expires_at = Some(expires_at);
        self.append(1, now, publisher, write);
        self.seal();
    }

    /// Counts messages that nobody reads: the offset moves on, the bytes are not kept.
    pub fn skip(&mut self, bytes: usize) {
        self.seal();
        self.chunks.clear();
        self.sealed_end += bytes as u64;
        self.start = self.sealed_end;
    }

    /// Turns what is open into a chunk.
    pub fn seal(&mut self) {
        let Some(published_at) = self.open_since.take() else {
            return;
        };
        let bytes = self.open.split().freeze();
        let own = std::mem::take(&mut self.open_own);
        let chunk = Chunk {
            start: self.sealed_end,
            messages: std::mem::take(&mut self.open_messages),
            published_at,
            own: (!own.is_empty()).then(|| own.into()),
            first: self.sealed_messages,
            expires_at: self.open_expires_at.take(),
            bytes,
        };
        self.sealed_end = chunk.end();
        self.sealed_messages += u64::from(chunk.messages);
        self.chunks.push_back(chunk);
        if self.open.capacity() < CHUNK_BYTES / 8 {
            // Reclaims the same region once nobody holds a chunk of it any more.
            self.open.reserve(CHUNK_BYTES);
        }
    }

    /// Takes over a chunk of another log that has the same offsets. A gap empties this log first.
    pub fn push(&mut self, chunk: Chunk) {
        if chunk.start != self.sealed_end {
            self.chunks.clear();
            self.start = chunk.start;
        }
        self.sealed_end = chunk.end();
        self.sealed_messages = chunk.last();
        self.chunks.push_back(chunk);
    }

    /// The offset at which the message begins that `messages` others lie before, of those that are
    /// here and sealed; the end, if it is the next. `length` tells how long a message is.
    pub fn offset_of(&self, messages: u64, length: fn(&[u8]) -> Option<usize>) -> Option<u64> {
        if messages == self.sealed_messages {
            return Some(self.sealed_end);
        }
        let at = self.chunks.partition_point(|chunk| chunk.first <= messages);
        self.chunks
            .get(at.checked_sub(1)?)?
            .offset_of(messages, length)
    }

    /// The sealed chunks that have bytes at or behind `offset`, oldest first.
    pub fn since(&self, offset: u64) -> impl Iterator<Item = &Chunk> {
        // Readers are nearly always at one of the newest chunks: look from the back.
        let newer = self
            .chunks
            .iter()
            .rev()
            .take_while(|chunk| chunk.end() > offset)
            .count();
        self.chunks.iter().skip(self.chunks.len() - newer)
    }

    /// Forgets all chunks that end at or before `offset`.
    pub fn forget_before(&mut self, offset: u64) {
        while self
            .chunks
            .front()
            .is_some_and(|chunk| chunk.end() <= offset)
        {
            self.forget_oldest();
        }
    }

    /// Forgets chunks published before `instant`.
    pub fn forget_older(&mut self, instant: Instant) {
        while self
            .chunks
            .front()
            .is_some_and(|chunk| chunk.published_at < instant)
        {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest chunks until at most `bytes_max` are held; the newest chunk stays.
    pub fn forget_beyond(&mut self, bytes_max: usize) {
        while self.chunks.len() > 1 && self.len_bytes() > bytes_max {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(chunk) = self.chunks.pop_front() {
            self.start = chunk.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn add(log: &mut Log, now: Instant, text: &[u8]) {
        log.append(1, now, None, |out| out.extend_from_slice(text));
    }

    fn text_since(log: &Log, offset: u64) -> Vec<u8> {
        log.since(offset)
            .flat_map(|chunk| {
                let skip = offset.saturating_sub(chunk.start) as usize;
                chunk.bytes[skip..].to_vec()
            })
            .collect()
    }

    #[test]
    fn a_reader_sees_every_byte_behind_its_offset_once() {
        let now = Instant::now();
        let mut log = Log::starting_at(100);
        let mut whole = Vec::new();
        for round in 0..50u8 {
            let text = vec![round; usize::from(round) + 1];
            add(&mut log, now, &text);
            whole.extend_from_slice(&text);
            if round % 3 == 0 {
                log.seal();
            }
        }
        log.seal();
        assert_eq!(log.end(), 100 + whole.len() as u64);
        for offset in 0..=whole.len() {
            assert_eq!(
                text_since(&log, 100 + offset as u64),
                &whole[offset..],
                "from {offset}"
            );
        }
    }

    #[test]
    fn a_copy_by_chunks_has_the_same_offsets_and_shares_the_bytes() {
        let now = Instant::now();
        let mut log = Log::default();
        let mut copy = Log::default();
        for text in [&b"one"[..], b"two", b"three"] {
            add(&mut log, now, text);
            log.seal();
            for chunk in log.since(copy.end()).cloned().collect::<Vec<_>>() {
                copy.push(chunk);
            }
        }
        assert_eq!(text_since(&copy, 0), b"onetwothree");
        let same = log
            .since(0)
            .zip(copy.since(0))
            .all(|(a, b)| a.bytes.as_ptr() == b.bytes.as_ptr());
        assert!(same, "chunks are shared, not copied");
    }

    #[test]
    fn a_gap_empties_the_copy() {
        let now = Instant::now();
        let mut log = Log::default();
        add(&mut log, now, b"lost");
        log.seal();
        log.forget_before(4);
        add(&mut log, now, b"kept");
        log.seal();
        let mut copy = Log::default();
        copy.push(log.since(0).next().cloned().expect("a chunk"));
        assert_eq!((copy.start(), copy.end()), (4, 8));
    }

    #[test]
    fn bounds_forget_from_the_front_and_keep_the_newest() {
        let now = Instant::now();
        let mut log = Log::default();
        for _ in 0..10 {
            add(&mut log, now, &[0; 100]);
            log.seal();
        }
        log.forget_beyond(250);
        assert_eq!((log.start(), log.len_bytes()), (800, 200));
        log.forget_beyond(0);
        assert_eq!(log.start(), 900);
    }

    #[test]
    fn nothing_appended_is_no_chunk() {
        let now = Instant::now();
        let mut log = Log::default();
        log.append(0, now, Some(7), |_| {});
        log.seal();
        assert_eq!((log.end(), log.since(0).count()), (0, 0));
        log.append(0, now, None, |_| {});
        let later = now + Duration::from_secs(1);
        add(&mut log, later, b"first");
        log.seal();
        let chunk = log.since(0).next().expect("a chunk");
        assert_eq!((chunk.messages, chunk.published_at), (1, later));
    }

    #[test]
    fn what_nobody_reads_moves_the_offset_only() {
        let mut log = Log::default();
        log.skip(1000);
        assert_eq!(
            (log.start(), log.end(), log.since(0).count()),
            (1000, 1000, 0)
        );
    }

    #[test]
    fn own_ranges_name_the_publisher() {
        let now = Instant::now();
        let mut log = Log::default();
        add(&mut log, now, b"abc");
        log.append(1, now, Some(7), |out| out.extend_from_slice(b"defg"));
        log.seal();
        let chunk = log.since(0).next().expect("a chunk");
        assert_eq!(
            chunk.own.as_deref(),
            Some(
                &[OwnRange {
                    start: 3,
                    end: 7,
                    publisher: 7
                }][..]
            )
        );
    }
}
