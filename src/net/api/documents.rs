//! The `OpenAPI` documents, with the address of this server in them.

use bytes::Bytes;
use serde_json::{Value, json};

const V1: &str = include_str!("../../../docs/openapi/v1.json");
const API_V1: &str = include_str!("../../../docs/openapi/api-v1.json");

/// The documents of both dialects; see the module.
#[derive(Debug)]
pub(super) struct Documents {
    v1: Bytes,
    api_v1: Bytes,
}

impl Documents {
    /// The documents of the server at `http://HOST:PORT`.
    pub(super) fn new(base_url: &str) -> Self {
        Self {
            v1: served(V1, base_url, "/v1"),
            api_v1: served(API_V1, base_url, "/api/v1"),
        }
    }

    /// The document at this path.
    pub(super) fn find(&self, path: &str) -> Option<&Bytes> {
        match path {
            "/openapi/v1.json" => Some(&self.v1),
            "/openapi/api-v1.json" => Some(&self.api_v1),
            _ => None,
        }
    }
}

/// The document with one server, this one. As it stands in the repository it is a JSON object, which
/// a test holds; were it none, it would be served as it is.
fn served(document: &'static str, base_url: &str, prefix: &str) -> Bytes {
    let Ok(Value::Object(mut document)) = serde_json::from_str(document) else {
        return Bytes::from_static(document.as_bytes());
    };
    let url = format!("{base_url}{prefix}");
    let servers = json!([{"url": url, "description": "This server"}]);
    document.insert("servers".to_owned(), servers);
    Bytes::from(Value::Object(document).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_names_this_server_and_is_otherwise_as_written() {
        let documents = Documents::new("https://swarm.example.com");
        for (path, written, prefix) in [
            ("/openapi/v1.json", V1, "/v1"),
            ("/openapi/api-v1.json", API_V1, "/api/v1"),
        ] {
            let served: Value = serde_json::from_slice(documents.find(path).unwrap()).unwrap();
            let mut expected: Value = serde_json::from_str(written).unwrap();
            let url = &served["servers"][0]["url"];
            assert_eq!(*url, format!("https://swarm.example.com{prefix}"));
            expected["servers"] = served["servers"].clone();
            assert_eq!(served, expected, "{path}");
        }
        assert!(documents.find("/openapi/v2.json").is_none());
    }
}
