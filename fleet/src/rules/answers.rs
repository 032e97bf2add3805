//! Answers that go somewhere beside the asker: kept under a relative path, or sent to a URL
//! (ruling 43).

use std::sync::Arc;

use serde_json::Value;

use super::Ruling;
use super::checks::json_bytes;
use crate::command::{Callback, CallbackStatus, Command};
use crate::core::Core;
use crate::tables::{RowChange, StoredAnswer};
use crate::{Outcome, Refusal, RefusalKind};

/// The largest answer that is kept, as JSON.
const BODY_BYTES_MAX: usize = 64 << 10;

/// The longest path, in bytes.
const PATH_BYTES_MAX: usize = 1024;

/// Keeps an answer under a path of this server, in place of the one before it.
pub(super) fn store(core: &mut Core, path: String, body: Value) -> Ruling {
    let bytes = json_bytes(&body);
    if bytes > BODY_BYTES_MAX {
        let message =
            format!("the answer has {bytes} bytes as JSON; at most {BODY_BYTES_MAX} are allowed");
        return Err(Refusal::new(RefusalKind::TooLarge, message));
    }
    if !path.starts_with('/') || path.len() > PATH_BYTES_MAX {
        let issue = format!("begins with / and has at most {PATH_BYTES_MAX} bytes");
        return Err(Refusal::invalid("path", issue));
    }
    put(core, path, body);
    Ok(Outcome::Done)
}

/// A callback as it is accepted: a path under which nothing can be kept is refused from the start.
pub(super) fn judged(mut callback: Callback) -> Callback {
    if callback.is_relative() && callback.url.len() > PATH_BYTES_MAX {
        callback.status = CallbackStatus::Refused;
    }
    callback
}

/// What becomes of a command's callback now that the command ended: an answer is kept or goes on
/// its way; one whose URL may not be called stays as it is.
pub(super) fn call_back(core: &mut Core, command: &mut Command) {
    let Some(callback) = &command.callback else {
        return;
    };
    if callback.status != CallbackStatus::Pending {
        return;
    }
    let status = match callback.is_relative() {
        true => match store(core, callback.url.clone(), command.response()) {
            Ok(_) => CallbackStatus::Stored,
            Err(_) => CallbackStatus::Failed,
        },
        false => CallbackStatus::Sending,
    };
    if let Some(callback) = &mut command.callback {
        callback.status = status;
    }
}

fn put(core: &mut Core, path: String, body: Value) {
    let count_max = (core.settings.commands_kept_max as usize).max(1);
    if !core.tables.answers.contains_key(&path) && core.tables.answers.len() >= count_max {
        forget_oldest(core, count_max);
    }
    let at = core.now();
    core.put(RowChange::Answer(
        path,
        Some(Arc::new(StoredAnswer { body, at })),
    ));
}

/// Makes room for one, and, since all are looked at to find the oldest, for some more: one in a
/// hundred goes, up to a thousand at a time.
fn forget_oldest(core: &mut Core, count_max: usize) {
    let surplus = core.tables.answers.len() + 1 - count_max;
    let count = surplus.max(count_max / 100).min(1000);
    let all = core.tables.answers.iter();
    let mut moments: Vec<_> = all.map(|(path, answer)| (answer.at, path)).collect();
    moments.select_nth_unstable(count - 1);
    let oldest: Vec<String> = moments[..count]
        .iter()
        .map(|(_, path)| (*path).clone())
        .collect();
    for path in oldest {
        core.put(RowChange::Answer(path, None));
    }
}
