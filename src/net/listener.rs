//! The accept loop: a place first, then a task per connection that speaks HTTP.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::admission::Permit;
use super::http::{self, Site};
use crate::telemetry::RefusalReason;

/// How long a client may take for the head of a request, and between two requests.
const HEADER_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection may speak HTTP before its client has to connect anew.
const HTTP_LIFE_MAX: Duration = Duration::from_mins(1);

/// The largest request head.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// The most headers of a request.
const HEADERS_MAX: usize = 100;

/// The wait after an accept that failed; doubled each time up to a second.
const BACKOFF_MIN: Duration = Duration::from_millis(5);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
      Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Accepts until `shutdown` says so. Every accepted request is answered before its task ends.
pub async fn run(
    listener: TcpListener,
    site: Arc<Site>,
    notsent_lowat_bytes: u32,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut backoff = BACKOFF_MIN;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = over(&mut shutdown) => return,
        };
        match accepted {
            Ok((socket, _)) => {
                backoff = BACKOFF_MIN;
                if let Err(error) = tune(&socket, notsent_lowat_bytes) {
                    tracing::debug!(%error, "socket options refused");
                }
                let Some(permit) = site.admission.admit_http() else {
                    site.metrics
                        .connections_refused
                        .increment(RefusalReason::Full);
                    turn_away(socket);
                    continue;
                };
                tokio::spawn(serve(socket, Arc::clone(&site), permit, shutdown.clone()));
            }
            Err(error) => {
                // Out of files, most likely: what is open goes on, new ones wait in the backlog.
                site.metrics
                    .connections_refused
                    .increment(RefusalReason::NoFiles);
                tracing::warn!(%error, "accept failed; waiting {backoff:?}");
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// Returns once the server stops accepting.
async fn over(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is over as well.
    let _ = shutdown.wait_for(|is_over| *is_over).await;
}

/// No delay for small writes, and little that waits unsent in the kernel, where it would grow
/// old out of our reach.
fn tune(socket: &TcpStream, notsent_lowat_bytes: u32) -> io::Result<()> {
    socket.set_nodelay(true)?;
    if notsent_lowat_bytes > 0 {
        socket2::SockRef::from(socket).set_tcp_notsent_lowat(notsent_lowat_bytes)?;
    }
    Ok(())
}

fn turn_away(mut socket: TcpStream) {
    tokio::spawn(async move {
        // Whether the client still listens is its own affair.
        let _ = tokio::time::timeout(Duration::from_secs(1), socket.write_all(FULL)).await;
    });
}

async fn serve(
    socket: TcpStream,
    site: Arc<Site>,
    permit: Permit,
    mut shutdown: watch::Receiver<bool>,
) {
    let answer = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(http::serve(&site, request)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), answer)
        .with_upgrades();
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = tokio::time::sleep(HTTP_LIFE_MAX) => {
            connection.as_mut().graceful_shutdown();
            // A client that takes nothing any more loses its place.
            match tokio::time::timeout(HEADER_WITHIN, connection).await {
                Ok(outcome) => outcome,
                Err(_) => return,
            }
        }
        () = over(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "HTTP connection ended");
    }
    drop(permit);
}
