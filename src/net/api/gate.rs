//! The gate: who asks, whether they may, and how often.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use agnt_api::Principal;
use agnt_fleet::{Id, Refusal, RefusalKind};
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Request, Response, StatusCode};

use super::asked::Asked;
use super::fields::Fields;
use super::service::Api;
use crate::domain::time;
use crate::guard::{
    Client, CredentialRefusal, Identity, OfBrowser, Presented, Reach, Scope, Verdict,
};
use crate::net::body::AnswerBody;
use crate::net::http::{text, too_many_for_viewer};

/// How a subprotocol begins that is a token.
const BEARER_SUBPROTOCOL: &[u8] = b"bearer.";

/// How often it is looked whether the credentials of what goes on for long still hold.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// What the gate says of a request.
#[derive(Debug)]
pub(in crate::net) struct Passage {
    /// Who asks.
    pub(super) identity: Identity,
    /// How often they may, if that is limited and this request counts.
    pub(super) verdict: Option<Verdict>,
    /// Where the request comes from.
    address: IpAddr,
}

impl Passage {
    /// Judges the credentials of a request. It is counted, unless it `is_free` and its credentials
    /// are good: signs of life and answers never draw on the limit (ruling 66).
    pub(super) fn judge(
        api: &Api,
        asked: &Asked<'_>,
        (peer, now): (IpAddr, Instant),
        is_free: bool,
    ) -> Self {
        let (identity, counts) = known(api, asked, is_free);
        let unix_us = asked.now.as_micros();
        let verdict = match counts {
            true => api.rate.check(&identity.client(peer), now, unix_us),
            false => None,
        };
        Self {
            identity,
            verdict,
            address: peer,
        }
    }

    /// The same where several servers count together.
    pub(super) async fn judge_with_others(
        api: &Api,
        asked: &Asked<'_>,
        (peer, now): (IpAddr, Instant),
        is_free: bool,
    ) -> Self {
        let Some(shared) = &api.shared_limit else {
            return Self::judge(api, asked, (peer, now), is_free);
        };
        let (identity, counts) = known(api, asked, is_free);
        let unix_us = asked.now.as_micros();
        let verdict = match counts {
            true => shared.check(&identity.client(peer), now, unix_us).await,
            false => None,
        };
        Self {
            identity,
            verdict,
            address: peer,
        }
    }

    /// Judges the credentials of a request that isn't counted, unless they are no good: so that nobody
    /// tries out more of them where requests aren't counted than elsewhere.
    fn uncounted(api: &Api, presented: Presented<'_>, (address, now): (IpAddr, Instant)) -> Self {
        let unix_us = time::unix_us();
        let identity = api.doorkeeper.identify(presented, unix_us / 1_000_000);
        let is_attempt = match identity {
            Identity::Refused(refusal) => refusal != CredentialRefusal::Missing,
            _ => false,
        };
        let count = || api.count_here(&identity.client(address), now, unix_us);
        Self {
            verdict: is_attempt.then(count).flatten(),
            identity,
            address,
        }
    }

    /// The same for a request for a socket, which may show what browsers can.
    fn of_socket<B>(api: &Api, request: &Request<B>, from: (IpAddr, Instant)) -> Self {
        let protocols = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
        let protocols = protocols.iter().map(HeaderValue::as_bytes);
        let mut offers = protocols
            .flat_map(|list| list.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii);
        let ticket = ticket(request);
        let mut presented = Fields::read(request.headers()).presented();
        presented.of_browser = OfBrowser {
            subprotocol: offers.find_map(|offer| offer.strip_prefix(BEARER_SUBPROTOCOL)),
            ticket: ticket.map(str::as_bytes),
        };
        Self::uncounted(api, presented, from)
    }

    /// Why the request may not go on whoever asks, if so: it is one too many.
    pub(super) fn over_limit(&self) -> Option<Refusal> {
        let verdict = self.verdict.filter(|verdict| !verdict.is_granted())?;
        let limit = verdict.limit;
        let message = format!("more than {limit} requests within a minute; {limit} are allowed");
        let seconds = verdict.retry_after_s.unwrap_or(1);
        let refusal = Refusal::new(RefusalKind::TooMany, message).with("limit", limit);
        Some(refusal.retry_after(seconds))
    }

    /// Why the request may not go on, if so. `scopes` are those of which one is enough.
    pub(super) fn refusal(&self, scopes: &[&str]) -> Option<Refusal> {
        if let Some(refusal) = self.over_limit() {
            return Some(refusal);
        }
        if let Identity::Refused(credential) = self.identity {
            let kind = RefusalKind::Unauthenticated;
            return Some(Refusal::new(kind, credential.to_string()));
        }
        let allows = |name: &&str| Scope::parse(name).is_ok_and(|it| self.identity.allows(it));
        if scopes.is_empty() || scopes.iter().any(allows) {
            return None;
        }
        let allowed = scopes.join(" or ");
        let message = format!("these credentials do not allow that; needed is the scope {allowed}");
        Some(Refusal::new(RefusalKind::Forbidden, message).with("scope", allowed))
    }

    /// Why a request that was let in may not go on, if so: what it came in by has ended meanwhile.
    pub(super) fn lapse(&self, api: &Api) -> Option<Refusal> {
        let stands = api.doorkeeper.admits(&self.identity, time::unix_s());
        let message = CredentialRefusal::Revoked.to_string();
        (!stands).then(|| Refusal::new(RefusalKind::Unauthenticated, message))
    }

