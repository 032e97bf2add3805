//! Which paths belong to the agent API.

use std::sync::LazyLock;

use agnt_api::routes::ROUTES;

/// The first segments of bare paths. Bare `/metrics` is Prometheus'.
static ROOTS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let firsts = ROUTES
        .iter()
        .filter_map(|route| route.path.split('/').nth(1));
    let mut roots: Vec<_> = firsts.filter(|root| *root != "metrics").collect();
    roots.dedup();
    roots
});

/// Whether what happens at this path is the agent API's to say.
pub fn is_api_path(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    match segments.next() {
        Some("v1" | "admin" | "auth") => true,
        Some("api") => segments.next() == Some("v1"),
        Some(root) => ROOTS.contains(&root),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_api_path;

    #[test]
    fn both_prefixes_and_the_bare_roots_are_the_apis() {
        for path in [
            "/v1",
            "/v1/agents",
            "/v1/nothing",
            "/api/v1",
            "/api/v1/metrics",
            "/agents",
            "/agents/a/b/c/d",
            "/tasks/",
            "/events",
            "/callbacks/x",
            "/admin/keys",
        ] {
            assert!(is_api_path(path), "{path}");
        }
        for path in [
            "/",
            "",
            "*",
            "/metrics",
            "/agents.mjs",
            "/main.mjs",
            "/api/v2/agents",
            "/api",
            "/v2/agents",
            "/healthz",
            "//agents",
        ] {
            assert!(!is_api_path(path), "{path}");
        }
    }
}
