//! What a mutation weighs: how much memory it takes while it waits, and how deep its values are.

use serde_json::Value;

use crate::mutation::{AgentChange, Answer, NewCommand, NewTask, NewWorkflow, Registration};
use crate::{Fields, Mutation, Refusal, RefusalKind};

/// How deep values may be. Rows and events nest them a few levels deeper, and what reads these at
/// the next start gives up at 128.
pub const DEPTH_MAX: usize = 64;

/// What everything in a mutation takes that isn't counted apart: short texts and the types themselves.
const FIXED_BYTES: usize = 1024;

/// What an entry of a list or an object takes beside its text.
const ENTRY_BYTES: usize = 48;

/// What an object takes beside its entries: room for eleven of them is made with the first.
const OBJECT_BYTES: usize = 640;

/// The most that the values of one text may take, see [`of_json`].
pub const JSON_WEIGHT_MAX: usize = 16 << 20;

/// How much memory the values of a JSON text take once they are read, about. A text of many small
/// objects takes up to a hundred times its own bytes, so this is asked before one is read.
pub fn of_json(text: &[u8]) -> usize {
    let (mut objects, mut entries) = (0, 0);
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            // Texts are passed over: what is in them is no structure.
            b'"' => {
                while let Some(byte) = rest.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => {
                            rest.next();
                        }
                        _ => {}
                    }
                }
            }
            b'{' => objects += 1,
            b'[' | b',' => entries += 1,
            _ => {}
        }
    }
    text.len() + objects * OBJECT_BYTES + entries * ENTRY_BYTES
}

/// Sums up what is large in a mutation.
#[derive(Debug, Default)]
struct Weight {
    bytes: usize,
    /// What each object takes beside its entries.
    object_bytes: usize,
    is_too_deep: bool,
}

/// How much memory it takes, about; refused if it is too deep.
pub(crate) fn bytes_of(mutation: &Mutation) -> Result<usize, Refusal> {
    let mut weight = Weight {
        bytes: FIXED_BYTES,
        object_bytes: OBJECT_BYTES,
        is_too_deep: false,
    };
    weight.add(mutation);
    weight.checked()
}

/// How much the entries of an object have, about, as whoever sends them would count; refused likewise.
pub(crate) fn bytes_of_fields(fields: &Fields) -> Result<usize, Refusal> {
    let mut weight = Weight::default();
    weight.fields(fields);
    weight.checked()
}

impl Weight {
    fn checked(self) -> Result<usize, Refusal> {
        if self.is_too_deep {
            let message =
                format!("the body is nested deeper than allowed: at most {DEPTH_MAX} levels");
            return Err(Refusal::new(RefusalKind::Invalid, message).with("depth_max", DEPTH_MAX));
        }
        Ok(self.bytes)
    }

    fn add(&mut self, mutation: &Mutation) {
        match mutation {
            Mutation::RegisterAgent(registration) => self.registration(registration),
            Mutation::UpdateAgent { change, .. } => self.agent_change(change),
            Mutation::CreateTask(task) => self.task(task),
            Mutation::UpdateTask { change, .. } => {
                if let Some(output) = &change.output {
                    self.fields(output);
                }
                self.fields(&change.metadata);
                self.text(change.error.as_deref().unwrap_or_default());
            }
            Mutation::CreateWorkflow(workflow) => self.workflow(workflow),
            Mutation::IssueCommand(command) => self.command(command),
            Mutation::Answer { answer, .. } => self.answer(answer),
            Mutation::StoreAnswer { path, body } => {
                self.text(path);
                self.value(body, 1);
            }
            Mutation::PutTemplate { content, .. } => self.fields(content),
            Mutation::Publish { data, .. } => self.value(data, 1),
            Mutation::Alert {
                message, details, ..
            } => {
                self.text(message);
                self.fields(details);
            }
            Mutation::PutKey { bytes, .. } => self.bytes += bytes.len(),
            Mutation::CancelTask { reason, .. } | Mutation::CancelWorkflow { reason, .. } => {
                self.text(reason.as_deref().unwrap_or_default());
            }
            Mutation::SetAgentStatus { reason, .. } => self.text(reason),
            Mutation::RemoveAgent { .. }
            | Mutation::SettleCallback { .. }
            | Mutation::RemoveTemplate { .. }
            | Mutation::RemoveKey { .. } => {}
        }
    }

