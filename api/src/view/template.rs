//! Templates.

use agnt_fleet::template::Template;
use agnt_fleet::{Fields, Timestamp};
use serde::Serialize;

use super::moment::moment;
use crate::dialect::Dialect;

/// A template as a dialect shows it.
#[derive(Serialize)]
pub(crate) struct TemplateView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    content: &'a Fields,
    #[serde(serialize_with = "moment")]
    created_at: Timestamp,
}

impl<'a> TemplateView<'a> {
    pub(crate) fn new(dialect: Dialect, template: &'a Template) -> Self {
        let (is_a, id) = (dialect == Dialect::A, template.id.as_str());
        Self {
            template_id: is_a.then_some(id),
            id: (!is_a).then_some(id),
            name: template.name.as_deref(),
            content: &template.content,
            created_at: template.created_at,
        }
    }
}
