//! Lanes: the logs of a stream, one per class of bytes and encoding.

use agnt_codec::AgentPosition;
use bytes::BytesMut;

use super::label::Label;

/// How many encodings of a stream may be alive at once.
pub const ENCODINGS_MAX: usize = 8;

/// One log of a stream. All viewers of one feed read the same lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// `POSITION_UPDATE` frames. Lossy: who lags continues at a state tick.
    Positions,
    /// Positions as JSON text. Lossy.
    PositionsJson,
    /// `STATE_BATCH` without metadata, `PERFORMANCE_METRICS`, `COORDINATION_EVENT`. Reliable: who lags
    /// beyond the bound is closed.
    Events,
    /// The same with the metadata of state records. Reliable.
    EventsWithMetadata,
    /// Events as JSON text. Reliable and retained.
    EventsJson,
    /// Critical events as JSON text, which overtake the others. Reliable and retained.
    CriticalJson,
    /// Who is who: names and types of agents as JSON text. Reliable and retained.
    AgentIndex,
    /// Changes of the graph as JSON text. Reliable and retained.
    GraphJson,
    /// Changes of the graph as `EDGE_BATCH` frames. Reliable and retained.
    GraphBinary,
    /// What the encoder reads: each tick's frames, bare, behind a `TICK_INFO`. Lossy.
    Frames,
    /// Positions in the encoding of that slot. Lossy.
    Encoded(u8),
}

impl Lane {
    /// Every lane, in the order of its index.
    pub const ALL: [Self; 10 + ENCODINGS_MAX] = [
        Self::Positions,
        Self::PositionsJson,
        Self::Events,
        Self::EventsWithMetadata,
        Self::EventsJson,
        Self::CriticalJson,
        Self::AgentIndex,
        Self::GraphJson,
        Self::GraphBinary,
        Self::Frames,
        Self::Encoded(0),
        Self::Encoded(1),
        Self::Encoded(2),
        Self::Encoded(3),
        Self::Encoded(4),
        Self::Encoded(5),
        Self::Encoded(6),
        Self::Encoded(7),
    ];

    /// The lanes that are kept for a while whoever reads them, so that a session can go on where it
    /// was cut off.
    pub const RETAINED: [Self; 5] = [
        Self::EventsJson,
        Self::CriticalJson,
        Self::AgentIndex,
        Self::GraphJson,
        Self::GraphBinary,
    ];

    /// Where the lane stands in [`Self::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Positions => 0,
            Self::PositionsJson => 1,
            Self::Events => 2,
            Self::EventsWithMetadata => 3,
            Self::EventsJson => 4,
            Self::CriticalJson => 5,
            Self::AgentIndex => 6,
            Self::GraphJson => 7,
            Self::GraphBinary => 8,
            Self::Frames => 9,
            Self::Encoded(slot) => 10 + slot as usize,
        }
    }

    /// Whether a lagging viewer may skip bytes of this lane.
    pub const fn is_lossy(self) -> bool {
        matches!(
            self,
            Self::Positions | Self::PositionsJson | Self::Frames | Self::Encoded(_)
        )
    }

    /// Whether it is one of [`Self::RETAINED`].
    pub const fn is_retained(self) -> bool {
        matches!(
            self,
            Self::EventsJson
                | Self::CriticalJson
                | Self::AgentIndex
                | Self::GraphJson
                | Self::GraphBinary
        )
    }
}

/// What a viewer asked for; all viewers of a kind get the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerKind {
    /// AGNT frames as the source document describes them.
    Binary,
    /// AGNT frames, state records with their metadata.
    BinaryWithMetadata,
    /// JSON text only.
    Json,
}

impl ViewerKind {
    /// The lane of positions.
    pub const fn positions(self) -> Lane {
        match self {
            Self::Binary | Self::BinaryWithMetadata => Lane::Positions,
            Self::Json => Lane::PositionsJson,
        }
    }

    /// The lane of states, metrics and events in binary.
    pub const fn events(self) -> Option<Lane> {
        match self {
            Self::Binary => Some(Lane::Events),
            Self::BinaryWithMetadata => Some(Lane::EventsWithMetadata),
            Self::Json => None,
        }
    }
}

/// How bytes become messages of the transport; given to the engine at start, so that it knows no
/// transport and no JSON.
#[derive(Clone, Copy, Debug)]
pub struct Encoders {
    /// Appends one finished binary message that carries the given AGNT frame.
    pub seal_frame: fn(frame: &[u8], out: &mut BytesMut),
    /// Appends one finished text message.
    pub seal_text: fn(text: &[u8], out: &mut BytesMut),
    /// Appends one finished text message with these positions; agents that are gone included.
    pub seal_positions_json: fn(records: &[AgentPosition], out: &mut BytesMut),
    /// Reads name and type from metadata in JSON.
    pub read_label: fn(metadata: &[u8]) -> Option<Label>,
    /// The length of the finished message at the front of `sealed`, or `None` if it is cut short.
    pub sealed_bytes: fn(sealed: &[u8]) -> Option<usize>,
}
