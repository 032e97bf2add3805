//! Clients that ask for tokens, and tokens that are taken back, as the people who run the server
//! handle them.

use agnt_credentials::ClientSecret;
use agnt_fleet::{Id, Refusal, RefusalKind, Timestamp};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answering::plain_json;
use super::own::{Answer, Asking, no_randomness, put, secret_json};
use crate::guard::stored::row_id;
use crate::guard::{Scope, Scopes, StoredCredential, StoredRevocation, TokenClient};

/// A client that is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClient {
    client_id: String,
    scopes: Vec<String>,
    streams: Option<Vec<String>>,
    #[serde(default)]
    act_as: Vec<String>,
    /// The SHA-256 of its certificate, in hexadecimal digits.
    certificate_sha256: Option<String>,
}

/// A token that is to be taken back.
#[derive(Deserialize)]
struct NewRevocation {
    /// The token itself.
    token: Option<String>,
    /// Or its id, `jti`.
    token_id: Option<String>,
    /// Until when that must be remembered, in Unix seconds, if not for as long as a token may be good.
    until_s: Option<u64>,
}

pub(super) fn list(asking: &Asking<'_>) -> Answer {
    let clients = asking.api.doorkeeper.list_clients();
    let clients: Vec<_> = clients.iter().map(|client| view(client)).collect();
    plain_json(StatusCode::OK, &json!({ "clients": clients }))
}

/// Makes a client, or gives one another secret: what was issued by the old one is good no more.
pub(super) async fn create(asking: &Asking<'_>) -> Result<Answer, Refusal> {
    let asked: NewClient = read(asking)?;
    let named = asked.scopes.iter().map(|name| Scope::parse(name));
    let scopes = named.collect::<Result<Scopes, _>>();
    let scopes = scopes.map_err(|error| Refusal::invalid("scopes", error.to_string()))?;
    let certificate = asked.certificate_sha256.as_deref().map(digest);
    let secret = ClientSecret::generate().map_err(|error| no_randomness(&error))?;
    let client = TokenClient {
        client_id: asked.client_id,
        digest: secret.digest(),
        scopes,
        streams: asked.streams,
        act_as: asked.act_as,
        certificate: certificate.transpose()?,
        created_at_us: asking.now.as_micros(),
        revoked_at_us: None,
    };
    let client = client.checked();
    let client = client.map_err(|error| Refusal::invalid("client", error.to_string()))?;
    let mut shown = view(&client);
    shown["client_secret"] = secret.reveal().into();
    store(asking, client).await?;
    Ok(secret_json(StatusCode::CREATED, &shown))
}

pub(super) async fn revoke(asking: &Asking<'_>) -> Result<Answer, Refusal> {
    let found = asking.api.doorkeeper.find_client(asking.parameter);
    let found = found.ok_or_else(|| Refusal::not_found("client", asking.parameter))?;
    let mut client = TokenClient::clone(&found);
    if client.revoked_at_us.is_none() {
        client.revoked_at_us = Some(asking.now.as_micros());
        store(asking, client.clone()).await?;
    }
    Ok(plain_json(StatusCode::OK, &view(&client)))
}

pub(super) fn list_revocations(asking: &Asking<'_>) -> Answer {
    let mut revoked = asking.api.doorkeeper.tokens().revocations().list();
    revoked.sort();
    let shown: Vec<_> = revoked
        .into_iter()
        .map(|(token_id, until_s)| json!({ "token_id": token_id, "until": moment_s(until_s) }))
        .collect();
    plain_json(StatusCode::OK, &json!({ "revocations": shown }))
}