    fn registration(&mut self, registration: &Registration) {
        self.texts(&registration.capabilities);
        self.fields(&registration.configuration);
        self.fields(&registration.metadata);
    }

    fn agent_change(&mut self, change: &AgentChange) {
        self.texts(change.capabilities.as_deref().unwrap_or_default());
        self.fields(&change.configuration);
        self.fields(&change.metadata);
    }

    fn task(&mut self, task: &NewTask) {
        for dependency in &task.dependencies {
            self.text(dependency.as_str());
        }
        self.fields(&task.input);
        self.fields(&task.metadata);
    }

    fn workflow(&mut self, workflow: &NewWorkflow) {
        for stage in &workflow.stages {
            self.bytes += FIXED_BYTES;
            self.texts(&stage.dependencies);
            self.fields(&stage.input);
        }
        self.fields(&workflow.configuration);
        self.fields(&workflow.input);
        self.fields(&workflow.metadata);
    }

    fn command(&mut self, command: &NewCommand) {
        self.text(&command.verb);
        self.fields(&command.payload);
        self.text(command.callback.as_ref().map_or("", |it| &it.url));
    }

    fn answer(&mut self, answer: &Answer) {
        for value in answer.data.iter().chain(&answer.errors) {
            self.value(value, 1);
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes += ENTRY_BYTES + text.len();
    }

    fn texts(&mut self, texts: &[String]) {
        for text in texts {
            self.text(text);
        }
    }

    fn fields(&mut self, fields: &Fields) {
        self.object(fields, 1);
    }

    fn object(&mut self, fields: &Fields, depth: usize) {
        if !fields.is_empty() {
            self.bytes += self.object_bytes;
        }
        for (key, value) in fields {
            self.text(key);
            self.value(value, depth + 1);
        }
    }

    /// A value at `depth`; a scalar in no list and no object is at 1.
    fn value(&mut self, value: &Value, depth: usize) {
        if depth > DEPTH_MAX + 1 {
            self.is_too_deep = true;
            return;
        }
        self.bytes += ENTRY_BYTES;
        match value {
            Value::String(text) => self.bytes += text.len(),
            Value::Array(values) => {
                for value in values {
                    self.value(value, depth + 1);
                }
            }
            Value::Object(fields) => self.object(fields, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(data: Value) -> Mutation {
        Mutation::Publish {
            topic: "x".to_owned(),
            data,
            source: None,
        }
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Null, |inner, level| match level % 2 {
            0 => Value::Array(vec![inner]),
            _ => Value::Object(Fields::from_iter([("k".to_owned(), inner)])),
        })
    }

    #[test]
    fn depth_is_bounded_exactly() {
        assert!(bytes_of(&publication(nested(DEPTH_MAX))).is_ok());
        let refusal = bytes_of(&publication(nested(DEPTH_MAX + 1))).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Invalid);
        assert!(refusal.message.contains("64"), "{}", refusal.message);
    }

    #[test]
    fn small_objects_weigh_many_times_their_text_and_texts_weigh_theirs() {
        let objects = format!("[{}]", ["{\"a\":0}"; 1000].join(","));
        assert!((600_000..800_000).contains(&of_json(objects.as_bytes())));
        let quoted = serde_json::to_string(&objects).unwrap();
        assert_eq!(of_json(quoted.as_bytes()), quoted.len());
        let ends_in_a_text = br#"{"a": "\"#;
        assert_eq!(of_json(ends_in_a_text), ends_in_a_text.len() + OBJECT_BYTES);
        let numbers = format!("[{}]", ["7"; 1000].join(","));
        assert!(of_json(numbers.as_bytes()) >= 1000 * size_of::<Value>());
    }

    #[test]
    fn a_mutation_weighs_at_least_what_its_json_has() {
        let data = serde_json::json!({ "text": "y".repeat(5000), "list": vec![7; 1000] });
        let json_bytes = data.to_string().len();
        assert!(bytes_of(&publication(data)).unwrap() > json_bytes);
        let key = Mutation::PutKey {
            id: crate::Id::unique(),
            bytes: vec![0; 9000],
        };
        assert!(bytes_of(&key).unwrap() > 9000);
    }
}
