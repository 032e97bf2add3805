//! The log of layout (c): chunks that are shared by a count, as the engine keeps them.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use arrayvec::ArrayVec;
use bytes::{Bytes, BytesMut};

use crate::loops::{Log, WRITE_BYTES_MAX};

/// Slices of one write.
const SLICES_MAX: usize = 64;
/// What room is made for at a time.
const ROOM_BYTES: usize = 256 * 1024;

/// The log; see the module.
#[derive(Default)]
pub(crate) struct Chunks {
    chunks: VecDeque<(u64, Bytes)>,
    end: u64,
    open: BytesMut,
}

impl Log for Chunks {
    fn append(&mut self, message: &[u8], count: u64) {
        if count == 0 {
            return;
        }
        for _ in 0..count {
            if self.open.capacity() - self.open.len() < message.len() {
                self.open.reserve(ROOM_BYTES);
            }
            self.open.extend_from_slice(message);
        }
        let chunk = self.open.split().freeze();
        let start = self.end;
        self.end += chunk.len() as u64;
        self.chunks.push_back((start, chunk));
    }

    fn end(&self) -> u64 {
        self.end
    }

    fn write(&self, from: u64, socket: &mut mio::net::TcpStream) -> io::Result<usize> {
        let is_newer = |(start, chunk): &&(u64, Bytes)| start + chunk.len() as u64 > from;
        let newer = self.chunks.iter().rev().take_while(is_newer).count();
        let mut slices: ArrayVec<IoSlice<'_>, SLICES_MAX> = ArrayVec::new();
        let mut room = WRITE_BYTES_MAX;
        for (start, chunk) in self.chunks.range(self.chunks.len() - newer..) {
            if slices.is_full() || room == 0 {
                break;
            }
            let chunk = &chunk[from.saturating_sub(*start) as usize..];
            let chunk = &chunk[..chunk.len().min(room)];
            room -= chunk.len();
            slices.push(IoSlice::new(chunk));
        }
        match slices.as_slice() {
            [slice] => socket.write(slice),
            slices => socket.write_vectored(slices),
        }
    }

    fn forget_before(&mut self, offset: u64) {
        let is_old = |(start, chunk): &(u64, Bytes)| start + chunk.len() as u64 <= offset;
        while self.chunks.front().is_some_and(is_old) {
            self.chunks.pop_front();
        }
    }
}
