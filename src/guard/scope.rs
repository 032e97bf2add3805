//! What a credential allows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that a credential may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// To see: streams, agents, tasks, workflows, events.
    Read,
    /// To send frames and events into a stream.
    Publish,
    /// To command agents.
    Control,
    /// To register, change and remove agents, and to act as one.
    Agents,
    /// To create, change and cancel tasks and workflows.
    Tasks,
    /// Everything, other people's keys included.
    Admin,
    /// To read the server's figures.
    Metrics,
}

/// A text that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scope: '{0}' is unknown; allowed are {names}", names = Scope::ALL.map(Scope::name).join(", "))]
pub struct UnknownScope(String);

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::Publish,
        Self::Control,
        Self::Agents,
        Self::Tasks,
        Self::Admin,
        Self::Metrics,
    ];

    /// The longest part of an unknown name that an error repeats, in characters.
    const SHOWN_MAX: usize = 64;

    /// Its name, in requests and in what is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Control => "control",
            Self::Agents => "agents",
            Self::Tasks => "tasks",
            Self::Admin => "admin",
            Self::Metrics => "metrics",
        }
    }

    /// The scope of that name.
    pub fn parse(name: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == name);
        found.ok_or_else(|| {
            let shown = name.chars().take(Self::SHOWN_MAX);
            UnknownScope(shown.flat_map(char::escape_default).collect())
        })
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes; stored as the list of their names.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(u8);

impl Scopes {
    /// Whether that is allowed: it is among them, or they say that everything is.
    pub const fn allow(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }

    /// Whether there are none, so that nothing is allowed.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, as given: `admin` stands for itself alone.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        let given = move |scope: &Scope| self.0 & scope.bit() != 0;
        Scope::ALL.into_iter().filter(given)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_allows_itself_and_admin_allows_everything() {
        for given in Scope::ALL {
            let scopes = Scopes::from_iter([given]);
            for asked in Scope::ALL {
                let expected = given == asked || given == Scope::Admin;
                assert_eq!(scopes.allow(asked), expected, "{given:?} {asked:?}");
            }
            assert!(!Scopes::default().allow(given));
        }
        assert!(Scopes::default().is_empty());
    }

    #[test]
    fn they_are_stored_by_name() {
        let scopes = Scopes::from_iter([Scope::Metrics, Scope::Read, Scope::Metrics]);
        let json = serde_json::to_string(&scopes).unwrap();
        assert_eq!(json, r#"["read","metrics"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(&json).unwrap(), scopes);
        assert!(serde_json::from_str::<Scopes>(r#"["root"]"#).is_err());
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.name()), Ok(scope));
            let stored = serde_json::to_value(scope).unwrap();
            assert_eq!(stored, scope.name());
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let error = Scope::parse("wri\nte").unwrap_err().to_string();
        assert_eq!(
            error,
            "scope: 'wri\\nte' is unknown; allowed are read, publish, control, agents, tasks, \
             admin, metrics"
        );
        let long = Scope::parse(&"x".repeat(10_000)).unwrap_err().to_string();
        assert!(long.len() < 200, "{long}");
    }
}
