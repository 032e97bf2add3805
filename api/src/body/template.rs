//! Templates that are put.

use agnt_fleet::{Fields, Id, Mutation, Refusal};

use super::fields::FieldReader;
use super::scalars;

/// Reads a template: its name, and its content, which fields that nobody knows belong to.
pub(crate) fn read_template(fields: Fields, id: Id) -> Result<Mutation, Refusal> {
    let mut fields = FieldReader::new(fields);
    let name = fields.take(&["name"], scalars::label);
    let named = fields.take(&["template_id", "id"], scalars::id);
    if let Some(other) = named.filter(|named| *named != id) {
        let issue = format!("\"{other}\" is not allowed; \"{id}\", as in the path, is");
        fields.refuse("template_id", issue);
    }
    let given = fields.take_object(&["content"]);
    fields.drop_shown(&["created_at"]);
    let mut content = fields.rest();
    content.extend(given.unwrap_or_default());
    fields.end()?;
    Ok(Mutation::PutTemplate { id, name, content })
}
