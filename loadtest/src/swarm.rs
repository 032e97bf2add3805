//! The traffic: what each agent says at each tick, and how a tick is cut into frames.
//!
//! Everything is a pure function of the agent's id and the tick, so that a verifier can make any
//! record again and compare it bit for bit, however long ago it was published. The bytes are laid
//! out here by hand (document C, Position Update Format) and not by the codec of the server:
//! a load generator that shares its encoder with the server would share its mistakes.
//!
//! Invariants: ids of different publishers are disjoint and start at 1; the x coordinate is never
//! NaN, because a NaN there says that the agent is gone; ticks start at 1.

/// Bytes of a frame's header: magic, type, flags, length (little-endian).
pub(crate) const HEADER_BYTES: usize = 8;
/// Bytes before the first record: the header and the record count.
pub(crate) const RECORDS_OFFSET: usize = HEADER_BYTES + 4;
/// Bytes of one record: id, three coordinates, three velocities.
pub(crate) const RECORD_BYTES: usize = 28;
/// Records that the 16-bit length of a frame leaves room for.
pub(crate) const FRAME_RECORDS_MAX: usize = 2340;
/// The type byte of a position update.
pub(crate) const POSITION_UPDATE: u8 = 0x01;
/// Header flag: the tick goes on in the next frame.
pub(crate) const FLAG_MORE: u8 = 0x08;
/// Header flag: the frame is part of a state tick.
pub(crate) const FLAG_KEYFRAME: u8 = 0x10;
/// Where a record carries its tick: the bits of the x velocity. A tick is a small number, so the
/// bits are those of a tiny float and never of a NaN.
const TICK_OFFSET: usize = 16;

/// How many publishers there are and how many agents each of them moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Swarm {
    /// Publishers, each with its own connection.
    pub(crate) publishers: usize,
    /// Agents of each publisher.
    pub(crate) agents: usize,
}

impl Swarm {
    /// Frames that one tick of one publisher takes.
    pub(crate) fn frames_per_tick(self) -> usize {
        self.agents.div_ceil(FRAME_RECORDS_MAX)
    }

    /// Bytes of the frames of one tick of one publisher, WebSocket headers left out.
    pub(crate) fn tick_bytes(self) -> usize {
        self.frames_per_tick() * RECORDS_OFFSET + self.agents * RECORD_BYTES
    }

    /// The id of the agent at `index` of `publisher`.
    pub(crate) fn id(self, publisher: usize, index: usize) -> u32 {
        (1 + publisher * self.agents + index) as u32
    }

    /// The publisher and index of an id, unless the id is nobody's.
    pub(crate) fn locate(self, id: u32) -> Option<(usize, usize)> {
        let place = (id as usize).checked_sub(1)?;
        let publisher = place / self.agents;
        (publisher < self.publishers).then(|| (publisher, place % self.agents))
    }

    /// Appends the records of one tick of one publisher, without any frame header.
    pub(crate) fn write_records(self, publisher: usize, tick: u32, out: &mut Vec<u8>) {
        out.reserve(self.agents * RECORD_BYTES);
        for index in 0..self.agents {
            out.extend_from_slice(&record(self.id(publisher, index), tick));
        }
    }
}

/// The 28 bytes that agent `id` publishes at `tick`.
pub(crate) fn record(id: u32, tick: u32) -> [u8; RECORD_BYTES] {
    let mixed = id.wrapping_mul(0x9E37_79B1) ^ tick.wrapping_mul(0x85EB_CA6B);
    let x = f32::from((mixed & 0xFFFF) as u16) * 0.01;
    let y = f32::from((mixed >> 16) as u16) * 0.01;
    let z = f32::from(tick as u16) * 0.5;
    let fields = [
        id,
        x.to_bits(),
        y.to_bits(),
        z.to_bits(),
        tick,
        (y - x).to_bits(),
        (x - z).to_bits(),
    ];
    let mut bytes = [0; RECORD_BYTES];
    for (place, field) in bytes.chunks_exact_mut(4).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    bytes
}

/// The header and count of a frame of `records` records.
pub(crate) fn frame_head(records: usize, flags: u8) -> [u8; RECORDS_OFFSET] {
    let mut head = [0; RECORDS_OFFSET];
    head[..4].copy_from_slice(b"AGNT");
    head[4] = POSITION_UPDATE;
    head[5] = flags;
    head[6..8].copy_from_slice(&((4 + records * RECORD_BYTES) as u16).to_le_bytes());
    head[8..12].copy_from_slice(&(records as u32).to_le_bytes());
    head
}

/// The id in the first four bytes of `record`, or 0 when there are fewer.
pub(crate) fn id_of(record: &[u8]) -> u32 {
    field(record, 0)
}

/// The tick that `record` carries, or 0 when it is cut short.
pub(crate) fn tick_of(record: &[u8]) -> u32 {
    field(record, TICK_OFFSET)
}

/// Whether `record` says that its agent is gone.
pub(crate) fn is_gone(record: &[u8]) -> bool {
    f32::from_bits(field(record, 4)).is_nan()
}

fn field(record: &[u8], offset: usize) -> u32 {
    record
        .get(offset..offset + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_head_is_what_the_document_draws() {
        let head = frame_head(1000, FLAG_MORE);
        // 4 + 1000 * 28 = 28004 = 0x6D64, 1000 = 0x3E8, both little-endian.
        assert_eq!(
            head,
            [0x41, 0x47, 0x4E, 0x54, 1, 8, 0x64, 0x6D, 0xE8, 3, 0, 0]
        );
    }

    #[test]
    fn a_record_carries_its_id_and_tick_and_is_never_gone() {
        for (id, tick) in [(1, 1), (77, 123_456), (u32::MAX, 16_777_216)] {
            let bytes = record(id, tick);
            assert_eq!((id_of(&bytes), tick_of(&bytes)), (id, tick));
            assert!(!is_gone(&bytes));
        }
    }

    #[test]
    fn an_id_is_found_where_it_was_given() {
        let swarm = Swarm {
            publishers: 3,
            agents: 5,
        };
        for publisher in 0..3 {
            for index in 0..5 {
                assert_eq!(
                    swarm.locate(swarm.id(publisher, index)),
                    Some((publisher, index))
                );
            }
        }
        assert_eq!(swarm.locate(0), None);
        assert_eq!(swarm.locate(16), None);
    }

    #[test]
    fn a_tick_is_cut_at_2340_records() {
        let cut = |agents| {
            Swarm {
                publishers: 1,
                agents,
            }
            .frames_per_tick()
        };
        assert_eq!((cut(1), cut(2340), cut(2341), cut(100_000)), (1, 1, 2, 43));
    }
}
