//! How far a credential goes, of whatever kind it is: what it allows, in which streams, and for which
//! agents it speaks.

use agnt_credentials::{ActAs, Verified};

use super::scope::{Scope, Scopes};

/// The extent; see the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// What it allows.
    pub scopes: Scopes,
    /// In which streams.
    pub streams: Reach,
    /// For which agents.
    pub agents: Reach,
}

/// Among which streams, or agents, somebody may move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    #[default]
    All,
    /// These.
    These(Vec<String>),
}

/// What stands for everyone where agents are listed.
pub const EVERYONE: &str = "*";

/// The most names of a list.
const NAMES_MAX: usize = 64;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A list of streams or agents is too long, or has something in it that is nobody's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: at most {NAMES_MAX} names of 1 to {NAME_BYTES_MAX} bytes are allowed")]
pub struct InvalidNames(&'static str);

impl Extent {
    /// That of these scopes. Who may do everything speaks for everyone.
    pub fn new(scopes: Scopes, streams: Reach, agents: Reach) -> Self {
        let agents = match scopes.allow(Scope::Admin) {
            true => Reach::All,
            false => agents,
        };
        Self {
            scopes,
            streams,
            agents,
        }
    }

    /// That of a token: it speaks for its subject, and for whom else it says.
    pub(super) fn of_token(verified: &Verified) -> Self {
        let names = verified.scopes.iter();
        let scopes = names.filter_map(|name| Scope::parse(name).ok()).collect();
        let agents = match &verified.act_as {
            ActAs::Everyone => Reach::All,
            ActAs::These(others) => {
                let own = std::iter::once(&verified.subject);
                Reach::These(own.chain(others).cloned().collect())
            }
        };
        Self::new(
            scopes,
            Reach::of_streams(verified.streams.as_deref()),
            agents,
        )
    }
}

impl Reach {
    /// Whether that one is among them.
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.iter().any(|given| given == name),
        }
    }

    /// That of a list of streams; without one it is all of them.
    pub fn of_streams(listed: Option<&[String]>) -> Self {
        listed.map_or(Self::All, |names| Self::These(names.to_vec()))
    }

    /// That of a list of agents, in which [`EVERYONE`] may stand; without one it is all of them.
    pub fn of_agents(listed: Option<&[String]>) -> Self {
        let named = listed.filter(|names| names.iter().all(|name| name != EVERYONE));
        Self::of_streams(named)
    }
}

/// Whether a list holds names, and not too many.
pub(super) fn check_names(list: &'static str, names: &[String]) -> Result<(), InvalidNames> {
    let is_name = |name: &String| (1..=NAME_BYTES_MAX).contains(&name.len());
    match names.len() <= NAMES_MAX && names.iter().all(is_name) {
        true => Ok(()),
        false => Err(InvalidNames(list)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_missing_is_everyone_and_so_is_one_with_a_star() {
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(Reach::of_agents(None), Reach::All);
        assert_eq!(Reach::of_agents(Some(&list(&["a", "*"]))), Reach::All);
        assert_eq!(Reach::of_streams(None), Reach::All);
        let starred = Reach::of_streams(Some(&list(&["*"])));
        assert!(!starred.covers("a"), "a stream may not be meant by a star");
        let some = Reach::of_agents(Some(&list(&["a", "b"])));
        assert!(some.covers("a") && some.covers("b") && !some.covers("c") && !some.covers("*"));
        assert!(
            !Reach::of_agents(Some(&[])).covers("a"),
            "an empty list is nobody"
        );
    }

    #[test]
    fn who_may_do_everything_speaks_for_everyone_but_keeps_to_its_streams() {
        let some = || Reach::These(vec!["a".to_owned()]);
        let of = |scope| Extent::new([scope].into_iter().collect(), some(), some());
        assert_eq!(of(Scope::Admin).agents, Reach::All);
        assert_eq!(of(Scope::Admin).streams, some());
        assert_eq!(of(Scope::Agents).agents, some());
    }

    #[test]
    fn lists_are_bounded() {
        assert!(check_names("streams", &vec!["a".repeat(128); 64]).is_ok());
        for names in [
            vec!["a".to_owned(); 65],
            vec![String::new()],
            vec!["a".repeat(129)],
        ] {
            let error = check_names("streams", &names).unwrap_err().to_string();
            assert_eq!(
                error,
                "streams: at most 64 names of 1 to 128 bytes are allowed"
            );
        }
    }
}
