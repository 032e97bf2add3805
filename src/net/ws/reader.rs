//! Bytes in, messages out: a reader that may be stopped at any byte.
//!
//! It holds no buffer while no frame is half-received. A frame that lies whole in the caller's
//! bytes is unmasked there and handed out without a copy; only what is cut off is kept.
//! Sizes are judged on the head's word, before anything is stored or reserved.

use super::close::{self, CloseError};
use super::head::{Head, HeadError, OpCode};

/// What a peer may send.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Bytes of one message over all its fragments.
    pub message_bytes_max: usize,
    /// Fragments of one message.
    pub fragments_max: usize,
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A ping with its payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// A close frame with its code.
    Close(Option<u16>),
}

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The frame's head breaks the protocol.
    #[error("{0}")]
    Head(#[from] HeadError),
    /// A continuation without a beginning.
    #[error("continuation frame without a message to go on with")]
    NothingToContinue,
    /// A new message inside a fragmented one.
    #[error("new message before the fragmented one has ended")]
    Interleaved,
    /// A bad close payload.
    #[error("close payload has a code that may not be sent")]
    Close,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// A message beyond its bound.
    #[error("message of {bytes} bytes or more; allowed are {bytes_max}")]
    TooBig {
        /// At least how many bytes.
        bytes: u64,
        /// The bound.
        bytes_max: usize,
    },
    /// Too many fragments.
    #[error("message of more than {fragments_max} fragments")]
    TooManyFragments {
        /// The bound.
        fragments_max: usize,
    },
}

impl From<CloseError> for ReadError {
    fn from(error: CloseError) -> Self {
        match error {
            CloseError::Code => Self::Close,
            CloseError::Reason => Self::NotUtf8,
        }
    }
}

/// A fragmented message so far.
#[derive(Debug)]
struct Fragments {
    is_text: bool,
    bytes: Vec<u8>,
    count: usize,
    /// Bytes at the front that are known to be UTF-8.
    valid_bytes: usize,
}

/// The reader; see the module.
#[derive(Debug, Default)]
pub struct Reader {
    /// The beginning of a frame whose end has not come, head included and still masked.
    cut: Vec<u8>,
    fragments: Option<Box<Fragments>>,
}

/// An emptied buffer above this size is given back.
const CUT_KEPT_BYTES: usize = 4096;

