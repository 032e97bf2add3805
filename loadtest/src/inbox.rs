//! The reading side of one connection: bytes in, whole frames out.
//!
//! All connections share one scratch buffer. A connection owns memory only while a frame is cut
//! at the end of a read, and the rest of that frame is then read straight into it, so a byte is
//! copied at most once.

use std::io::{self, IoSliceMut, Read};

use crate::wire::{Head, apply_mask, parse_head};

/// Bytes of the scratch buffer that a loop shares among its connections.
pub(crate) const SCRATCH_BYTES: usize = 256 << 10;

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// There may be more to read.
    Full,
    /// Everything that was there has been read.
    Drained,
    /// The peer has closed its side.
    Closed,
}

/// A frame that was cut by the end of a read.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Its first `have_bytes` bytes; what follows is old.
    partial: Vec<u8>,
    have_bytes: usize,
    /// Bytes of the whole frame, 0 while the head is not complete.
    need_bytes: usize,
}

impl Inbox {
    /// Reads once and hands each whole frame, unmasked, to `on_frame`.
    pub(crate) fn read(
        &mut self,
        stream: &mut impl Read,
        scratch: &mut [u8],
        on_frame: impl FnMut(Head, &[u8]),
    ) -> io::Result<Filled> {
        if self.need_bytes > 0 {
            self.read_rest(stream, scratch, on_frame)
        } else {
            self.read_fresh(stream, scratch, on_frame)
        }
    }

    /// Takes bytes that were read elsewhere, before this inbox existed.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        scratch: &mut [u8],
        mut on_frame: impl FnMut(Head, &[u8]),
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            self.read(&mut bytes, scratch, &mut on_frame)?;
        }
        Ok(())
    }

    fn read_fresh(
        &mut self,
        stream: &mut impl Read,
        scratch: &mut [u8],
        on_frame: impl FnMut(Head, &[u8]),
    ) -> io::Result<Filled> {
        let have_bytes = self.have_bytes;
        let room_bytes = scratch.len() - have_bytes;
        let got = retry(|| stream.read(&mut scratch[have_bytes..]));
        let filled = judge(&got, room_bytes)?;
        let got_bytes = got.unwrap_or(0);
        if got_bytes > 0 {
            scratch[..have_bytes].copy_from_slice(&self.partial[..have_bytes]);
            self.split(&mut scratch[..have_bytes + got_bytes], on_frame)?;
        }
        Ok(filled)
    }

    fn read_rest(
        &mut self,
        stream: &mut impl Read,
        scratch: &mut [u8],
        mut on_frame: impl FnMut(Head, &[u8]),
    ) -> io::Result<Filled> {
        let (have_bytes, need_bytes) = (self.have_bytes, self.need_bytes);
        let rest_bytes = need_bytes - have_bytes;
        let got = retry(|| {
            let rest = IoSliceMut::new(&mut self.partial[have_bytes..need_bytes]);
            stream.read_vectored(&mut [rest, IoSliceMut::new(scratch)])
        });
        let filled = judge(&got, rest_bytes + scratch.len())?;
        let got_bytes = got.unwrap_or(0);
        if got_bytes < rest_bytes {
            self.have_bytes += got_bytes;
            return Ok(filled);
        }
        let head = whole_head(&self.partial[..need_bytes])?;
        hand_over(head, &mut self.partial[..need_bytes], &mut on_frame);
        (self.have_bytes, self.need_bytes) = (0, 0);
        self.split(&mut scratch[..got_bytes - rest_bytes], on_frame)?;
        Ok(filled)
    }

    /// Hands over the whole frames of `bytes` and keeps the cut one at their end.
    fn split(
        &mut self,
        mut bytes: &mut [u8],
        mut on_frame: impl FnMut(Head, &[u8]),
    ) -> io::Result<()> {
        self.need_bytes = 0;
        loop {
            match parse_head(bytes).map_err(io::Error::other)? {
                Some(head) if head.frame_bytes() <= bytes.len() => {
                    let (frame, rest) = bytes.split_at_mut(head.frame_bytes());
                    hand_over(head, frame, &mut on_frame);
                    bytes = rest;
                }
                head => {
                    self.need_bytes = head.map_or(0, Head::frame_bytes);
                    break;
                }
            }
        }
        self.have_bytes = bytes.len();
        let room_bytes = self.need_bytes.max(self.have_bytes);
        if self.partial.len() < room_bytes {
            self.partial.resize(room_bytes, 0);
        }
        self.partial[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

fn hand_over(head: Head, frame: &mut [u8], on_frame: &mut impl FnMut(Head, &[u8])) {
    let payload = &mut frame[head.head_bytes..];
    if let Some(mask) = head.mask {
        apply_mask(payload, mask);
    }
    on_frame(head, payload);
}

fn whole_head(frame: &[u8]) -> io::Result<Head> {
    let head = parse_head(frame).map_err(io::Error::other)?;
    head.ok_or_else(|| io::Error::other("a frame without a head"))
}

fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// A read that leaves room has emptied the socket; the next edge will say when there is more.
fn judge(got: &io::Result<usize>, room_bytes: usize) -> io::Result<Filled> {
    match got {
        Ok(0) => Ok(Filled::Closed),
        Ok(got_bytes) if *got_bytes == room_bytes => Ok(Filled::Full),
        Ok(_) => Ok(Filled::Drained),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Filled::Drained),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{BINARY, PING, write_client_frame, write_server_head};

    fn stream_of_frames() -> (Vec<u8>, Vec<(u8, Vec<u8>)>) {
        let mut bytes = Vec::new();
        let mut frames = Vec::new();
        for (opcode, length) in [(BINARY, 0), (PING, 5), (BINARY, 126), (BINARY, 70_000)] {
            let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            write_server_head(opcode, payload.len(), &mut bytes);
            bytes.extend_from_slice(&payload);
            frames.push((opcode, payload.clone()));
            write_client_frame(opcode, &[&payload], &mut bytes);
            frames.push((opcode, payload));
        }
        (bytes, frames)
    }

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        let (bytes, expected) = stream_of_frames();
        for cut_bytes in [1, 2, 3, 7, 100, 4096, 65_537, bytes.len()] {
            let mut inbox = Inbox::default();
            let mut scratch = vec![0; 80_000];
            let mut frames = Vec::new();
            for piece in bytes.chunks(cut_bytes) {
                let on_frame = |head: Head, payload: &[u8]| {
                    frames.push((head.opcode, payload.to_vec()));
                };
                inbox.feed(piece, &mut scratch, on_frame).unwrap();
            }
            assert_eq!(frames, expected, "cut every {cut_bytes} B");
        }
    }
}
