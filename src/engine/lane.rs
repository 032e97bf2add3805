//! Lanes: the logs of a stream, one per class of bytes and encoding, and who reads which.

use agnt_codec::AgentPosition;
use bytes::BytesMut;

/// One log of a stream. All viewers of one kind read the same lanes.
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
}

impl Lane {
    /// Every lane, in the order of its index.
    pub const ALL: [Self; 4] = [
        Self::Positions,
        Self::PositionsJson,
        Self::Events,
        Self::EventsWithMetadata,
    ];

    /// Where the lane stands in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether a lagging viewer may skip bytes of this lane.
    pub const fn is_lossy(self) -> bool {
        matches!(self, Self::Positions | Self::PositionsJson)
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

    /// The lane of states, metrics and events; JSON viewers have none yet.
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
    /// Appends one finished text message with these positions; agents that are gone included.
    pub seal_positions_json: fn(records: &[AgentPosition], out: &mut BytesMut),
    /// The length of the finished message at the front of `sealed`, or `None` if it is cut short.
    pub sealed_bytes: fn(sealed: &[u8]) -> Option<usize>,
}
