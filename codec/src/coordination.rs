//! `COORDINATION_EVENT`, 0x04: agents that decide something together (document C names the type
//! and, in JSON, its events; the layout is ours).
//!
//! ```text
//! payload:     id u32 | pattern u8 | status u8 | n u16 | progress f32 | initiator u32 | n participants
//! participant: id u32 | role u8 | vote u8 | reserved u16, zero
//! ```
//!
//! Everything lies at multiples of 4: 16 + 8n bytes.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{
    DecodeError, DecodeErrorKind, Emit, EncodeError, Flags, HEADER_BYTES, MessageType,
    codes::codes,
    emit::{PLAIN_FLAGS, begin},
    order::{F32, U16, U32},
};

codes! {
    /// How the agents decide. From 0x80 on the codes are the application's own.
    CoordinationPattern else "CUSTOM" {
        /// Not said.
        UNSPECIFIED = 0, "UNSPECIFIED";
        /// By votes.
        CONSENSUS = 1, "CONSENSUS";
    }
}

codes! {
    /// How far the decision is. From 0x80 on the codes are the application's own.
    CoordinationStatus else "CUSTOM" {
        /// Begun, no vote yet.
        INITIATED = 0, "INITIATED";
        /// Votes are coming in.
        VOTING = 1, "VOTING";
        /// Decided for the proposal.
        APPROVED = 2, "APPROVED";
        /// Decided against the proposal.
        REJECTED = 3, "REJECTED";
        /// Ended by its time limit without a decision.
        TIMED_OUT = 4, "TIMED_OUT";
    }
}

codes! {
    /// What a participant may do. From 0x80 on the codes are the application's own.
    CoordinationRole else "custom" {
        /// Sees, and has no vote.
        OBSERVER = 0, "observer";
        /// Has a vote.
        VOTER = 1, "voter";
    }
}

codes! {
    /// What a participant has said. From 0x80 on the codes are the application's own.
    Vote else "custom" {
        /// Nothing yet.
        PENDING = 0, "pending";
        /// For the proposal.
        APPROVE = 1, "approve";
        /// Against the proposal.
        REJECT = 2, "reject";
        /// Neither.
        ABSTAIN = 3, "abstain";
    }
}

/// One agent's part in a coordination: 8 bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Participant {
    /// Offset 0: the publisher's id of the agent.
    pub id: U32,
    /// Offset 4.
    pub role: CoordinationRole,
    /// Offset 5.
    pub vote: Vote,
    /// Offset 6: always zero on the wire, so that it can get a meaning later.
    reserved: U16,
}

impl Participant {
    /// A participant from native numbers.
    #[inline]
    pub const fn new(id: u32, role: CoordinationRole, vote: Vote) -> Self {
        Self {
            id: U32::new(id),
            role,
            vote,
            reserved: U16::ZERO,
        }
    }
}

/// The progress of one coordination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoordinationEvent<'a> {
    /// The coordination's number, its initiator's choice.
    pub id: u32,
    /// How the agents decide.
    pub pattern: CoordinationPattern,
    /// How far the decision is.
    pub status: CoordinationStatus,
    /// Share of the way, 0 to 1; kept bit for bit.
    pub progress: F32,
    /// The id of the agent that began.
    pub initiator: u32,
    /// Those who take part; at most 8,189 fit into a frame.
    pub participants: &'a [Participant],
}

/// The fixed part of the payload on the wire.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct EventHead {
    id: U32,
    pattern: CoordinationPattern,
    status: CoordinationStatus,
    participant_count: U16,
    progress: F32,
    initiator: U32,
}

impl<'a> CoordinationEvent<'a> {
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let Ok((head, rest)) = EventHead::ref_from_prefix(payload) else {
            return Err(DecodeError::new(
                DecodeErrorKind::LengthMismatch,
                0,
                size_of::<EventHead>(),
                payload.len(),
            ));
        };
        let count = usize::from(head.participant_count.get());
        let participants =
            <[Participant]>::ref_from_bytes_with_elems(rest, count).map_err(|_| {
                DecodeError::new(
                    DecodeErrorKind::CountMismatch,
                    core::mem::offset_of!(EventHead, participant_count),
                    size_of::<EventHead>() + count * size_of::<Participant>(),
                    payload.len(),
                )
            })?;
        if let Some(index) = participants.iter().position(|one| one.reserved.get() != 0) {
            return Err(DecodeError::new(
                DecodeErrorKind::ReservedNotZero,
                size_of::<EventHead>()
                    + index * size_of::<Participant>()
                    + core::mem::offset_of!(Participant, reserved),
                0,
                participants[index].reserved.get().into(),
            ));
        }
        Ok(Self {
            id: head.id.get(),
            pattern: head.pattern,
            status: head.status,
            progress: head.progress,
            initiator: head.initiator.get(),
            participants,
        })
    }
}

impl Emit for CoordinationEvent<'_> {
    fn encoded_bytes(&self) -> usize {
        (HEADER_BYTES + size_of::<EventHead>()).saturating_add(self.participants.as_bytes().len())
    }

    fn emit(&self, flags: Flags, out: &mut [u8]) -> Result<usize, EncodeError> {
        let frame_bytes = self.encoded_bytes();
        let mut writer = begin(
            MessageType::COORDINATION_EVENT,
            flags,
            PLAIN_FLAGS,
            frame_bytes,
            out,
        )?;
        let head = EventHead {
            id: U32::new(self.id),
            pattern: self.pattern,
            status: self.status,
            participant_count: U16::new(self.participants.len() as u16),
            progress: self.progress,
            initiator: U32::new(self.initiator),
        };
        writer.put(head.as_bytes());
        writer.put(self.participants.as_bytes());
        Ok(frame_bytes)
    }
}

const _: () = assert!(
    size_of::<EventHead>() == 16
        && size_of::<Participant>() == 8
        && align_of::<EventHead>() == 1
        && align_of::<Participant>() == 1
);
