//! Tokens for clients that show their id and secret (RFC 6749, 4.4), and tickets for sockets.

use agnt_fleet::{Refusal, RefusalKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::{StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;

use super::own::{Answer, Asking, secret_json};
use crate::domain::{HiddenText, time};
use crate::guard::{Issued, NotIssued, PeerCertificate, Scope};

/// What a client shows. Document B has it under `agent_credentials`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Shown {
    agent_credentials: Option<Box<Shown>>,
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    /// Its certificate, DER in base64: the one that TLS was spoken with, where it was with one.
    certificate: Option<String>,
}

/// What a request shows, once it is read.
struct Pair {
    client_id: String,
    secret: HiddenText,
    certificate: Option<String>,
}

const GRANT_TYPE: &str = "client_credentials";

/// `POST /auth/token`.
pub(super) fn issue_token(asking: &Asking<'_>) -> Result<Answer, Refusal> {
    let shown = shown(asking)?;
    let issued = issue(asking, &shown).map_err(|error| match error {
        NotIssued::Unknown => Refusal::new(RefusalKind::Unauthenticated, error.to_string()),
        NotIssued::Mint(_) => Refusal::new(RefusalKind::Internal, error.to_string()),
    })?;
    let scopes: Vec<_> = issued.scopes.iter().map(Scope::name).collect();
    let body = json!({
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.ttl_s,
        "scope": scopes.join(" "),
    });
    Ok(secret_json(StatusCode::OK, &body))
}

/// A token for who shows that. A certificate is the one that TLS was spoken with, and stands beside the
/// secret (ruling 69).
fn issue(asking: &Asking<'_>, shown: &Pair) -> Result<Issued, NotIssued> {
    let certificate = asking.head.extensions.get::<PeerCertificate>();
    if let (Some(spoken), Some(named)) = (certificate, &shown.certificate) {
        let digits: String = named.split_ascii_whitespace().collect();
        if STANDARD.decode(digits).ok().as_deref() != Some(spoken.der()) {
            return Err(NotIssued::Unknown);
        }
    }
    let fingerprint = certificate.map(PeerCertificate::sha256);
    let (id, secret) = (&shown.client_id, shown.secret.reveal());
    let doorkeeper = &asking.api.doorkeeper;
    doorkeeper.issue(id, secret, fingerprint.as_ref(), time::unix_s())
}

/// `POST /auth/ticket`.
pub(super) fn give_ticket(asking: &Asking<'_>) -> Result<Answer, Refusal> {
    let doorkeeper = &asking.api.doorkeeper;
    let given = doorkeeper.give_ticket(&asking.passage.identity, time::unix_s());
    let ticket = given.map_err(|error| {
        Refusal::new(RefusalKind::Unavailable, error.to_string()).retry_after(1)
    })?;
    let body = json!({ "ticket": ticket, "expires_in": agnt_credentials::TICKET_TTL_S });
    Ok(secret_json(StatusCode::CREATED, &body))
}

/// The id and the secret that a request shows: in the header field, as RFC 6749 has it, or in its
/// body, as a form or as JSON.
fn shown(asking: &Asking<'_>) -> Result<Pair, Refusal> {
    let content_type = asking.head.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|it| it.to_str().ok()).unwrap_or("");
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    let read = match is_form {
        true => of_form(asking.body),
        false if asking.body.is_empty() => Some(Shown::default()),
        false => serde_json::from_slice(asking.body).ok(),
    };
    let mut read = read.ok_or_else(|| {
        let issue = "neither a form nor JSON with client_id and client_secret";
        Refusal::invalid("body", issue)
    })?;
    let given = read.grant_type.as_deref().unwrap_or(GRANT_TYPE);
    if given != GRANT_TYPE {
        return Err(Refusal::invalid(
            "grant_type",
            format!("only {GRANT_TYPE} is allowed"),
        ));
    }
    if let Some(inner) = read.agent_credentials.take() {
        read = *inner;
    }
    let basic = of_basic(asking);
    let pair = basic.or_else(|| Some((read.client_id?, read.client_secret?)));
    let (client_id, secret) =
        pair.ok_or_else(|| Refusal::invalid("client_id", "it and client_secret are needed"))?;
    Ok(Pair {
        client_id,
        secret: secret.into(),
        certificate: read.certificate,
    })
}

fn of_form(body: &[u8]) -> Option<Shown> {
    let body = std::str::from_utf8(body).ok()?;
    let mut shown = Shown::default();
    for pair in body.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match key {
            "grant_type" => &mut shown.grant_type,
            "client_id" => &mut shown.client_id,
            "client_secret" => &mut shown.client_secret,
            _ => continue,
        };
        *place = Some(decoded(value)?);
    }
    Some(shown)
}

/// `Authorization: Basic`, its parts encoded as in a form (RFC 6749, 2.3.1).
fn of_basic(asking: &Asking<'_>) -> Option<(String, String)> {
    let field = asking.head.headers.get(header::AUTHORIZATION)?;
    let (scheme, digits) = field.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let bytes = STANDARD.decode(digits.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8().ok()?;
    Some(text.into_owned())
}