/// Takes a token back, for all that came in by it too.
pub(super) async fn revoke_token(asking: &Asking<'_>) -> Result<Answer, Refusal> {
    let asked: NewRevocation = read(asking)?;
    let now_s = asking.now.as_micros() / 1_000_000;
    let tokens = asking.api.doorkeeper.tokens();
    let longest_s = now_s.saturating_add(asking.api.limits.read().token_lifetime_s_max);
    let (token_id, until_s) = match (asked.token, asked.token_id) {
        (Some(token), None) => {
            let verified = tokens.verify(token.as_bytes(), now_s);
            let verified =
                verified.map_err(|error| Refusal::invalid("token", error.to_string()))?;
            let id = verified.id.clone().ok_or_else(|| {
                Refusal::invalid("token", "it has no jti, by which it could be taken back")
            })?;
            (id, verified.ends_at_s())
        }
        (None, Some(id)) => (id, read_end(asked.until_s, now_s)?.unwrap_or(longest_s)),
        _ => return Err(Refusal::invalid("token", "it or token_id is needed")),
    };
    if !(1..=agnt_credentials::NAME_BYTES_MAX).contains(&token_id.len()) {
        let issue = format!(
            "1 to {} bytes are allowed",
            agnt_credentials::NAME_BYTES_MAX
        );
        return Err(Refusal::invalid("token_id", issue));
    }
    // What was taken back for longer stays so.
    let until_s = until_s.max(tokens.revocations().end_s_of(&token_id).unwrap_or(0));
    let row = id_of("revocation", &token_id)?;
    let shown = json!({ "token_id": token_id, "until": moment_s(until_s) });
    let revocation = StoredRevocation { token_id, until_s };
    put(asking.api, row, &StoredCredential::Revocation(revocation)).await?;
    Ok(plain_json(StatusCode::CREATED, &shown))
}

/// Until when a token is to be taken back: not a time that is over.
fn read_end(asked_s: Option<u64>, now_s: u64) -> Result<Option<u64>, Refusal> {
    match asked_s {
        Some(over_s) if over_s <= now_s => {
            let issue = format!("{over_s} is over; a time after {now_s} is allowed");
            Err(Refusal::invalid("until_s", issue))
        }
        asked_s => Ok(asked_s),
    }
}

async fn store(asking: &Asking<'_>, client: TokenClient) -> Result<(), Refusal> {
    let row = id_of("client", &client.client_id)?;
    put(asking.api, row, &StoredCredential::Client(client)).await?;
    Ok(())
}

fn id_of(kind: &str, name: &str) -> Result<Id, Refusal> {
    let id = Id::new(&row_id(kind, name));
    id.map_err(|error| Refusal::new(RefusalKind::Internal, format!("row: it {error}")))
}

fn read<'a, T: Deserialize<'a>>(asking: &Asking<'a>) -> Result<T, Refusal> {
    // What serde says of a text may repeat it, and there may be a token in it.
    serde_json::from_slice(asking.body).map_err(|error| {
        let issue = format!(
            "not the JSON that is allowed, at line {} column {}",
            error.line(),
            error.column()
        );
        Refusal::invalid("body", issue)
    })
}

fn digest(digits: &str) -> Result<[u8; 32], Refusal> {
    let digits: String = digits.chars().filter(|digit| *digit != ':').collect();
    let mut digest = [0; 32];
    let is_hex = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_hex {
        let issue = "64 hexadecimal digits are allowed, the SHA-256 of a certificate";
        return Err(Refusal::invalid("certificate_sha256", issue));
    }
    for (byte, pair) in digest.iter_mut().zip(0..) {
        let pair = &digits[2 * pair..2 * pair + 2];
        *byte = u8::from_str_radix(pair, 16).unwrap_or(0);
    }
    Ok(digest)
}

fn moment_s(unix_s: u64) -> String {
    Timestamp::from_micros(unix_s.saturating_mul(1_000_000)).to_string()
}

fn view(client: &TokenClient) -> Value {
    let moment = |us: u64| Timestamp::from_micros(us).to_string();
    let mut view = json!({
        "client_id": client.client_id,
        "scopes": client.scopes,
        "act_as": client.act_as,
        "created_at": moment(client.created_at_us),
    });
    if let Some(streams) = &client.streams {
        view["streams"] = streams.as_slice().into();
    }
    if let Some(certificate) = &client.certificate {
        let digits = certificate.iter().map(|byte| format!("{byte:02x}"));
        view["certificate_sha256"] = digits.collect::<String>().into();
    }
    if let Some(revoked_at_us) = client.revoked_at_us {
        view["revoked_at"] = moment(revoked_at_us).into();
    }
    view
}
