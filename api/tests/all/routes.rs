//! The table of routes: each is found under every prefix, and nothing else is.

use std::collections::BTreeSet;
use std::path::Path;

use agnt_api::Dialect;
use agnt_api::routes::{Detour, ROUTES, find};
use http::Method;
use serde_json::Value;

use crate::rig::Rig;

/// A path of a route with its parameters filled in.
fn filled(path: &str) -> String {
    let segment = |segment: &str| match segment.starts_with('{') {
        true => "x1".to_owned(),
        false => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_is_found_under_every_prefix() {
    for route in &ROUTES {
        for (prefix, dialect) in [
            ("", Dialect::A),
            ("/v1", Dialect::A),
            ("/api/v1", Dialect::B),
        ] {
            let path = format!("{prefix}{}", filled(route.path));
            let found = find(&route.method, &path).unwrap();
            assert_eq!((found.route, found.dialect), (route, dialect), "{path}");
            if route.method == Method::GET {
                assert_eq!(find(&Method::HEAD, &path).unwrap().route, route);
            }
        }
        assert!(!route.scopes.is_empty() && !route.successes.is_empty());
    }
    let operations: BTreeSet<_> = ROUTES
        .iter()
        .map(|it| format!("{:?}", it.operation))
        .collect();
    assert_eq!(
        operations.len(),
        ROUTES.len(),
        "an operation stands in one row"
    );
}

#[test]
fn other_methods_are_told_the_right_ones() {
    let rig = Rig::new();
    let answer = rig.send(Method::TRACE, "/v1/agents", &Value::Null);
    assert_eq!(answer.header("allow"), Some("GET, POST, HEAD, OPTIONS"));
    assert_eq!(answer.json(405)["error_code"], "METHOD_NOT_ALLOWED");
    let answer = rig
        .send(Method::OPTIONS, "/api/v1/tasks/x", &Value::Null)
        .expect(204);
    assert_eq!(
        answer.header("allow"),
        Some("GET, PATCH, DELETE, HEAD, OPTIONS")
    );
    assert_eq!(rig.get("/agents/register").status, 405);
    let unheard = Method::from_bytes(b"QUUX").unwrap();
    assert_eq!(rig.send(unheard, "/tasks", &Value::Null).status, 405);
}

#[test]
fn paths_that_only_look_alike_lead_nowhere() {
    for path in [
        "/v1/agents/",
        "/v1//agents",
        "//v1/agents",
        "/v1/agents//status",
        "/v1/agents/x/",
        "/v1/Agents",
        "/v2/agents",
        "/api/agents",
        "/api/v1",
        "/v1",
        "/",
        "",
        "/v1/agents/x/y",
        "/v1/v1/agents",
        "/v1/callbacks",
        "/v1/callbacks/",
    ] {
        assert_eq!(
            find(&Method::GET, path).unwrap_err(),
            Detour::Nowhere,
            "{path}"
        );
    }
    let rig = Rig::new();
    for path in [
        "/v1/agents/%2e",
        "/v1/callbacks/%2e%2e",
        "/v1/callbacks/a//b",
        "/v1/%61gents",
    ] {
        assert_eq!(rig.get(path).status, 404, "{path}");
    }
}

#[test]
fn parameters_are_decoded_once() {
    let rig = Rig::new();
    let body = serde_json::json!({"agent_id": "a-1", "capabilities": ["c"]});
    rig.post("/v1/agents", &body).expect(201);
    assert_eq!(rig.get("/v1/agents/%61%2D1").status, 200);
    assert_eq!(rig.get("/v1/agents/%2561-1").status, 404);
}

/// The documents describe what is served, and what is served is described.
#[test]
fn the_descriptions_have_the_same_routes() {
    for file in ["v1.json", "api-v1.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../docs/openapi")
            .join(file);
        let text = std::fs::read_to_string(&path).expect(file);
        let document: Value = serde_json::from_str(&text).expect(file);
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "parameters")
            {
                let path = anonymous(path);
                described.insert((method.to_uppercase(), path));
            }
        }
        let served: BTreeSet<_> = ROUTES
            .iter()
            .map(|route| (route.method.to_string(), anonymous(route.path)))
            .collect();
        let missing: Vec<_> = served.difference(&described).collect();
        assert!(missing.is_empty(), "{file} does not describe {missing:?}");
        // The door to WebSocket and what clients ask of credentials are served elsewhere.
        let elsewhere = ["/ws", "/auth/token", "/auth/ticket"];
        let mut other = described.difference(&served);
        let unknown = other.find(|(_, path)| !elsewhere.contains(&path.as_str()));
        assert_eq!(unknown, None, "{file} describes it");
    }
}

/// A path without the names of its parameters.
fn anonymous(path: &str) -> String {
    let segment = |segment: &str| match segment.starts_with('{') {
        true => "{}".to_owned(),
        false => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}
