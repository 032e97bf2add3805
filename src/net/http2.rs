//! A connection that speaks HTTP/2, for requests and streams of events. WebSocket is spoken over
//! HTTP/1.1, which TLS lets clients choose.
//!
//! Many requests are under way on it at once, so what bounds a connection of HTTP/1.1 by itself is
//! bounded here: how many there are, how much of each waits, how long nothing is asked, how long
//! nothing is taken.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::activity::{Activity, Turnout, UnderWay};
use super::body::{AnswerBody, Broken};
use super::http::text;
use super::listener::over;
use super::visit::Visit;

/// Requests of one connection that may be under way at once.
const STREAMS_MAX: u32 = 128;

/// The largest request head, unpacked.
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// Requests that were taken back before they were looked at; with more, the client only wants to
/// keep the server busy and is cut off.
const RESETS_PENDING_MAX: usize = 32;

/// Requests that the server itself had to take back because they were malformed.
const RESETS_OWN_MAX: usize = 64;

/// Bytes that a client may send ahead on one request, and on all requests of a connection together.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Bytes of an answer that wait for the client to take them.
const SEND_BYTES_MAX: usize = 64 * 1024;

/// How often a client that says nothing is asked whether it is still there, and how long it may take
/// to answer.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(20);
const KEEP_ALIVE_WITHIN: Duration = Duration::from_secs(10);

/// How often it is looked whether anything is asked and taken.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Answers requests until the client or `shutdown` ends it.
pub(super) async fn serve<Stream>(stream: Stream, visit: Visit, mut shutdown: watch::Receiver<bool>)
where
    Stream: Read + Write + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::default());
    let (visit, seen) = (Arc::new(visit), Arc::clone(&activity));
    let answer = service_fn(move |request| answer(Arc::clone(&visit), seen.begin(), request));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_OWN_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_WITHIN)
        .serve_connection(stream, answer);
    let mut connection = pin!(connection);
    let mut ending = pin!(over(&mut shutdown));
    let mut is_ending = false;
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one comes at once otherwise, when nothing can have been asked yet.
    look.reset();
    let mut turnout = Turnout::default();
    loop {
        tokio::select! {
            outcome = &mut connection => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "HTTP/2 connection ended");
                }
                return;
            }
            () = &mut ending, if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = look.tick() => {
                turnout.look(&activity);
                if turnout.is_stalled() {
                    tracing::debug!("HTTP/2 connection ended: nothing is asked or taken");
                    return;
                }
                if turnout.is_idle() && !is_ending {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Answers one request; it counts as under way until its answer has gone.
async fn answer(
    visit: Arc<Visit>,
    under_way: UnderWay,
    mut request: Request<Incoming>,
) -> Result<Response<Counted>, Infallible> {
    let is_head = request.method() == Method::HEAD;
    let mut answer = match name_host(&mut request) {
        Ok(()) => visit.answer(request).await?,
        Err(problem) => text(StatusCode::BAD_REQUEST, problem),
    };
    let has_none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&answer.status());
    if is_head || has_none {
        leave_body_out(&mut answer);
    }
    Ok(answer.map(|body| Counted { body, under_way }))
}

/// For HTTP/1.1 hyper does this, here it sends whatever there is.
fn leave_body_out(answer: &mut Response<AnswerBody>) {
    let body = std::mem::take(answer.body_mut());
    let is_sized = answer.status() == StatusCode::OK;
    if let Some(bytes) = body.size_hint().exact().filter(|_| is_sized) {
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
}

/// Puts the authority where HTTP/1.1 has it, for what looks at requests further on. Of a host beside
/// it there must be one at most, and the same (RFC 9113, 8.3.1).
fn name_host<B>(request: &mut Request<B>) -> Result<(), &'static str> {
    let authority = request.uri().authority().map(|it| it.as_str().to_owned());
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (authority, hosts.next(), hosts.next()) {
        (_, _, Some(_)) | (None, None, None) => Err("host: exactly one is needed\n"),
        (None, Some(_), None) => Ok(()),
        (Some(authority), Some(host), None) if authority.as_bytes() == host.as_bytes() => Ok(()),
        (Some(_), Some(_), None) => Err("host: differs from :authority\n"),
        (Some(authority), None, None) => {
            let host = HeaderValue::try_from(authority).map_err(|_| "host: not a name\n")?;
            request.headers_mut().insert(header::HOST, host);
            Ok(())
        }
    }
}

/// The body of an answer, which says when a part was given and when the next is asked for.
struct Counted {
    body: AnswerBody,
    under_way: UnderWay,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Self { body, under_way } = self.get_mut();
        under_way.note_asked();
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(Some(Ok(_)))) {
            under_way.note_given();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        request.body(()).expect("a request")
    }

    #[test]
    fn the_authority_is_the_host_and_two_that_differ_are_refused() {
        let mut plain = request("https://h:1/p", &[]);
        assert_eq!(name_host(&mut plain), Ok(()));
        assert_eq!(plain.headers()["host"], "h:1");
        for (uri, hosts, is_good) in [
            ("/p", &["h"][..], true),
            ("https://h/p", &["h"], true),
            ("/p", &[], false),
            ("/p", &["h", "h"], false),
            ("https://h/p", &["h", "h"], false),
            ("https://h/p", &["g"], false),
            ("https://h:443/p", &["h"], false),
        ] {
            let named = name_host(&mut request(uri, hosts));
            assert_eq!(named.is_ok(), is_good, "{uri} {hosts:?}");
        }
    }
}
