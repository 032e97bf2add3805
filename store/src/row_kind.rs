//! What kind of thing a row is about; each kind has a table of its own in the file.

/// A kind of row. The store keeps kinds apart and knows no more about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RowKind {
    /// Agents by id.
    Agent = 1,
    /// Tasks by id.
    Task = 2,
    /// Workflows by id.
    Workflow = 3,
    /// Commands by id.
    Command = 4,
    /// Templates by name.
    Template = 5,
    /// Answers by the key that a client gave its request.
    Idempotency = 6,
    /// API keys by the hash of their secret.
    Key = 7,
    /// What agents answered, by where it was asked to go.
    Answer = 8,
    /// What there is once, by name.
    Meta = 9,
}

impl RowKind {
    /// Every kind, in the order of the tables.
    pub const ALL: [Self; 9] = [
        Self::Agent,
        Self::Task,
        Self::Workflow,
        Self::Command,
        Self::Template,
        Self::Idempotency,
        Self::Key,
        Self::Answer,
        Self::Meta,
    ];

    /// The name of its table in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agents",
            Self::Task => "tasks",
            Self::Workflow => "workflows",
            Self::Command => "commands",
            Self::Template => "templates",
            Self::Idempotency => "idempotency",
            Self::Key => "keys",
            Self::Answer => "answers",
            Self::Meta => "meta",
        }
    }

    /// Its place in [`RowKind::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_its_index_under_a_name_of_its_own() {
        for (index, kind) in RowKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
            let alike = RowKind::ALL.iter().filter(|it| it.name() == kind.name());
            assert_eq!(alike.count(), 1, "{kind:?}");
        }
    }
}
