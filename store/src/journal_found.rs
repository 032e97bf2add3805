//! The journal that was found beside a store, and the commits in it that the database doesn't have.

use bytes::Bytes;

use crate::changes::Changes;
use crate::error::OpenError;
use crate::journal::{Journal, JournalFault};
use crate::journal_home::JournalHome;
use crate::mark::Mark;
use crate::opening::{Found, Purpose};
use crate::pending::Pending;
use crate::place::Place;
use crate::tables::Bounds;

/// What lies beside a database.
#[derive(Debug, Default)]
pub(crate) struct JournalFound {
    /// Nothing, if there is none or nobody needs it: another one is then made in its place.
    pub(crate) journal: Option<Journal>,
    /// What its commits change, to be laid over the database.
    pub(crate) pending: Pending,
    /// How many commits that are.
    pub(crate) commits: u64,
    /// The number of its last record.
    pub(crate) last: u64,
}

impl JournalFound {
    /// Looks at what lies at `home`, for a database that was found at `place` or for none; refuses what
    /// doesn't belong to it or is damaged. Nothing is changed.
    pub(crate) fn of(
        found: Option<&Found>,
        home: &JournalHome,
        place: &Place,
        purpose: Purpose,
    ) -> Result<Self, OpenError> {
        let failed = |fault| refusal(fault, place);
        let journal = home.open(purpose).map_err(failed)?;
        let mark = found.and_then(|found| found.mark);
        match (journal, found, mark) {
            (Some(journal), Some(found), Some(mark)) if journal.number() == mark.journal => {
                Self::read(journal, mark, found.bounds, place)
            }
            (journal, _, Some(mark)) if mark.is_in_use => Err(match journal {
                Some(_) => foreign(place),
                None => OpenError::JournalMissing {
                    path: place.to_string(),
                    journal: place.journal().to_string(),
                },
            }),
            (Some(journal), _, _) => {
                let has_records = journal.has_records().map_err(JournalFault::Io);
                match has_records.map_err(failed)? {
                    true => Err(foreign(place)),
                    false => Ok(Self::default()),
                }
            }
            (None, _, _) => Ok(Self::default()),
        }
    }

    fn read(
        journal: Journal,
        mark: Mark,
        mut bounds: Bounds,
        place: &Place,
    ) -> Result<Self, OpenError> {
        let records = journal.unsettled(mark).map_err(|it| refusal(it, place))?;
        let mut found = Self {
            last: mark.settled,
            ..Self::default()
        };
        for record in records {
            let broken = |what: &str| broken(place, &format!("commit {} {what}", record.number));
            let mut rest: Bytes = record.changes;
            while !rest.is_empty() {
                let changes = Changes::cut(&mut rest).ok_or_else(|| broken("has no changes"))?;
                if changes.events_from != bounds.next {
                    return Err(broken(&format!(
                        "begins with event {}; allowed: {}",
                        changes.events_from, bounds.next
                    )));
                }
                bounds = changes.bounds_after(bounds);
                found.pending.recorded.apply(&changes);
                found.commits += 1;
            }
            found.last = record.number;
        }
        found.journal = Some(journal);
        Ok(found)
    }
}

fn refusal(fault: JournalFault, place: &Place) -> OpenError {
    let journal = place.journal();
    match fault {
        JournalFault::Io(error) => OpenError::io(&journal, error),
        JournalFault::Foreign(found) => OpenError::Foreign {
            path: journal.to_string(),
            found,
        },
        JournalFault::Broken(found) => broken(place, &found),
    }
}

fn foreign(place: &Place) -> OpenError {
    OpenError::JournalForeign {
        path: place.to_string(),
        journal: place.journal().to_string(),
    }
}

fn broken(place: &Place, found: &str) -> OpenError {
    OpenError::corrupt(place, format!("its journal {}: {found}", place.journal()))
}
