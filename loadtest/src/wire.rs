//! WebSocket frames (RFC 6455, section 5.2), both ends: just what a load generator needs.
//!
//! Messages are never fragmented here: neither this program nor a server that it measures has a
//! reason to, so a fragment is an error. Heads are parsed from what is there; a head that is not
//! complete yet is no error.

/// Opcode of a text message.
pub(crate) const TEXT: u8 = 0x1;
/// Opcode of a binary message.
pub(crate) const BINARY: u8 = 0x2;
/// Opcode of a close frame.
pub(crate) const CLOSE: u8 = 0x8;
/// Opcode of a ping.
pub(crate) const PING: u8 = 0x9;
/// Opcode of a pong.
pub(crate) const PONG: u8 = 0xA;

/// The key of all client frames. It need not be secret on loopback, and a constant lets the mask
/// be one pass of XOR; it is not zero, so that servers really unmask.
const MASK: [u8; 4] = [0xA5, 0x5A, 0xC3, 0x3C];
/// No frame that this program handles comes near it; a head that claims more is a lie.
const PAYLOAD_BYTES_MAX: u64 = 16 << 20;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// In the place of a length: the length follows in 16 bits.
const LENGTH_16: u8 = 0x7E;
/// In the place of a length: the length follows in 64 bits.
const LENGTH_64: u8 = 0x7F;

/// The head of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_field_names)] // the bytes of the head itself are named so
pub(crate) struct Head {
    /// What the frame is.
    pub(crate) opcode: u8,
    /// Bytes of the head itself.
    pub(crate) head_bytes: usize,
    /// Bytes that follow the head.
    pub(crate) payload_bytes: usize,
    /// The key, when the payload is masked.
    pub(crate) mask: Option<[u8; 4]>,
}

impl Head {
    /// Bytes of the whole frame.
    pub(crate) fn frame_bytes(self) -> usize {
        self.head_bytes + self.payload_bytes
    }
}

/// Reads a head; `None` when `bytes` end inside it, an error when it can't be one.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head>, &'static str> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err("a reserved bit is set");
    }
    let opcode = first & 0x0F;
    if first & FIN == 0 || opcode == 0 {
        return Err("a fragmented message");
    }
    let (length_bytes, payload_bytes) = match second & !MASKED {
        LENGTH_16 => match rest.first_chunk::<2>() {
            Some(length) => (2, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        LENGTH_64 => match rest.first_chunk::<8>() {
            Some(length) => (8, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        length => (0, u64::from(length)),
    };
    if payload_bytes > PAYLOAD_BYTES_MAX {
        return Err("a frame of more than 16 MiB");
    }
    let mask = if second & MASKED == 0 {
        None
    } else {
        match rest.get(length_bytes..).and_then(<[u8]>::first_chunk::<4>) {
            Some(mask) => Some(*mask),
            None => return Ok(None),
        }
    };
    Ok(Some(Head {
        opcode,
        head_bytes: 2 + length_bytes + if mask.is_some() { 4 } else { 0 },
        payload_bytes: payload_bytes as usize,
        mask,
    }))
}

/// Appends one masked client frame whose payload is `parts`, one after another.
pub(crate) fn write_client_frame(opcode: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let payload_bytes = parts.iter().map(|part| part.len()).sum();
    write_head(opcode, payload_bytes, MASKED, out);
    out.extend_from_slice(&MASK);
    let start = out.len();
    for part in parts {
        out.extend_from_slice(part);
    }
    apply_mask(&mut out[start..], MASK);
}

/// Appends the unmasked head of a server frame.
pub(crate) fn write_server_head(opcode: u8, payload_bytes: usize, out: &mut Vec<u8>) {
    write_head(opcode, payload_bytes, 0, out);
}

fn write_head(opcode: u8, payload_bytes: usize, masked: u8, out: &mut Vec<u8>) {
    out.push(FIN | opcode);
    match payload_bytes {
        0..126 => out.push(masked | payload_bytes as u8),
        126..=0xFFFF => {
            out.push(masked | LENGTH_16);
            out.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | LENGTH_64);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
}

/// Masks or unmasks `payload` in place, eight bytes at a time.
pub(crate) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 6455, section 5.7: an unmasked and a masked "Hello".
        let unmasked = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        let head = parse_head(&unmasked).unwrap().unwrap();
        assert_eq!(
            (head.opcode, head.head_bytes, head.payload_bytes),
            (TEXT, 2, 5)
        );
        let mut masked = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        let head = parse_head(&masked).unwrap().unwrap();
        apply_mask(&mut masked[head.head_bytes..], head.mask.unwrap());
        assert_eq!(&masked[6..], b"Hello");
    }

    #[test]
    fn all_three_lengths_come_back() {
        for payload_bytes in [0, 125, 126, 65_535, 65_536] {
            let mut out = Vec::new();
            write_client_frame(BINARY, &[&vec![7; payload_bytes]], &mut out);
            let head = parse_head(&out).unwrap().unwrap();
            assert_eq!(head.payload_bytes, payload_bytes);
            assert_eq!(head.frame_bytes(), out.len());
            for cut in 0..head.head_bytes {
                assert_eq!(parse_head(&out[..cut]), Ok(None));
            }
            apply_mask(&mut out[head.head_bytes..], MASK);
            assert!(out[head.head_bytes..].iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused() {
        assert!(parse_head(&[0xC2, 0]).is_err(), "reserved bit");
        assert!(parse_head(&[0x02, 0]).is_err(), "fragment");
        assert!(parse_head(&[0x80, 0]).is_err(), "continuation");
        assert!(
            parse_head(&[0x82, 127, 1, 0, 0, 0, 0, 0, 0, 0]).is_err(),
            "length"
        );
    }
}
