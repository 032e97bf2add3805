//! The type byte of a frame (document C, "Message Types").

use crate::codes::codes;

codes! {
    /// What a frame carries: byte 4 of every frame.
    ///
    /// A type that isn't named here is skipped by its length.
    MessageType else "UNKNOWN" {
        /// Positions and velocities: Count, then 28 bytes an agent.
        POSITION_UPDATE = 0x01, "POSITION_UPDATE";
        /// States with optional metadata: Count, then records of variable length.
        STATE_BATCH = 0x02, "STATE_BATCH";
        /// Performance figures: 28 bytes an agent.
        PERFORMANCE_METRICS = 0x03, "PERFORMANCE_METRICS";
        /// Progress of a coordination among agents.
        COORDINATION_EVENT = 0x04, "COORDINATION_EVENT";
        /// Compressed frames behind a 9-byte head without flags and length.
        COMPRESSED_BATCH = 0x05, "COMPRESSED_BATCH";
        /// A sign of life, empty or with time stamps.
        HEARTBEAT = 0x06, "HEARTBEAT";
        /// Number and time of the tick that follows.
        TICK_INFO = 0x10, "TICK_INFO";
        /// Edges of the graph of messages: Count, then 16 bytes an edge.
        EDGE_BATCH = 0x11, "EDGE_BATCH";
        /// What went wrong, for the peer.
        ERROR = 0xFF, "ERROR";
    }
}
