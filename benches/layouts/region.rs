//! The log of layout (d): one contiguous region, so that whatever waits is one slice.

use std::io::{self, Write};

use crate::loops::{Log, WRITE_BYTES_MAX};

/// What is forgotten is made room of when it is this large.
const FORGOTTEN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The log; see the module.
#[derive(Default)]
pub(crate) struct Region {
    bytes: Vec<u8>,
    /// The offset of the region's first byte.
    start: u64,
}

impl Log for Region {
    fn append(&mut self, message: &[u8], count: u64) {
        for _ in 0..count {
            self.bytes.extend_from_slice(message);
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn write(&self, from: u64, socket: &mut mio::net::TcpStream) -> io::Result<usize> {
        let waiting = &self.bytes[(from - self.start) as usize..];
        socket.write(&waiting[..waiting.len().min(WRITE_BYTES_MAX)])
    }

    fn forget_before(&mut self, offset: u64) {
        let forgotten = (offset - self.start) as usize;
        if forgotten == self.bytes.len() || forgotten > FORGOTTEN_BYTES_MAX {
            self.bytes.drain(..forgotten);
            self.start = offset;
        }
    }
}
