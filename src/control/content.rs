//! What a channel can carry of the stream itself, and which messages belong to it.

/// The content of a channel. Its number is the channel's in binary, the same in every stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Where agents are.
    Positions,
    /// What agents are doing.
    States,
    /// How agents and the system perform.
    Metrics,
    /// What agents decide together.
    Coordination,
    /// Everything in the log of events, those above but positions included.
    Events,
    /// Who talks to whom.
    Graph,
    /// Commands, their results, configurations and signalling.
    Control,
}

impl Content {
    /// Every content, in the order of its number.
    pub const ALL: [Self; 7] = [
        Self::Positions,
        Self::States,
        Self::Metrics,
        Self::Coordination,
        Self::Events,
        Self::Graph,
        Self::Control,
    ];

    /// The names of all.
    pub const NAMES: [&str; 7] = [
        "positions",
        "states",
        "metrics",
        "coordination",
        "events",
        "graph",
        "control",
    ];

    /// The content of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|content| content.name() == name)
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The numeric id of its channel in binary.
    pub const fn numeric_id(self) -> u16 {
        self.index() as u16 + 1
    }

    /// Where the content stands in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether AGNT frames carry it.
    pub const fn has_frames(self) -> bool {
        matches!(self, Self::Positions)
    }

    /// Whether messages of this type belong to it.
    pub fn holds(self, kind: &str) -> bool {
        let is_of = |family: &str| kind.starts_with(family);
        match self {
            Self::Positions => kind == "agent.position.batch",
            Self::States => kind == "agent.state.changed",
            Self::Metrics => matches!(kind, "agent.performance.update" | "system.metrics"),
            Self::Coordination => is_of("coordination."),
            Self::Events => !Self::Positions.holds(kind) && !is_of("graph.") && !is_addressed(kind),
            Self::Graph => is_of("graph.") || kind == "message.flow.stats",
            Self::Control => is_of("control.") || is_of("rtc."),
        }
    }
}

/// Whether messages of this type go to one session, so that no log holds them.
fn is_addressed(kind: &str) -> bool {
    matches!(kind, "control.execute" | "control.result") || kind.starts_with("rtc.")
}

#[cfg(test)]
mod tests {
    use super::Content;

    #[test]
    fn numbers_and_names_are_those_of_the_wire() {
        let wire = [
            (1, "positions"),
            (2, "states"),
            (3, "metrics"),
            (4, "coordination"),
            (5, "events"),
            (6, "graph"),
            (7, "control"),
        ];
        assert_eq!(
            Content::ALL.map(|content| (content.numeric_id(), content.name())),
            wire
        );
        for content in Content::ALL {
            assert_eq!(Content::of_name(content.name()), Some(content));
        }
        assert_eq!(Content::of_name("Events"), None);
    }

    #[test]
    fn each_type_belongs_where_the_table_says() {
        let table: [(&str, &[&str]); 12] = [
            ("agent.position.batch", &["positions"]),
            ("agent.state.changed", &["states", "events"]),
            ("agent.performance.update", &["metrics", "events"]),
            ("system.metrics", &["metrics", "events"]),
            ("agent.capability.update", &["events"]),
            ("message.sent", &["events"]),
            ("message.flow.stats", &["events", "graph"]),
            ("coordination.progress", &["coordination", "events"]),
            ("graph.delta", &["graph"]),
            ("control.multi-agent.configure", &["events", "control"]),
            ("control.execute", &["control"]),
            ("rtc.ice", &["control"]),
        ];
        for (kind, names) in table {
            let holding = Content::ALL
                .into_iter()
                .filter(|content| content.holds(kind));
            let holding: Vec<_> = holding.map(Content::name).collect();
            assert_eq!(holding, names, "{kind}");
        }
    }
}
