//! The door: from where a request comes, and whether a browser's page may send it.
//!
//! A page of another origin may read nothing (its browser sees to that, for only listed origins are
//! named in answers) and may neither change anything nor open a socket: such requests are refused
//! before anything else is done with them.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode};

use super::body::AnswerBody;
use super::reply::Reply;
use crate::domain::Current;
use crate::guard::{Arrival, Contradiction, Origins, Sender, TrustedProxies};

/// What a page of a listed origin may send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, last-event-id, traceparent, x-api-key, \
     x-correlation-id, x-request-id",
);

/// What it may read of an answer, beside what every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, location, ratelimit, ratelimit-policy, retry-after, x-ratelimit-limit, \
     x-ratelimit-remaining, x-ratelimit-reset, x-request-id",
);

/// How long a browser may remember that, in seconds.
const REMEMBERED_FOR_S: HeaderValue = HeaderValue::from_static("600");

const BY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

static FORWARDED: HeaderName = header::FORWARDED;
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The longest piece of an origin or a name that is shown to whoever sent it.
const SHOWN_CHARS_MAX: usize = 100;

/// The door; see the module. What it goes by may be replaced while it is in use.
#[derive(Debug, Default)]
pub struct Door {
    rules: Current<DoorRules>,
}

/// What the door goes by.
#[derive(Clone, Debug, Default)]
pub struct DoorRules {
    /// Whose pages may come in.
    pub origins: Origins,
    /// Whose word about addresses is believed.
    pub proxies: TrustedProxies,
}

/// Who came through the door.
#[derive(Debug)]
pub struct Caller {
    /// From where.
    pub address: IpAddr,
    /// Whether that is this machine itself, and no proxy on it.
    pub is_local: bool,
    /// The listed origin of the page that sent it, if one did.
    listed: Option<HeaderValue>,
    /// Whether answers differ by origin.
    varies: bool,
    is_preflight: bool,
}

/// Why a request does not come through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DoorRefusal {
    /// It is from a page that may not send it.
    #[error(
        "Origin: '{0}' may not do this; allowed are the server's own pages and those of the \
         setting 'origin'"
    )]
    Origin(String),
    /// It asks this machine by a name that may be anybody's.
    #[error(
        "Host: '{0}' may be anybody's name for this machine, and there are no credentials; allowed are \
         addresses, localhost and the names of the settings 'public_url' and 'origin'"
    )]
    Host(String),
    /// It can't be said where it is from.
    #[error("{0}")]
    Address(#[from] Contradiction),
}

impl Door {
    /// A door that goes by these rules.
    pub fn new(rules: DoorRules) -> Self {
        Self {
            rules: Current::new(rules),
        }
    }

    /// Goes by these from now on.
    pub fn replace(&self, rules: DoorRules) {
        self.rules.replace(rules);
    }

    /// Whether a connection from there may carry requests of many clients.
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        let rules = self.rules.read();
        rules.proxies.contains(peer.to_canonical())
    }

    /// Judges a request that came over a connection from `peer`, by TLS or not.
    pub fn admit<B>(
        &self,
        peer: IpAddr,
        is_tls: bool,
        request: &Request<B>,
    ) -> Result<Caller, DoorRefusal> {
        let rules = self.rules.read();
        let headers = request.headers();
        let is_proxied = rules.proxies.contains(peer.to_canonical());
        let address = match is_proxied {
            false => peer.to_canonical(),
            true => rules.proxies.client(
                peer,
                texts(headers, &FORWARDED),
                texts(headers, &X_FORWARDED_FOR),
            )?,
        };
        let mut caller = Caller {
            address,
            is_local: rules.proxies.is_empty() && address.is_loopback(),
            listed: None,
            varies: rules.origins.has_listed(),
            is_preflight: false,
        };
        let Some(origin) = headers.get(header::ORIGIN) else {
            return Ok(caller);
        };
        let given = headers.get_all(header::ORIGIN).iter();
        let arrival = Arrival {
            host: host_of(request),
            scheme: scheme_of(headers, is_proxied, is_tls),
            is_local: caller.is_local,
        };
        caller.is_preflight = *request.method() == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        match rules
            .origins
            .sender(given.map(|it| it.to_str().ok()), arrival)
        {
            Sender::Listed => caller.listed = Some(origin.clone()),
            Sender::Foreign if changes_something(request) || caller.is_preflight => {
                return Err(DoorRefusal::Origin(shown(origin.as_bytes())));
            }
            // From a foreign page its browser keeps the answer.
            Sender::NoPage | Sender::OwnPage | Sender::Foreign => {}
        }
        Ok(caller)
    }
}

impl Door {
    /// Judges the name by which a server that is open to this machine is asked. A page whose name was
    /// made to lead here (DNS rebinding) may read what it asks for by that name, and says no `Origin`.
    pub fn check_name<B>(&self, caller: &Caller, request: &Request<B>) -> Result<(), DoorRefusal> {
        match host_of(request).filter(|_| caller.is_local) {
            Some(host) if !self.rules.read().origins.may_be_asked_by(host) => {
                Err(DoorRefusal::Host(shown(host.as_bytes())))
            }
            _ => Ok(()),
        }
    }
}

