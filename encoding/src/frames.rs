//! Frames written one behind the other, of which all but the last say that more follow.

use agnt_codec::{
    AgentPosition, Flags, HEADER_BYTES, Header, MessageType, POSITIONS_PER_FRAME_MAX, PositionHead,
};
use zerocopy::IntoBytes;

/// The flags that an encoder passes on.
const PASSED: Flags = Flags(Flags::MORE.0 | Flags::KEYFRAME.0 | 0b110);

/// The frames of one tick, or of one part of it.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    out: &'a mut Vec<u8>,
    flags: Flags,
    count: u32,
    last: usize,
}

impl<'a> Frames<'a> {
    /// Appends to `out`; the last frame has these flags, those before it MORE as well.
    pub(crate) fn new(flags: Flags, out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            flags: Flags(flags.0 & PASSED.0),
            count: 0,
            last: 0,
        }
    }

    /// Appends a frame with the flag CODEC whose payload `write` appends. It must fit.
    pub(crate) fn coded(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let flags = self.flags.with(Flags::CODEC).with(Flags::MORE);
        self.begin();
        let header = Header::new(MessageType::POSITION_UPDATE, flags, 0);
        self.out.extend(header.as_bytes());
        write(self.out);
        let payload_bytes = (self.out.len() - self.last - HEADER_BYTES) as u16;
        let header = Header::new(MessageType::POSITION_UPDATE, flags, payload_bytes);
        self.out[self.last..self.last + HEADER_BYTES].copy_from_slice(header.as_bytes());
    }

    /// Appends records as plain frames; none if there are no records.
    pub(crate) fn plain(&mut self, records: &[AgentPosition]) {
        for part in records.chunks(POSITIONS_PER_FRAME_MAX) {
            self.plain_frame(part);
        }
    }

    /// Ends the tick; without any frame so far it is an empty plain one. Returns how many there are.
    pub(crate) fn finish(mut self) -> u32 {
        if self.count == 0 {
            self.plain_frame(&[]);
        }
        if !self.flags.contains(Flags::MORE) {
            let at = self.last + std::mem::offset_of!(Header, flags);
            self.out[at] &= !Flags::MORE.0;
        }
        self.count
    }

    fn plain_frame(&mut self, records: &[AgentPosition]) {
        // The flags and the number of records were brought into range before.
        if let Ok(head) = PositionHead::new(self.flags.with(Flags::MORE), records.len()) {
            self.begin();
            self.out.extend(head.as_bytes());
            self.out.extend(records.as_bytes());
        }
    }

    fn begin(&mut self) {
        self.last = self.out.len();
        self.count += 1;
    }
}
