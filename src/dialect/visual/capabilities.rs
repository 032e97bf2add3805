//! Capabilities: what a client says that it can do, and what is in force.

use std::borrow::Cow;

macro_rules! capabilities {
    ($($(#[doc = $about:literal])+ $field:ident = $name:literal;)+) => {
        /// A set of capabilities.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(super) struct Capabilities {
            $($(#[doc = $about])+ pub(super) $field: bool,)+
        }

        impl Capabilities {
            /// Those of a client's list that are known; others are no mistake.
            pub(super) fn of(list: &[Cow<'_, str>]) -> Self {
                let lists = |name: &str| list.iter().any(|listed| listed == name);
                Self { $($field: lists($name),)+ }
            }

            /// Their names.
            pub(super) fn names(&self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(if self.$field { names.push($name); })+
                names
            }
        }
    };
}

capabilities! {
    /// AGNT frames (document C).
    binary = "binary";
    /// `COMPRESSED_BATCH` (document C).
    compression = "compression";
    /// Channels (document C).
    multiplexing = "multiplexing";
    /// Metadata in `STATE_BATCH`.
    state_metadata = "state-metadata";
    /// Several frames in one message.
    frame_concat = "frame-concat";
    /// Number and time before each tick.
    tick_info = "tick-info";
    /// Names and types of agents, and who went.
    agent_index = "agent-index";
    /// Going on where a session was cut off.
    resume = "resume";
    /// Edges of the graph in binary.
    edge_batch = "edge-batch";
    /// Positions in the codecs of the protocol.
    position_encodings = "position-encodings";
}
