//! Templates, publications, alerts and keys.

use std::sync::Arc;

use serde_json::Value;

use super::Ruling;
use super::checks::{LABEL_CHARACTERS_MAX, check_label_if_any, check_size};
use crate::core::{Context, Core, Counted};
use crate::tables::RowChange;
use crate::template::Template;
use crate::topics::Topic;
use crate::{EventKind, Fields, Id, Outcome, Refusal, RefusalKind};

/// How many templates there may be.
const TEMPLATES_MAX: usize = 10_000;

/// The largest content of a template as JSON.
const CONTENT_BYTES_MAX: usize = 64 << 10;

/// How bad an alert may be.
const SEVERITIES: [&str; 4] = ["info", "warning", "error", "critical"];

/// How many API keys and clients there may be, the revoked ones included.
const KEYS_MAX: usize = 10_000;

/// How many revocations of tokens there may be beside them, so that neither takes the other's room.
const REVOCATIONS_MAX: usize = 100_000;

/// How the id of a revocation's row begins.
const REVOCATION: &str = "revocation-";

pub(super) fn put_template(
    core: &mut Core,
    id: Id,
    name: Option<String>,
    content: Fields,
) -> Ruling {
    check_label_if_any("name", name.as_ref())?;
    check_size("content", &content, CONTENT_BYTES_MAX)?;
    let known = core.tables.templates.find(id.as_str()).cloned();
    if known.is_none() && core.tables.templates.len() >= TEMPLATES_MAX {
        return Err(capped("templates_max", TEMPLATES_MAX));
    }
    let template = Arc::new(Template {
        id: id.clone(),
        ordinal: match &known {
            Some(known) => known.ordinal,
            None => core.ordinal(Counted::Templates)?,
        },
        name,
        content,
        created_at: known
            .as_ref()
            .map_or_else(|| core.now(), |known| known.created_at),
    });
    core.put(RowChange::Template(id, Some(Arc::clone(&template))));
    Ok(Outcome::Template {
        template,
        is_new: known.is_none(),
    })
}

pub(super) fn remove_template(core: &mut Core, id: &Id) -> Ruling {
    if core.tables.templates.find(id.as_str()).is_none() {
        return Err(Refusal::not_found("template", id.as_str()));
    }
    core.put(RowChange::Template(id.clone(), None));
    Ok(Outcome::Done)
}

/// What is given may name a template by `template_id`. While there is none, any name will do
/// (ruling 39).
pub(super) fn check_template(core: &Core, given: &Fields) -> Result<(), Refusal> {
    let Some(Value::String(name)) = given.get("template_id") else {
        return Ok(());
    };
    let templates = &core.tables.templates;
    if templates.is_empty() || templates.find(name).is_some() {
        return Ok(());
    }
    let shown: String = name.chars().take(LABEL_CHARACTERS_MAX).collect();
    let message = format!("template_id: there is no template {shown:?}");
    Err(Refusal::new(RefusalKind::UnknownTemplate, message).with("template_id", shown))
}

pub(super) fn publish(
    core: &mut Core,
    topic: String,
    data: Value,
    source: Option<String>,
) -> Ruling {
    if let Err(error) = Topic::parse(&topic) {
        let text = error.to_string();
        let issue = text.strip_prefix("topic: ").unwrap_or(&text);
        return Err(Refusal::invalid("topic", issue));
    }
    let context = Context {
        source,
        ..Context::default()
    };
    let sequence = core.emit(EventKind::Publication { topic, data }, context);
    Ok(Outcome::Event { sequence })
}

pub(super) fn alert(
    core: &mut Core,
    severity: String,
    component: String,
    message: String,
    details: Fields,
) -> Ruling {
    if !SEVERITIES.contains(&severity.as_str()) {
        let issue = format!(
            "is {severity:?}; one of {} is allowed",
            SEVERITIES.join(", ")
        );
        return Err(Refusal::invalid("severity", issue));
    }
    let kind = EventKind::SystemAlert {
        severity,
        component,
        message,
        details,
    };
    let sequence = core.emit(kind, Context::default());
    Ok(Outcome::Event { sequence })
}

pub(super) fn put_key(core: &mut Core, id: Id, bytes: Vec<u8>) -> Ruling {
    let keys = &core.tables.keys;
    let is_revocation = |id: &Id| id.as_str().starts_with(REVOCATION);
    let (cap, max) = match is_revocation(&id) {
        true => ("revocations_max", REVOCATIONS_MAX),
        false => ("keys_max", KEYS_MAX),
    };
    // Counted only where it can matter.
    let is_full = || {
        let alike = keys
            .keys()
            .filter(|it| is_revocation(it) == is_revocation(&id));
        keys.len() >= max && alike.count() >= max
    };
    if !keys.contains_key(&id) && is_full() {
        return Err(capped(cap, max));
    }
    core.put(RowChange::Key(id, Some(Arc::new(bytes))));
    Ok(Outcome::Done)
}

pub(super) fn remove_key(core: &mut Core, id: Id) -> Outcome {
    if core.tables.keys.contains_key(&id) {
        core.put(RowChange::Key(id, None));
    }
    Outcome::Done
}

/// A cap is reached; nothing makes room by itself, so that no time to come again is named.
pub(super) fn capped(cap: &str, max: usize) -> Refusal {
    let message = format!("{cap}: {max} are there already, and no more are allowed");
    Refusal::new(RefusalKind::TooMany, message)
        .with("cap", cap)
        .with("max", max)
}