impl Reader {
    /// Takes in what the socket had. `input` is used as scratch: frames are unmasked in place.
    /// `sink` gets every message in order. After an error the connection must end.
    pub fn feed(
        &mut self,
        mut input: &mut [u8],
        limits: ReadLimits,
        sink: &mut dyn FnMut(Incoming<'_>),
    ) -> Result<(), ReadError> {
        if !self.cut.is_empty() {
            let taken = self.complete(input, limits)?;
            input = &mut input[taken..];
            let Some(head) = self.whole_head(limits)? else {
                return Ok(());
            };
            let mut frame = std::mem::take(&mut self.cut);
            let outcome = self.take_frame(head, &mut frame[head.head_bytes..], limits, sink);
            frame.clear();
            self.cut = frame;
            outcome?;
        }
        while !input.is_empty() {
            let Some(head) = self.judge(input, limits)? else {
                break;
            };
            let end = head.head_bytes + head.payload_bytes as usize;
            if input.len() < end {
                break;
            }
            let (frame, rest) = input.split_at_mut(end);
            self.take_frame(head, &mut frame[head.head_bytes..], limits, sink)?;
            input = rest;
        }
        self.cut.extend_from_slice(input);
        Ok(())
    }

    /// Bytes held for what is half-received.
    pub fn held_bytes(&self) -> usize {
        self.cut.capacity()
            + self
                .fragments
                .as_ref()
                .map_or(0, |held| held.bytes.capacity())
    }

    /// Gives unused memory back; for connections that have fallen silent.
    pub fn shrink(&mut self) {
        if self.cut.is_empty() && self.cut.capacity() > CUT_KEPT_BYTES {
            self.cut = Vec::new();
        }
    }

    /// Moves bytes of `input` to the cut frame until it is whole; returns how many.
    fn complete(&mut self, input: &[u8], limits: ReadLimits) -> Result<usize, ReadError> {
        let mut taken = 0;
        // A head has at most 14 bytes; one at a time until it can be read.
        let head = loop {
            let cut = std::mem::take(&mut self.cut);
            let judged = self.judge(&cut, limits);
            self.cut = cut;
            match (judged?, input.get(taken)) {
                (Some(head), _) => break head,
                (None, Some(&byte)) => self.cut.push(byte),
                (None, None) => return Ok(taken),
            }
            taken += 1;
        };
        let missing = head.head_bytes + head.payload_bytes as usize - self.cut.len();
        let more = missing.min(input.len() - taken);
        self.cut.extend_from_slice(&input[taken..taken + more]);
        Ok(taken + more)
    }

    /// The head of the cut frame if all its bytes are there.
    fn whole_head(&self, limits: ReadLimits) -> Result<Option<Head>, ReadError> {
        let head = self.judge(&self.cut, limits)?;
        Ok(head.filter(|head| self.cut.len() == head.head_bytes + head.payload_bytes as usize))
    }

    /// Reads a head and judges it against the message that it belongs to.
    fn judge(&self, bytes: &[u8], limits: ReadLimits) -> Result<Option<Head>, ReadError> {
        let Some(head) = Head::parse(bytes)? else {
            return Ok(None);
        };
        if head.opcode.is_control() {
            return Ok(Some(head));
        }
        let (held, count) = match (&self.fragments, head.opcode) {
            (None, OpCode::Continuation) => return Err(ReadError::NothingToContinue),
            (Some(_), OpCode::Text | OpCode::Binary) => return Err(ReadError::Interleaved),
            (Some(fragments), _) => (fragments.bytes.len(), fragments.count),
            (None, _) => (0, 0),
        };
        let bytes = head.payload_bytes.saturating_add(held as u64);
        if bytes > limits.message_bytes_max as u64 {
            return Err(ReadError::TooBig {
                bytes,
                bytes_max: limits.message_bytes_max,
            });
        }
        if count >= limits.fragments_max {
            return Err(ReadError::TooManyFragments {
                fragments_max: limits.fragments_max,
            });
        }
        Ok(Some(head))
    }

    fn take_frame(
        &mut self,
        head: Head,
        payload: &mut [u8],
        limits: ReadLimits,
        sink: &mut dyn FnMut(Incoming<'_>),
    ) -> Result<(), ReadError> {
        debug_assert!(payload.len() <= limits.message_bytes_max.max(125));
        fastwebsockets::unmask(payload, head.mask);
        match head.opcode {
            OpCode::Ping => sink(Incoming::Ping(payload)),
            OpCode::Pong => sink(Incoming::Pong),
            OpCode::Close => sink(Incoming::Close(close::check(payload)?)),
            OpCode::Text if head.fin => sink(Incoming::Text(utf8(payload)?)),
            OpCode::Binary if head.fin => sink(Incoming::Binary(payload)),
            OpCode::Text | OpCode::Binary | OpCode::Continuation => {
                self.take_fragment(head, payload, sink)?;
            }
        }
        Ok(())
    }

    fn take_fragment(
        &mut self,
        head: Head,
        payload: &[u8],
        sink: &mut dyn FnMut(Incoming<'_>),
    ) -> Result<(), ReadError> {
        let fragments = self.fragments.get_or_insert_with(|| {
            let is_text = head.opcode == OpCode::Text;
            Box::new(Fragments {
                is_text,
                bytes: Vec::new(),
                count: 0,
                valid_bytes: 0,
            })
        });
        fragments.bytes.extend_from_slice(payload);
        fragments.count += 1;
        if fragments.is_text {
            fragments.check_utf8(head.fin)?;
        }
        if let Some(whole) = self.fragments.take_if(|_| head.fin) {
            if whole.is_text {
                sink(Incoming::Text(utf8(&whole.bytes)?));
            } else {
                sink(Incoming::Binary(&whole.bytes));
            }
        }
        Ok(())
    }
}

impl Fragments {
    /// Fails as soon as what has come can't become UTF-8 any more.
    fn check_utf8(&mut self, is_whole: bool) -> Result<(), ReadError> {
        match simdutf8::compat::from_utf8(&self.bytes[self.valid_bytes..]) {
            Ok(text) => self.valid_bytes += text.len(),
            Err(error) if error.error_len().is_none() && !is_whole => {
                self.valid_bytes += error.valid_up_to();
            }
            Err(_) => return Err(ReadError::NotUtf8),
        }
        Ok(())
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, ReadError> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| ReadError::NotUtf8)
}
