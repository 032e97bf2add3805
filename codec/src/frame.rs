//! One frame, checked once and a view afterwards.
//!
//! Invariants: a [`Frame`] was checked to its last byte; its payload is what its type, flags and
//! length say; everything it hands out lies within the caller's buffer.

use zerocopy::FromBytes;

use crate::{
    AgentMetrics, AgentPosition, COMPRESSED_HEAD_BYTES, CompressedBatch, CompressedHead,
    CoordinationEvent, DecodeError, DecodeErrorKind, Edge, ErrorFrame, Flags, HEADER_BYTES, Header,
    Heartbeat, MAGIC, MessageType, StateBatch, TickInfo,
};

const REVERSED_MAGIC: [u8; 4] = [MAGIC[3], MAGIC[2], MAGIC[1], MAGIC[0]];

/// A checked frame within the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    kind: MessageType,
    flags: Flags,
    payload: Payload<'a>,
}

/// What a frame carries, in place.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// `POSITION_UPDATE`.
    Positions(&'a [AgentPosition]),
    /// `STATE_BATCH`.
    States(StateBatch<'a>),
    /// `PERFORMANCE_METRICS`, with or without a count on the wire.
    Metrics(&'a [AgentMetrics]),
    /// `COORDINATION_EVENT`.
    Coordination(CoordinationEvent<'a>),
    /// `COMPRESSED_BATCH`.
    Compressed(CompressedBatch<'a>),
    /// HEARTBEAT.
    Heartbeat(Heartbeat<'a>),
    /// `TICK_INFO`.
    TickInfo(&'a TickInfo),
    /// `EDGE_BATCH`.
    Edges(&'a [Edge]),
    /// ERROR.
    Error(ErrorFrame<'a>),
    /// The flags COMPRESSED, `HAS_CHANNEL` or CODEC give the payload another shape, whatever its
    /// type; the codec didn't look into it.
    Encoded(&'a [u8]),
    /// A type that this version doesn't know.
    Unknown(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// Checks the frame at the start of `bytes`; returns it and the bytes that follow it.
    ///
    /// A `COMPRESSED_BATCH` has no length: it takes all of `bytes`.
    #[inline]
    pub fn first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let Ok((header, _)) = Header::ref_from_prefix(bytes) else {
            return Err(header_cut_short(bytes));
        };
        if header.magic != MAGIC {
            return Err(wrong_magic(bytes));
        }
        if header.kind == MessageType::COMPRESSED_BATCH {
            return Ok((Self::compressed(bytes)?, &[]));
        }
        if header.flags.contains(Flags::EXT_LENGTH) {
            return Err(length_extended(header.flags));
        }
        let frame_bytes = HEADER_BYTES + usize::from(header.length.get());
        let Some((frame, rest)) = bytes.split_at_checked(frame_bytes) else {
            return Err(DecodeError::new(
                DecodeErrorKind::Partial,
                0,
                frame_bytes,
                bytes.len(),
            ));
        };
        let payload = match Payload::read(header.kind, header.flags, &frame[HEADER_BYTES..]) {
            Ok(payload) => payload,
            Err(error) => return Err(error.shifted(HEADER_BYTES)),
        };
        Ok((
            Self {
                bytes: frame,
                kind: header.kind,
                flags: header.flags,
                payload,
            },
            rest,
        ))
    }

    /// Checks that `bytes` is one frame and nothing else.
    #[inline]
    pub fn exactly(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (frame, rest) = Self::first(bytes)?;
        if rest.is_empty() {
            Ok(frame)
        } else {
            Err(DecodeError::new(
                DecodeErrorKind::TrailingBytes,
                frame.bytes.len(),
                0,
                rest.len(),
            ))
        }
    }

    /// What the frame is.
    #[inline]
    pub const fn kind(&self) -> MessageType {
        self.kind
    }

    /// The header's flags; [`Flags::NONE`] for a `COMPRESSED_BATCH`, which has none.
    #[inline]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// The whole frame, head included.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the head: 8 bytes, or 9 of a `COMPRESSED_BATCH`.
    #[inline]
    pub fn payload_bytes(&self) -> &'a [u8] {
        let head_bytes = match self.payload {
            Payload::Compressed(_) => COMPRESSED_HEAD_BYTES,
            _ => HEADER_BYTES,
        };
        &self.bytes[head_bytes..]
    }

    /// What the frame carries.
    #[inline]
    pub const fn payload(&self) -> Payload<'a> {
        self.payload
    }

    fn compressed(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let Ok((head, data)) = CompressedHead::ref_from_prefix(bytes) else {
            return Err(header_cut_short(bytes));
        };
        let batch = CompressedBatch {
            original_bytes: head.original_bytes.get(),
            data,
        };
        Ok(Self {
            bytes,
            kind: head.kind,
            flags: Flags::NONE,
            payload: Payload::Compressed(batch),
        })
    }
}

impl<'a> Payload<'a> {
    /// Checks a payload. Offsets of errors count from its start.
    #[inline]
    fn read(kind: MessageType, flags: Flags, payload: &'a [u8]) -> Result<Self, DecodeError> {
        if flags.intersects(Flags::ENCODED) {
            return Ok(Self::Encoded(payload));
        }
        match kind {
            MessageType::POSITION_UPDATE => AgentPosition::read(payload).map(Self::Positions),
            MessageType::STATE_BATCH => StateBatch::read(payload).map(Self::States),
            MessageType::PERFORMANCE_METRICS => AgentMetrics::read(payload).map(Self::Metrics),
            MessageType::COORDINATION_EVENT => {
                CoordinationEvent::read(payload).map(Self::Coordination)
            }
            MessageType::HEARTBEAT => Heartbeat::read(payload).map(Self::Heartbeat),
            MessageType::TICK_INFO => TickInfo::read(payload).map(Self::TickInfo),
            MessageType::EDGE_BATCH => Edge::read(payload).map(Self::Edges),
            MessageType::ERROR => ErrorFrame::read(payload).map(Self::Error),
            _ => Ok(Self::Unknown(payload)),
        }
    }
}

/// Why fewer bytes than a head aren't a frame: too few, or wrong from the start.
#[cold]
fn header_cut_short(bytes: &[u8]) -> DecodeError {
    if !MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]) {
        return wrong_magic(bytes);
    }
    let need = match bytes.get(MAGIC.len()) {
        Some(&kind) if MessageType(kind) == MessageType::COMPRESSED_BATCH => COMPRESSED_HEAD_BYTES,
        _ => HEADER_BYTES,
    };
    DecodeError::new(DecodeErrorKind::Partial, 0, need, bytes.len())
}

#[cold]
fn wrong_magic(bytes: &[u8]) -> DecodeError {
    if bytes.starts_with(&REVERSED_MAGIC) {
        return DecodeError::new(DecodeErrorKind::ReversedMagic, 0, MAGIC.len(), MAGIC.len());
    }
    let agreeing = MAGIC
        .iter()
        .zip(bytes)
        .take_while(|(want, have)| want == have)
        .count();
    DecodeError::new(DecodeErrorKind::BadMagic, 0, MAGIC.len(), agreeing)
}

#[cold]
fn length_extended(flags: Flags) -> DecodeError {
    DecodeError::new(
        DecodeErrorKind::LengthExtended,
        core::mem::offset_of!(Header, flags),
        flags.without(Flags::EXT_LENGTH).0.into(),
        flags.0.into(),
    )
}
