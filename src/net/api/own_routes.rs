//! The one table of the server's own routes: credentials, copies, connections. They are no
//! operations of the dialects, and stand beside `agnt_api::routes`.

use hyper::Method;

/// What is done at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named by its route")]
pub enum OwnOperation {
    IssueToken,
    GiveTicket,
    ListKeys,
    CreateKey,
    RevokeKey,
    ListClients,
    CreateClient,
    RevokeClient,
    ListRevocations,
    RevokeToken,
    SendCopy,
    ListConnections,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone: what they show is in the body.
    Anyone,
    /// Whoever shows any credential that is good.
    Known,
    /// Whoever has that scope.
    Scope(&'static str),
}

/// A row of the table.
#[derive(Debug)]
pub struct OwnRoute {
    /// The method.
    pub method: Method,
    /// The path, its parameter in braces.
    pub path: &'static str,
    /// What is done.
    pub operation: OwnOperation,
    /// Who may ask.
    pub access: Access,
}

const fn route(
    method: Method,
    path: &'static str,
    operation: OwnOperation,
    access: Access,
) -> OwnRoute {
    OwnRoute {
        method,
        path,
        operation,
        access,
    }
}

use OwnOperation as To;

const ADMIN: Access = Access::Scope("admin");

/// The table. What is beside `/admin` exists under both prefixes too.
#[rustfmt::skip]
pub static OWN_ROUTES: [OwnRoute; 12] = [
    route(Method::POST, "/auth/token", To::IssueToken, Access::Anyone),
    route(Method::POST, "/auth/ticket", To::GiveTicket, Access::Known),
    route(Method::GET, "/admin/keys", To::ListKeys, ADMIN),
    route(Method::POST, "/admin/keys", To::CreateKey, ADMIN),
    route(Method::DELETE, "/admin/keys/{key_id}", To::RevokeKey, ADMIN),
    route(Method::GET, "/admin/clients", To::ListClients, ADMIN),
    route(Method::POST, "/admin/clients", To::CreateClient, ADMIN),
    route(Method::DELETE, "/admin/clients/{client_id}", To::RevokeClient, ADMIN),
    route(Method::GET, "/admin/revocations", To::ListRevocations, ADMIN),
    route(Method::POST, "/admin/revocations", To::RevokeToken, ADMIN),
    route(Method::POST, "/admin/backup", To::SendCopy, ADMIN),
    route(Method::GET, "/admin/connections", To::ListConnections, ADMIN),
];

/// What a request finds.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// A route, and its parameter.
    Route(&'static OwnRoute, &'a str),
    /// Nothing by that method; these are allowed, to whom the first of them is.
    OtherMethod(String, Access),
    /// Nothing at all.
    Nowhere,
}

/// Whether a path is one of these, or would be if there were something at it.
pub(super) fn is_own(path: &str) -> bool {
    let path = bare(path);
    let within = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|it| it.is_empty() || it.starts_with('/'))
    };
    within("/admin") || within("/auth")
}

/// Where a request for this path goes.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Found<'a> {
    let path = bare(path);
    let mut here = OWN_ROUTES
        .iter()
        .filter_map(|route| Some((route, parameter(route.path, path)?)))
        .peekable();
    let Some(access) = here.peek().map(|(first, _)| first.access) else {
        return Found::Nowhere;
    };
    let asked = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let mut allowed = Vec::new();
    for (route, parameter) in here {
        if route.method == *asked {
            return Found::Route(route, parameter);
        }
        allowed.push(route.method.as_str());
        if route.method == Method::GET {
            allowed.push("HEAD");
        }
    }
    Found::OtherMethod(allowed.join(", "), access)
}

/// The path without a dialect's prefix, which `/admin` never has.
fn bare(path: &str) -> &str {
    let rest = path
        .strip_prefix("/api/v1")
        .or_else(|| path.strip_prefix("/v1"));
    match rest {
        Some(rest) if rest.starts_with("/auth") => rest,
        _ => path,
    }
}

/// The parameter of a path, empty where it has none; nothing if it is another path.
fn parameter<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    match pattern.split_once('{') {
        None => (pattern == path).then_some(""),
        Some((start, _)) => {
            let rest = path.strip_prefix(start)?;
            (!rest.is_empty() && !rest.contains('/')).then_some(rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_found_by_its_method_and_path() {
        for row in &OWN_ROUTES {
            let path = row
                .path
                .replace("{key_id}", "x")
                .replace("{client_id}", "x");
            let Found::Route(found, _) = find(&row.method, &path) else {
                panic!("{path} is not found");
            };
            assert!(std::ptr::eq(found, row), "{path}");
            assert!(is_own(&path));
        }
        for path in ["/v1/auth/token", "/api/v1/auth/ticket"] {
            assert!(is_own(path), "{path}");
            assert!(
                matches!(find(&Method::POST, path), Found::Route(..)),
                "{path}"
            );
        }
        for path in ["/v1/admin/keys", "/administrator", "/authors", "/v1/agents"] {
            assert!(!is_own(path), "{path}");
        }
        for path in ["/admin", "/admin/keys/", "/admin/keys/a/b", "/auth/token/"] {
            assert!(matches!(find(&Method::GET, path), Found::Nowhere), "{path}");
        }
        let Found::OtherMethod(allowed, Access::Scope("admin")) = find(&Method::PUT, "/admin/keys")
        else {
            panic!("PUT is no method of keys");
        };
        assert_eq!(allowed, "GET, HEAD, POST");
    }

    #[test]
    fn what_is_not_for_those_who_run_the_server_is_described() {
        let documents = [
            include_str!("../../../docs/openapi/v1.json"),
            include_str!("../../../docs/openapi/api-v1.json"),
        ];
        for document in documents {
            let document: serde_json::Value = serde_json::from_str(document).unwrap();
            for row in OWN_ROUTES.iter().filter(|row| row.access != ADMIN) {
                let method = row.method.as_str().to_lowercase();
                let described = &document["paths"][row.path][method];
                assert!(described.is_object(), "{}", row.path);
                let is_open = described["security"].as_array().is_some_and(Vec::is_empty);
                assert_eq!(is_open, row.access == Access::Anyone, "{}", row.path);
            }
        }
    }
}