impl Caller {
    /// The answer to a browser that asks what a page of a listed origin may send.
    pub fn preflight_answer(&self) -> Option<Response<AnswerBody>> {
        self.listed.as_ref().filter(|_| self.is_preflight)?;
        let mut answer = Response::new(AnswerBody::default());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_FOR_S);
        Some(answer)
    }

    /// Adds to an answer that a page of this origin may read it.
    pub fn tell(self, reply: Reply) -> Reply {
        if !self.varies {
            return reply;
        }
        match reply {
            Reply::Now(Some(mut answer)) => {
                self.add_to(answer.headers_mut());
                answer.into()
            }
            Reply::Now(None) => Reply::Now(None),
            Reply::Later(answer) => Reply::later(async move {
                let mut answer = answer.await;
                self.add_to(answer.headers_mut());
                answer
            }),
        }
    }

    fn add_to(&self, headers: &mut HeaderMap) {
        headers.append(header::VARY, BY_ORIGIN);
        if let Some(origin) = &self.listed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// What a client wrote, as it may be shown to it.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.chars().take(SHOWN_CHARS_MAX);
    text.flat_map(char::escape_debug).collect()
}

/// Whether more is asked for than to be shown something: a change, or a socket.
fn changes_something<B>(request: &Request<B>) -> bool {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    !is_safe || request.headers().contains_key(header::UPGRADE)
}

/// The host that is asked, as the client writes it.
fn host_of<B>(request: &Request<B>) -> Option<&str> {
    let authority = request.uri().authority().map(Authority::as_str);
    authority.or_else(|| request.headers().get(header::HOST)?.to_str().ok())
}

/// The scheme that the client used, where that is known: a proxy may take TLS away and not say so.
fn scheme_of(headers: &HeaderMap, is_proxied: bool, is_tls: bool) -> Option<&'static str> {
    let known = |text: &str| {
        ["http", "https"]
            .into_iter()
            .find(|it| text.eq_ignore_ascii_case(it))
    };
    match (is_proxied, is_tls) {
        (false, true) => Some("https"),
        (false, false) => Some("http"),
        (true, _) => known(headers.get(&X_FORWARDED_PROTO)?.to_str().ok()?.trim()),
    }
}

fn texts<'a>(
    headers: &'a HeaderMap,
    name: &'static HeaderName,
) -> impl DoubleEndedIterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    // What is no text is no address either.
    values.map(|value| value.to_str().unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(lines: &[(&str, &str)], method: &str) -> Result<Caller, DoorRefusal> {
        let door = Door::new(DoorRules {
            origins: Origins::new(
                vec!["https://good.example".parse().expect("an origin")],
                None,
            ),
            proxies: TrustedProxies::default(),
        });
        let mut request = Request::builder().method(method).uri("/v1/agents");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let peer = "192.0.2.1".parse().expect("an address");
        door.admit(peer, false, &request.body(()).expect("a request"))
    }

    #[test]
    fn a_foreign_page_changes_nothing_and_may_ask_for_what_its_browser_keeps_from_it() {
        let foreign = ("origin", "https://evil.example");
        let host = ("host", "swarm.example");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert!(admit(&[host, foreign], method).is_err(), "{method}");
            assert!(admit(&[host], method).is_ok(), "{method}");
        }
        assert!(admit(&[host, foreign, ("upgrade", "websocket")], "GET").is_err());
        let caller = admit(&[host, foreign], "GET").expect("a look");
        assert!(caller.listed.is_none() && caller.varies);
        let asks = ("access-control-request-method", "POST");
        assert!(admit(&[host, foreign, asks], "OPTIONS").is_err());
    }

    #[test]
    fn a_listed_page_is_named_and_told_what_it_may_send() {
        let lines = [
            ("host", "swarm.example"),
            ("origin", "https://good.example"),
        ];
        let caller = admit(&lines, "POST").expect("listed");
        assert!(caller.preflight_answer().is_none());
        let mut headers = HeaderMap::new();
        caller.add_to(&mut headers);
        assert_eq!(
            headers[header::ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://good.example"
        );
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        let asks = ("access-control-request-method", "POST");
        let caller = admit(&[lines[0], lines[1], asks], "OPTIONS").expect("listed");
        let answer = caller.preflight_answer().expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(
            answer.headers()[header::ACCESS_CONTROL_ALLOW_METHODS],
            METHODS
        );
    }

    #[test]
    fn the_shown_origin_is_short_and_escaped() {
        let long = format!("https://{}", "x".repeat(500));
        let error = admit(&[("host", "a"), ("origin", &long)], "POST").expect_err("foreign");
        assert!(error.to_string().len() < 300, "{error}");
    }
}
