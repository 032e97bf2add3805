//! The head of a WebSocket frame (RFC 6455, section 5.2).

use bytes::{BufMut, BytesMut};

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpCode {
    /// Goes on with the message begun before.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// Close.
    Close,
    /// Ping.
    Ping,
    /// Pong.
    Pong,
}

impl OpCode {
    const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xA => Some(Self::Pong),
            _ => None,
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    /// Whether it is a control frame.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The largest payload of a control frame.
pub const CONTROL_BYTES_MAX: u64 = 125;

/// A client's frame head, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whether it ends its message.
    pub fin: bool,
    /// What it is.
    pub opcode: OpCode,
    /// Bytes of the head itself.
    pub head_bytes: usize,
    /// Bytes of the payload that follows.
    pub payload_bytes: u64,
    /// The key that the payload is masked with.
    pub mask: [u8; 4],
}

/// What is wrong with a head; each is a protocol error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// A reserved bit is set though no extension was negotiated.
    #[error("a reserved bit is set and no extension was negotiated")]
    ReservedBits,
    /// The opcode is not assigned.
    #[error("opcode is not one of 0, 1, 2, 8, 9, 10")]
    OpCode,
    /// A client must mask.
    #[error("client frame is not masked")]
    Unmasked,
    /// A control frame is fragmented.
    #[error("control frame is fragmented")]
    FragmentedControl,
    /// A control frame is longer than 125 bytes.
    #[error("control frame is longer than 125 bytes")]
    LongControl,
    /// The length is not in its shortest form, or its highest bit is set.
    #[error("length is not in its shortest form")]
    Length,
}

impl Head {
    /// Reads a client's head; `None` while it is cut short. Judges as early as the bytes allow.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, HeadError> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(HeadError::ReservedBits);
        }
        let opcode = OpCode::from_bits(first & 0x0F).ok_or(HeadError::OpCode)?;
        let fin = first & 0x80 != 0;
        if opcode.is_control() && !fin {
            return Err(HeadError::FragmentedControl);
        }
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        if second & 0x80 == 0 {
            return Err(HeadError::Unmasked);
        }
        let short = second & 0x7F;
        if opcode.is_control() && u64::from(short) > CONTROL_BYTES_MAX {
            return Err(HeadError::LongControl);
        }
        let (length_bytes, payload_bytes) = match short {
            126 => match bytes.get(2..4) {
                Some(&[a, b]) => (2, u64::from(u16::from_be_bytes([a, b]))),
                _ => return Ok(None),
            },
            127 => match bytes.get(2..10).and_then(|eight| eight.try_into().ok()) {
                Some(eight) => (8, u64::from_be_bytes(eight)),
                None => return Ok(None),
            },
            short => (0, u64::from(short)),
        };
        let is_shortest = match length_bytes {
            2 => payload_bytes > 125,
            8 => payload_bytes > 0xFFFF && payload_bytes >> 63 == 0,
            _ => true,
        };
        if !is_shortest {
            return Err(HeadError::Length);
        }
        let mask_at = 2 + length_bytes;
        let Some(mask) = bytes
            .get(mask_at..mask_at + 4)
            .and_then(|four| four.try_into().ok())
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            fin,
            opcode,
            head_bytes: mask_at + 4,
            payload_bytes,
            mask,
        }))
    }
}

/// Appends the head of a whole, unmasked server message.
pub fn write_head(opcode: OpCode, payload_bytes: usize, out: &mut BytesMut) {
    out.put_u8(0x80 | opcode.bits());
    match payload_bytes {
        0..=125 => out.put_u8(payload_bytes as u8),
        126..=0xFFFF => {
            out.put_u8(126);
            out.put_u16(payload_bytes as u16);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(payload_bytes as u64);
        }
    }
}

/// Appends a whole server message.
pub fn write_message(opcode: OpCode, payload: &[u8], out: &mut BytesMut) {
    out.reserve(payload.len() + 10);
    write_head(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

/// The length of the finished server message at the front of `sealed`, head included; `None` if
/// its head is cut short.
pub fn sealed_bytes(sealed: &[u8]) -> Option<usize> {
    match *sealed.get(1)? {
        126 => Some(4 + usize::from(u16::from_be_bytes(sealed.get(2..4)?.try_into().ok()?))),
        127 => {
            let length = u64::from_be_bytes(sealed.get(2..10)?.try_into().ok()?);
            usize::try_from(length).ok()?.checked_add(10)
        }
        short => Some(2 + usize::from(short)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_head_is_not_judged_before_its_bytes_are_there() {
        let whole = [0x82, 0xFE, 0x01, 0x00, 1, 2, 3, 4];
        for end in 0..whole.len() {
            assert_eq!(Head::parse(&whole[..end]), Ok(None), "{end} bytes");
        }
        let head = Head::parse(&whole).unwrap().unwrap();
        assert_eq!(
            (head.head_bytes, head.payload_bytes, head.mask),
            (8, 256, [1, 2, 3, 4])
        );
    }

    #[test]
    fn each_sin_has_its_name() {
        let cases: [(&[u8], HeadError); 8] = [
            (&[0xC2], HeadError::ReservedBits),
            (&[0x83], HeadError::OpCode),
            (&[0x82, 0x05], HeadError::Unmasked),
            (&[0x09], HeadError::FragmentedControl),
            (&[0x89, 0xFE], HeadError::LongControl),
            (&[0x8A, 0xFF], HeadError::LongControl),
            (&[0x82, 0xFE, 0, 125], HeadError::Length),
            (&[0x82, 0xFF, 0x80, 0, 0, 0, 0, 1, 0, 0], HeadError::Length),
        ];
        for (bytes, error) in cases {
            assert_eq!(Head::parse(bytes), Err(error), "{bytes:02x?}");
        }
    }

    #[test]
    fn heads_agree_with_the_encoder_of_fastwebsockets() {
        use fastwebsockets::{Frame, OpCode as Theirs, Payload};
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload = vec![7; length];
            let frame = Frame::new(true, Theirs::Binary, None, Payload::Borrowed(&payload));
            let mut theirs = frame;
            let mut head = [0; 16];
            let bytes = theirs.fmt_head(&mut head);
            let mut ours = BytesMut::new();
            write_head(OpCode::Binary, length, &mut ours);
            assert_eq!(&ours[..], &head[..bytes], "{length}");
            ours.extend_from_slice(&payload);
            assert_eq!(sealed_bytes(&ours), Some(ours.len()));
        }
    }
}
