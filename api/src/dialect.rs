//! Which of the two documents an answer is written in.

/// A dialect of the REST API, chosen by the path's prefix (decision X1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Document A: `/v1` and the bare paths.
    A,
    /// Document B: `/api/v1`.
    B,
}

impl Dialect {
    /// The dialect of a path, and the path without its prefix.
    pub fn of_path(path: &str) -> (Self, &str) {
        for (prefix, dialect) in [("/api/v1", Self::B), ("/v1", Self::A)] {
            let rest = path.strip_prefix(prefix);
            if let Some(rest) = rest.filter(|rest| rest.starts_with('/') || rest.is_empty()) {
                return (dialect, rest);
            }
        }
        (Self::A, path)
    }

    /// The prefix of paths in answers.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::A => "/v1",
            Self::B => "/api/v1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn the_prefix_chooses() {
        for (path, dialect, rest) in [
            ("/api/v1/agents", Dialect::B, "/agents"),
            ("/v1/agents", Dialect::A, "/agents"),
            ("/agents", Dialect::A, "/agents"),
            ("/v1x/agents", Dialect::A, "/v1x/agents"),
            ("/api/v1", Dialect::B, ""),
            ("/api/v10/agents", Dialect::A, "/api/v10/agents"),
        ] {
            assert_eq!(Dialect::of_path(path), (dialect, rest), "{path}");
        }
    }
}