    /// Why what concerns all streams may not go on, if so.
    pub(super) fn refusal_for_all_streams(&self) -> Option<Refusal> {
        let message = "these credentials are for some streams alone, and that concerns all of them";
        let is_for_all = *self.identity.streams() == Reach::All;
        (!is_for_all).then(|| Refusal::new(RefusalKind::Forbidden, message))
    }

    /// All header fields of a plain answer, with what the gate has to tell, where that is ready.
    pub(super) fn beside_plain(&self, api: &Api) -> Option<HeaderMap> {
        let verdict = self.verdict.as_ref().filter(|it| it.is_granted())?;
        match self.identity {
            Identity::Refused(_) => None,
            _ => Some(api.rate_fields.read().beside_plain(verdict)),
        }
    }

    /// Adds to an answer what the gate has to tell, whichever answer it is.
    pub(super) fn tell(&self, api: &Api, answer: &mut Response<AnswerBody>) {
        let is_401 = answer.status() == StatusCode::UNAUTHORIZED;
        let headers = answer.headers_mut();
        if let Some(verdict) = &self.verdict {
            api.rate_fields.read().tell(verdict, headers);
        }
        if is_401 {
            let credential = match &self.identity {
                Identity::Refused(credential) => *credential,
                _ => CredentialRefusal::Revoked,
            };
            let challenge = HeaderValue::from_static(credential.challenge());
            headers.entry(header::WWW_AUTHENTICATE).or_insert(challenge);
        }
    }

    /// Its refusal, if there is one, in plain text.
    fn plain_refusal(&self, api: &Api, scopes: &[&str]) -> Option<Response<AnswerBody>> {
        let refusal = self.refusal(scopes)?;
        let status = match refusal.kind {
            RefusalKind::Unauthenticated => StatusCode::UNAUTHORIZED,
            RefusalKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::FORBIDDEN,
        };
        let mut answer = text(status, &format!("{}\n", refusal.message));
        self.tell(api, &mut answer);
        Some(answer)
    }

    /// Who asks, once that was judged.
    pub(in crate::net) fn into_identity(self) -> Identity {
        self.identity
    }

    /// Who asks, in the words of the dialects.
    pub(super) fn principal(&self) -> Principal {
        Principal {
            name: self.identity.name().map(str::to_owned),
            agent: self.identity.subject().and_then(|it| Id::new(it).ok()),
            agents: reach(self.identity.agents()),
            streams: reach(self.identity.streams()),
            is_planner: self.identity.allows(Scope::Tasks),
        }
    }

    /// For whom what it takes is counted.
    pub(super) fn client(&self) -> Client {
        self.identity.client(self.address)
    }

    /// What tells this client's idempotency keys from others'.
    pub(super) fn owner(&self) -> String {
        let owner = self.identity.owner();
        owner.map_or_else(String::new, |owner| owner.to_string())
    }
}

/// The ticket that a request shows in its address.
fn ticket<B>(request: &Request<B>) -> Option<&str> {
    let mut pairs = request.uri().query().unwrap_or("").split('&');
    pairs.find_map(|pair| pair.strip_prefix("ticket="))
}

/// Whether a request shows a ticket.
pub(in crate::net) fn shows_ticket<B>(request: &Request<B>) -> bool {
    ticket(request).is_some()
}

impl Api {
    /// Waits for as long as somebody may stay who was let in.
    pub(in crate::net) async fn until_lapse(&self, identity: &Identity) {
        while self.doorkeeper.admits(identity, time::unix_s()) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Why whoever sends these header fields may not read the server's numbers, if so.
    pub fn refuse_metrics(
        &self,
        headers: &HeaderMap,
        from: (IpAddr, Instant),
    ) -> Option<Response<AnswerBody>> {
        let presented = Fields::read(headers).presented();
        Passage::uncounted(self, presented, from).plain_refusal(self, &["metrics"])
    }

    /// Who asks for a socket, by everything that a request for one may show. A ticket is used up by
    /// it, so it is asked once.
    pub(in crate::net) fn judge_socket<B>(
        &self,
        request: &Request<B>,
        from: (IpAddr, Instant),
    ) -> Passage {
        Passage::of_socket(self, request, from)
    }

    /// Refuses credentials that are no good. None at all are let pass: the handshake may bring some.
    pub(in crate::net) fn refuse_bad_credentials(
        &self,
        passage: &Passage,
    ) -> Option<Response<AnswerBody>> {
        if let Identity::Refused(CredentialRefusal::Missing) = passage.identity {
            return None;
        }
        let Some(refusal) = passage.over_limit() else {
            return passage.plain_refusal(self, &[]);
        };
        let mut answer = too_many_for_viewer(&refusal.message, "requests");
        passage.tell(self, &mut answer);
        Some(answer)
    }
}

/// Who asks, and whether the request counts.
fn known(api: &Api, asked: &Asked<'_>, is_free: bool) -> (Identity, bool) {
    let now_s = asked.now.as_micros() / 1_000_000;
    let identity = api.doorkeeper.identify(asked.fields.presented(), now_s);
    let counts = !is_free || matches!(identity, Identity::Refused(_));
    (identity, counts)
}

fn reach(reach: &Reach) -> agnt_api::Reach {
    match reach {
        Reach::All => agnt_api::Reach::All,
        Reach::These(names) => agnt_api::Reach::These(names.clone()),
    }
}
