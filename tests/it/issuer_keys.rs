//! Proves that keys of an issuer are fetched where they are published, by their URL or by OIDC
//! discovery, that nobody comes in before, that an issuer speaks for itself alone, and that
//! what can't be fetched is told in `/metrics`.

use serde_json::json;

use crate::support::eventually;
use crate::support::issuer::{Issuer, jwks};
use crate::support::rest::Rest;
use crate::support::server::TestServer;
use crate::support::tokens::{self, AUDIENCE, Signed, bearer, claims, set, sign};

/// The status of a request with a token of that issuer.
fn status(server: &TestServer, issuer: Option<&str>, how: Signed) -> u16 {
    let mut claims = claims("someone", &["read"]);
    match issuer {
        Some(issuer) => claims["iss"] = issuer.into(),
        None => claims["iss"] = "anyone".into(),
    }
    let mut rest = Rest::to(server.address);
    rest.headers = bearer(&sign(&claims, how));
    rest.ask("GET", "/v1/agents", None).0
}

/// The number of issuers without keys, which only who may read it is told.
fn without_keys(server: &TestServer) -> f64 {
    let mut rest = Rest::to(server.address);
    rest.headers = bearer(&tokens::good("operator", &["metrics"]));
    let answer = rest.exchange("GET", "/metrics", "", None);
    let line = answer
        .text()
        .lines()
        .find(|it| it.starts_with("agnt_issuers_without_keys "));
    line.unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn keys_are_fetched_by_url_and_nobody_comes_in_before() {
    let issuer = Issuer::start();
    let server = TestServer::with(|config| {
        set(config, "jwks", &issuer.url("/keys"));
        set(config, "jwt_audience", AUDIENCE);
        set(config, "rate_limit", "0");
    });
    assert_eq!(status(&server, None, Signed::Es256), 401);
    issuer.publish("/keys", jwks(&[("k", "es.pub.pem")]));
    eventually("the keys are fetched", || {
        (status(&server, None, Signed::Es256) == 200).then_some(())
    });
    assert_eq!(status(&server, None, Signed::OtherEs256), 401);
    assert_eq!(status(&server, None, Signed::Rs256), 401);
}

#[test]
fn an_issuer_says_where_its_keys_are_and_speaks_for_itself_alone() {
    let issuer = Issuer::start();
    let name = issuer.url("");
    issuer.publish(
        "/.well-known/openid-configuration",
        json!({"issuer": name, "jwks_uri": issuer.url("/oauth/keys")}),
    );
    issuer.publish("/oauth/keys", jwks(&[("k", "es_other.pub.pem")]));
    let server = tokens::server_with(|config| set(config, "oidc_issuer", &name));
    eventually("the keys are fetched", || {
        (status(&server, Some(&name), Signed::OtherEs256) == 200).then_some(())
    });
    assert_eq!(status(&server, Some(tokens::ISSUER), Signed::Es256), 200);
    // Neither may sign for the other.
    assert_eq!(status(&server, Some(&name), Signed::Es256), 401);
    assert_eq!(
        status(&server, Some(tokens::ISSUER), Signed::OtherEs256),
        401
    );
    assert!(without_keys(&server).abs() < f64::EPSILON);
}

#[test]
fn an_issuer_that_does_not_answer_is_told_of() {
    let issuer = Issuer::start();
    // Another's discovery is none.
    issuer.publish(
        "/.well-known/openid-configuration",
        json!({"issuer": "https://another.example", "jwks_uri": issuer.url("/keys")}),
    );
    issuer.publish("/keys", jwks(&[("k", "es_other.pub.pem")]));
    let name = issuer.url("");
    let server = tokens::server_with(|config| set(config, "oidc_issuer", &name));
    eventually("it is told", || {
        ((without_keys(&server) - 1.0).abs() < f64::EPSILON).then_some(())
    });
    assert_eq!(status(&server, Some(&name), Signed::OtherEs256), 401);
    assert_eq!(status(&server, Some(tokens::ISSUER), Signed::Es256), 200);
}
