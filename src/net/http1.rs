//! A connection that speaks HTTP/1.1.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::head_alarm::HeadAlarm;
use super::listener::over;
use super::visit::Visit;

/// How long a client may take for the head of a request, and between two requests.
const HEADER_WITHIN: Duration = Duration::from_secs(10);

/// The largest request head.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// The most header fields of a request.
const HEADERS_MAX: usize = 100;

const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
      Content-Length: 0\r\nConnection: close\r\n\r\n";

/// How long a client that is cut off may take to hear it.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// How long a connection that is ended waits for its first request: it may be on its way.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// Whether the connection is being ended.
enum End {
    NotYet,
    /// As soon as there was a request, and then at the latest.
    After(Pin<Box<Sleep>>),
    Begun,
}

/// Answers requests until the client or `shutdown` ends it.
pub(super) async fn serve<Stream>(stream: Stream, visit: Visit, mut shutdown: watch::Receiver<bool>)
where
    Stream: Read + Write + Unpin + Send + 'static,
{
    let has_asked = Arc::new(AtomicBool::new(false));
    let is_asked = Arc::clone(&has_asked);
    let answer = service_fn(move |request| {
        is_asked.store(true, Ordering::Relaxed);
        visit.answer(request)
    });
    let mut alarm = HeadAlarm::default();
    let mut connection = http1::Builder::new()
        .timer(alarm.timer())
        .header_read_timeout(HEADER_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        // Most answers are small: head and body are sent as one piece.
        .writev(false)
        .serve_connection(stream, answer)
        .with_upgrades();
    // What tells of the end is asked at first, so that it wakes this task, and when there is news;
    // a look whether there is costs next to nothing beside a request.
    let mut news = shutdown.clone();
    news.mark_changed();
    let mut ending = pin!(over(&mut shutdown));
    let mut end = End::NotYet;
    let outcome = poll_fn(|context| {
        if matches!(end, End::NotYet) && !matches!(news.has_changed(), Ok(false)) {
            news.mark_unchanged();
            if ending.as_mut().poll(context).is_ready() {
                end = End::After(Box::pin(tokio::time::sleep(FIRST_WITHIN)));
            }
        }
        loop {
            if let End::After(patience) = &mut end {
                let is_late = patience.as_mut().poll(context).is_ready();
                // A request that came in time may still lie in the socket.
                if is_late && let Poll::Ready(outcome) = Pin::new(&mut connection).poll(context) {
                    return Poll::Ready(outcome);
                }
                if is_late || has_asked.load(Ordering::Relaxed) {
                    end = End::Begun;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
            if let Poll::Ready(outcome) = Pin::new(&mut connection).poll(context) {
                return Poll::Ready(outcome);
            }
            let is_over = matches!(end, End::After(_)) && has_asked.load(Ordering::Relaxed);
            if !is_over && alarm.poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    });
    if let Err(error) = outcome.await {
        tracing::debug!(%error, "HTTP connection ended");
        // A head that began and did not end is told so; one that never began was only awaited.
        let parts = connection.into_parts().filter(|_| error.is_timeout());
        if let Some(parts) = parts.filter(|parts| !parts.read_buf.is_empty()) {
            let mut stream = TokioIo::new(parts.io);
            // Whether the client still listens is its own affair.
            let _ = tokio::time::timeout(TOLD_WITHIN, stream.write_all(TOO_SLOW)).await;
        }
    }
}
