//! A walk over the frames that lie one behind the other in a buffer.
//!
//! Invariants: the frames returned are contiguous from the start of the buffer to
//! [`Frames::offset`]; nothing follows an error.

use core::iter::FusedIterator;

use crate::{DecodeError, Frame};

/// An iterator over concatenated frames. Unknown types are frames like others, so that a caller
/// skips them by going on.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    offset: usize,
    failed: bool,
}

impl<'a> Frames<'a> {
    /// A walk from the start of `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            offset: 0,
            failed: false,
        }
    }

    /// How many bytes the frames so far took. After an error: where the frame with the error
    /// starts, so that the bytes from here on may be kept if it is partial.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.bytes[self.offset..];
        if rest.is_empty() || self.failed {
            return None;
        }
        match Frame::first(rest) {
            Ok((frame, _)) => {
                self.offset += frame.bytes().len();
                Some(Ok(frame))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error.shifted(self.offset)))
            }
        }
    }
}

impl FusedIterator for Frames<'_> {}
