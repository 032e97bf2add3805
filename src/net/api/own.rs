//! One request of the server's own routes, from its head to its answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use agnt_fleet::{Id, Mutation, Outcome, Refusal, RefusalKind, Timestamp};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::request;
use hyper::{Response, StatusCode};

use super::answering::{Call, refused};
use super::asked::Asked;
use super::gate::Passage;
use super::own_routes::{self, Access, Found, OwnOperation, OwnRoute};
use super::service::Api;
use super::{admin, auth, body_reader, clients};
use crate::guard::StoredCredential;
use crate::net::body::AnswerBody;

pub(super) type Answer = Response<AnswerBody>;

/// A request that was let in, with its body.
pub(super) struct Asking<'a> {
    pub(super) api: &'a Arc<Api>,
    pub(super) head: &'a request::Parts,
    pub(super) passage: &'a Passage,
    pub(super) parameter: &'a str,
    pub(super) body: &'a [u8],
    pub(super) now: Timestamp,
}

/// Answers a request of these paths.
pub(super) async fn answer(
    api: &Arc<Api>,
    head: &request::Parts,
    body: Incoming,
    peer: IpAddr,
    began: Instant,
) -> Answer {
    let _under_way = api.begin();
    let asked = Asked::read(head);
    let passage = Passage::judge_with_others(api, &asked, (peer, began), false).await;
    let principal = passage.principal();
    let call = Call::aside(passage, &asked, began);
    let (found, mut allow) = (own_routes::find(&head.method, head.uri.path()), None);
    let done = match (judge(&call.passage, &found), found) {
        (Some(refusal), _) => {
            body_reader::waste(body);
            Err(refusal)
        }
        (None, Found::Route(route, parameter)) => {
            match body_reader::read(body, &api.limits.read(), &api.body_room).await {
                // A body may be long in coming.
                Ok(_)
                    if route.access != Access::Anyone
                        && let Some(refusal) = call.passage.lapse(api) =>
                {
                    Err(refusal)
                }
                Ok(body) => {
                    let asking = Asking {
                        api,
                        head,
                        passage: &call.passage,
                        parameter,
                        body: &body,
                        now: asked.now,
                    };
                    carry_out(route, &asking).await
                }
                Err(refusal) => Err(refusal),
            }
        }
        (None, Found::OtherMethod(methods, _)) => {
            body_reader::waste(body);
            let message = format!("{} is not allowed here; {methods} are", head.method);
            allow = HeaderValue::from_str(&methods).ok();
            Err(Refusal::new(RefusalKind::MethodNotAllowed, message))
        }
        (None, Found::Nowhere) => {
            body_reader::waste(body);
            Err(Refusal::not_found("path", head.uri.path()))
        }
    };
    let refuse = |refusal| refused(&asked.request(&principal, &[]).manner(), &refusal);
    let mut answer = done.unwrap_or_else(refuse);
    if let Some(methods) = allow {
        answer.headers_mut().insert(header::ALLOW, methods);
    }
    call.finish(api, answer)
}

/// Why a request may not go on, if so. What is at no path needs what most there do, so that nobody
/// learns of paths by asking.
fn judge(passage: &Passage, found: &Found<'_>) -> Option<Refusal> {
    let access = match found {
        Found::Route(OwnRoute { access, .. }, _) | Found::OtherMethod(_, access) => *access,
        Found::Nowhere => Access::Scope("admin"),
    };
    match access {
        Access::Anyone => passage.over_limit(),
        Access::Known => passage.refusal(&[]),
        // Whoever runs the server could make themselves any credential.
        Access::Scope(scope) => passage
            .refusal(&[scope])
            .or_else(|| passage.refusal_for_all_streams()),
    }
}

async fn carry_out(route: &OwnRoute, asking: &Asking<'_>) -> Result<Answer, Refusal> {
    match route.operation {
        OwnOperation::IssueToken => auth::issue_token(asking),
        OwnOperation::GiveTicket => auth::give_ticket(asking),
        OwnOperation::ListKeys => Ok(admin::list_keys(asking)),
        OwnOperation::CreateKey => admin::create_key(asking).await,
        OwnOperation::RevokeKey => admin::revoke_key(asking).await,
        OwnOperation::ListClients => Ok(clients::list(asking)),
        OwnOperation::CreateClient => clients::create(asking).await,
        OwnOperation::RevokeClient => clients::revoke(asking).await,
        OwnOperation::ListRevocations => Ok(clients::list_revocations(asking)),
        OwnOperation::RevokeToken => clients::revoke_token(asking).await,
        OwnOperation::SendCopy => admin::send_copy(asking.api).await,
        OwnOperation::ListConnections => Ok(admin::connections(asking.api).await),
    }
}

/// Stores a credential; the doorkeeper has it from its commit on.
pub(super) async fn put(
    api: &Api,
    id: Id,
    credential: &StoredCredential,
) -> Result<Outcome, Refusal> {
    let bytes = credential.to_bytes().map_err(|error| {
        let message = format!("the credential can't be stored: {error}");
        Refusal::new(RefusalKind::Internal, message)
    })?;
    let done = api
        .fleet
        .execute(Mutation::PutKey { id, bytes }, None)
        .await?;
    Ok(done.outcome)
}

/// No bits for a secret can be had.
pub(super) fn no_randomness(error: &dyn std::fmt::Display) -> Refusal {
    let message = format!("no random bits can be had: {error}");
    Refusal::new(RefusalKind::Internal, message)
}

/// An answer that nobody may keep: there is a secret in it.
pub(super) fn secret_json(status: StatusCode, body: &serde_json::Value) -> Answer {
    let mut answer = super::answering::plain_json(status, body);
    let fresh = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, fresh);
    answer
}
