//! AGNT frames by hand, from `docs/protocol.md` alone: floats are bit patterns throughout, so
//! that equality means bit for bit.

pub(crate) const POSITION_UPDATE: u8 = 0x01;
pub(crate) const STATE_BATCH: u8 = 0x02;
pub(crate) const PERFORMANCE_METRICS: u8 = 0x03;
pub(crate) const COORDINATION_EVENT: u8 = 0x04;
pub(crate) const HEARTBEAT: u8 = 0x06;
pub(crate) const ERROR: u8 = 0xFF;

pub(crate) const MORE: u8 = 0x08;
pub(crate) const KEYFRAME: u8 = 0x10;

/// Most records of a `POSITION_UPDATE`.
pub(crate) const RECORDS_MAX: usize = 2340;

/// The NaN that says that an agent is gone, as the server writes it.
pub(crate) const GONE: u32 = 0x7FC0_0000;

/// A position record: the id, and the bits of x, y, z, vx, vy, vz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) id: u32,
    pub(crate) bits: [u32; 6],
}

impl Record {
    pub(crate) fn new(id: u32, values: [f32; 6]) -> Self {
        Self {
            id,
            bits: values.map(f32::to_bits),
        }
    }

    /// A record whose x counts something.
    pub(crate) fn counted(id: u32, count: u32) -> Self {
        Self::new(id, [count as f32, id as f32, -1.5, 0.25, -0.0, 1e-40])
    }

    /// What x counts.
    pub(crate) fn count(&self) -> u32 {
        f32::from_bits(self.bits[0]) as u32
    }

    pub(crate) fn is_gone(&self) -> bool {
        f32::from_bits(self.bits[0]).is_nan()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        for bits in self.bits {
            out.extend_from_slice(&bits.to_le_bytes());
        }
    }
}

/// A frame of any type.
pub(crate) fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x41, 0x47, 0x4E, 0x54, kind, flags];
    bytes.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A `POSITION_UPDATE`.
pub(crate) fn positions(flags: u8, records: &[Record]) -> Vec<u8> {
    let mut payload = u32::try_from(records.len()).unwrap().to_le_bytes().to_vec();
    for record in records {
        record.write(&mut payload);
    }
    frame(POSITION_UPDATE, flags, &payload)
}

/// The frames of one tick, as many as its records need.
pub(crate) fn tick(records: &[Record]) -> Vec<Vec<u8>> {
    let parts = records.chunks(RECORDS_MAX);
    let last = parts.len() - 1;
    let flags = |at| if at == last { 0 } else { MORE };
    parts
        .enumerate()
        .map(|(at, part)| positions(flags(at), part))
        .collect()
}

/// A `STATE_BATCH` of bare records: ids and states.
pub(crate) fn states(records: &[(u32, u8)]) -> Vec<u8> {
    let mut payload = u32::try_from(records.len()).unwrap().to_le_bytes().to_vec();
    for (id, state) in records {
        payload.extend_from_slice(&id.to_le_bytes());
        payload.extend_from_slice(&[*state, 0]);
    }
    frame(STATE_BATCH, 0, &payload)
}

/// A `STATE_BATCH` of one record with JSON metadata.
pub(crate) fn state_with_metadata(id: u32, state: u8, metadata: &str) -> Vec<u8> {
    let mut payload = 1u32.to_le_bytes().to_vec();
    payload.extend_from_slice(&id.to_le_bytes());
    payload.extend_from_slice(&[state, 1]);
    payload.extend_from_slice(&u16::try_from(metadata.len()).unwrap().to_le_bytes());
    payload.extend_from_slice(metadata.as_bytes());
    frame(STATE_BATCH, 0, &payload)
}

/// `PERFORMANCE_METRICS` of one agent: tasks, success and so on, made from `seed`.
pub(crate) fn metrics(id: u32, seed: u32) -> Vec<u8> {
    let mut payload = id.to_le_bytes().to_vec();
    payload.extend_from_slice(&seed.to_le_bytes());
    for value in [0.75f32, 12.5, 99.0] {
        payload.extend_from_slice(&value.to_le_bytes());
    }
    payload.extend_from_slice(&u64::from(seed).to_le_bytes());
    frame(PERFORMANCE_METRICS, 0, &payload)
}

/// A `COORDINATION_EVENT` without participants, in a status of the application's own.
pub(crate) fn coordination(id: u32) -> Vec<u8> {
    let mut payload = id.to_le_bytes().to_vec();
    payload.extend_from_slice(&[1, 0x80, 0, 0]);
    payload.extend_from_slice(&0.5f32.to_le_bytes());
    payload.extend_from_slice(&7u32.to_le_bytes());
    frame(COORDINATION_EVENT, 0, &payload)
}

/// A frame taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Takes one message apart, which must be exactly one frame.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        assert_eq!(&bytes[..4], b"AGNT", "the magic");
        let length = usize::from(u16_at(bytes, 6));
        assert_eq!(bytes.len(), 8 + length, "one frame a message");
        Self {
            kind: bytes[4],
            flags: bytes[5],
            payload: bytes[8..].to_vec(),
        }
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The records of a `POSITION_UPDATE`.
    pub(crate) fn records(&self) -> Vec<Record> {
        assert_eq!(self.kind, POSITION_UPDATE, "{self:?}");
        let count = u32_at(&self.payload, 0) as usize;
        assert_eq!(self.payload.len(), 4 + 28 * count, "count and length agree");
        let read = |record: &[u8]| Record {
            id: u32_at(record, 0),
            bits: std::array::from_fn(|at| u32_at(record, 4 + 4 * at)),
        };
        self.payload[4..].chunks(28).map(read).collect()
    }

    /// The records of a `STATE_BATCH`: id, state, and metadata where there is some.
    pub(crate) fn states(&self) -> Vec<(u32, u8, Option<String>)> {
        assert_eq!(self.kind, STATE_BATCH, "{self:?}");
        let mut rest = &self.payload[4..];
        let count = u32_at(&self.payload, 0);
        let states = (0..count)
            .map(|_| {
                let (id, state, flags) = (u32_at(rest, 0), rest[4], rest[5]);
                rest = &rest[6..];
                let metadata = (flags == 1).then(|| {
                    let (text, after) = rest[2..].split_at(usize::from(u16_at(rest, 0)));
                    rest = after;
                    String::from_utf8(text.to_vec()).unwrap()
                });
                (id, state, metadata)
            })
            .collect();
        assert!(rest.is_empty(), "nothing follows the last record");
        states
    }

    /// The code and the text of an ERROR.
    pub(crate) fn error(&self) -> (u16, String) {
        assert_eq!(self.kind, ERROR, "{self:?}");
        assert_eq!(
            self.payload.len(),
            10 + usize::from(u16_at(&self.payload, 8))
        );
        let text = String::from_utf8(self.payload[10..].to_vec()).unwrap();
        (u16_at(&self.payload, 0), text)
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
