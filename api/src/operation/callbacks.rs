//! Answers that are kept under a path of this server (ruling 43).

use agnt_fleet::{Mutation, Refusal};

use super::{Call, Doing};
use crate::body::is_callback_path;
use crate::content::read_value;
use crate::list::absent;
use crate::step::Show;

pub(super) fn show(call: &Call<'_>) -> Doing {
    let path = path(call)?;
    let found = call.fleet.read().answers.get(path).cloned();
    let stored = found.ok_or_else(|| absent("callback", path))?;
    Ok(call.answer(&stored.body))
}

pub(super) fn store(call: &Call<'_>) -> Doing {
    let path = path(call)?.to_owned();
    call.check_kept_answer(&path)?;
    let body = read_value(call.request)?;
    call.mutate(Mutation::StoreAnswer { path, body }, Show::AnswerStored)
}

/// The path, as it was named when the answer was asked for.
fn path<'a>(call: &Call<'a>) -> Result<&'a str, Refusal> {
    let path = call.request.path;
    match is_callback_path(path) {
        true => Ok(path),
        false => Err(absent("callback", path)),
    }
}
