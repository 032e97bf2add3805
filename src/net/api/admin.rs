//! What the people who run the server ask of it: API keys, a copy of the store, who is connected.
//! It needs the scope `admin`.

use std::sync::Arc;

use agnt_fleet::{Id, Refusal, RefusalKind, Timestamp};
use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::answering::plain_json;
use super::own::{Answer, Asking, no_randomness, put, secret_json};
use super::service::Api;
use crate::domain::time;
use crate::guard::{KeyOrder, KeySecret, Scope, Scopes, StoredCredential, StoredKey};
use crate::net::body::{AnswerBody, Parts};

/// How the files begin that hold a copy of the store while it is sent; what a crash left of them is
/// removed at the next start.
pub const STALE_COPY_PREFIX: &str = "sending-";

/// How much of a copy is sent at once, in bytes.
const PART_BYTES: usize = 256 << 10;

/// A key that is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: String,
    scopes: Vec<String>,
    streams: Option<Vec<String>>,
    act_as: Option<Vec<String>>,
}

/// What may be asked for, for people.
const NEW_KEY: &str =
    r#"{"name": TEXT, "scopes": [SCOPE, ...]}, and "streams" and "act_as", lists of names"#;

/// Who is connected over WebSocket (ruling 63).
pub(super) async fn connections(api: &Api) -> Answer {
    let shown = api.loops.roster().await.into_iter().map(|connected| {
        let traffic = connected.traffic;
        let connected_at = traffic.connected_at.map(time::unix_us_at);
        let round_trip_ms = traffic.round_trip.map(|time| time.as_secs_f64() * 1000.0);
        json!({
            "id": connected.id,
            "session_id": connected.about.session_id,
            "agent_id": connected.about.agent_id,
            "protocols": connected.about.protocols,
            "connected_at": connected_at.map(|us| Timestamp::from_micros(us).to_string()),
            "queue_bytes": traffic.queue_bytes,
            "round_trip_ms": round_trip_ms,
            "bytes_in": traffic.bytes_in,
            "bytes_out": traffic.bytes_out,
            "stream": connected.lag.as_ref().map(|lag| lag.stream.as_str()),
            "lag_ms": connected.lag.as_ref().map(|lag| lag.age.as_secs_f64() * 1000.0),
            "lag_bytes": connected.lag.as_ref().map(|lag| lag.bytes),
        })
    });
    let shown: Vec<Value> = shown.collect();
    plain_json(StatusCode::OK, &json!({"connections": shown}))
}

pub(super) fn list_keys(asking: &Asking<'_>) -> Answer {
    let keys = asking.api.doorkeeper.keyring().list();
    let keys: Vec<_> = keys.iter().map(|key| view(&key.stored())).collect();
    plain_json(StatusCode::OK, &json!({"keys": keys}))
}

pub(super) async fn create_key(asking: &Asking<'_>) -> Result<Answer, Refusal> {
    let asked: NewKey = serde_json::from_slice(asking.body)
        .map_err(|error| Refusal::invalid("body", format!("{error}; allowed is {NEW_KEY}")))?;
    let named = asked.scopes.iter().map(|name| Scope::parse(name));
    let scopes = named.collect::<Result<Scopes, _>>();
    let scopes = scopes.map_err(|error| Refusal::invalid("scopes", error.to_string()))?;
    let secret = KeySecret::generate().map_err(|error| no_randomness(&error))?;
    let id = Id::unique();
    let order = KeyOrder {
        name: asked.name,
        scopes,
        streams: asked.streams,
        act_as: asked.act_as,
    };
    let key = StoredKey::new(id.to_string(), order, &secret, asking.now.as_micros());
    let key = key.map_err(|error| Refusal::invalid("key", error.to_string()))?;
    let mut shown = view(&key);
    put(asking.api, id, &StoredCredential::Key(key)).await?;
    shown["key"] = secret.reveal().into();
    Ok(secret_json(StatusCode::CREATED, &shown))
}

pub(super) async fn revoke_key(asking: &Asking<'_>) -> Result<Answer, Refusal> {
    let id = asking.parameter;
    let found = asking.api.doorkeeper.keyring().find(id);
    let found = found.ok_or_else(|| Refusal::not_found("key", id))?;
    let mut key = found.stored();
    if key.revoked_at_us.is_none() {
        key.revoked_at_us = Some(asking.now.as_micros());
        let checked = Id::new(id).map_err(|_| Refusal::not_found("key", id))?;
        put(asking.api, checked, &StoredCredential::Key(key.clone())).await?;
    }
    Ok(plain_json(StatusCode::OK, &view(&key)))
}

fn view(key: &StoredKey) -> Value {
    let moment = |us: u64| Timestamp::from_micros(us).to_string();
    let mut view = json!({
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "created_at": moment(key.created_at_us),
    });
    for (name, list) in [("streams", &key.streams), ("act_as", &key.act_as)] {
        if let Some(list) = list {
            view[name] = list.as_slice().into();
        }
    }
    if let Some(revoked_at_us) = key.revoked_at_us {
        view["revoked_at"] = moment(revoked_at_us).into();
    }
    view
}

/// Sends the store as it is now. It is copied to a file first, so that a client that takes its time
/// holds nothing of the store; the file has no name any more when the first byte leaves.
pub(super) async fn send_copy(api: &Arc<Api>) -> Result<Answer, Refusal> {
    let busy = || {
        let message = "a copy of the store is being made already";
        Refusal::new(RefusalKind::Unavailable, message).retry_after(10)
    };
    let turn = Arc::clone(&api.copying)
        .try_acquire_owned()
        .map_err(|_| busy())?;
    let path = api
        .data_dir
        .join(format!("{STALE_COPY_PREFIX}{}", Id::unique()));
    let fleet = api.fleet.clone();
    let copied = tokio::task::spawn_blocking(move || {
        let copied = fleet.backup(&path).map_err(|error| error.to_string());
        let file = copied.and_then(|_| std::fs::File::open(&path).map_err(|it| it.to_string()));
        // It may not have been made.
        let _ = std::fs::remove_file(&path);
        file
    });
    let failed = |error: String| {
        let message = format!("the store can't be copied: {error}");
        Refusal::new(RefusalKind::Unavailable, message).retry_after(10)
    };
    let copied = copied.await.map_err(|error| failed(error.to_string()))?;
    let file = tokio::fs::File::from_std(copied.map_err(failed)?);
    let (body, parts) = AnswerBody::parts();
    tokio::spawn(async move {
        send_file(file, parts).await;
        drop(turn);
    });
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    let name = HeaderValue::from_static("attachment; filename=\"agnt.redb\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

async fn send_file(mut file: tokio::fs::File, parts: Parts) {
    let mut part = vec![0; PART_BYTES];
    loop {
        match file.read(&mut part).await {
            Ok(0) => return,
            Ok(len) => {
                if !parts.put(Bytes::copy_from_slice(&part[..len])).await {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a copy of the store can't be read");
                return parts.fail().await;
            }
        }
    }
}
