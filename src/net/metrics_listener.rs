//! A listener of its own for those who watch the server: `/metrics`, `/healthz` and `/readyz`, without
//! credentials and beside all limits of the public one.
//!
//! It is meant for an address that only they reach. Its connections are few, and each has its time.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::body::AnswerBody;
use super::http::{self, Site, text};

/// The most connections at a time; further ones wait in the kernel.
const CONNECTIONS_MAX: usize = 32;

/// How long one may last.
const CONNECTION_WITHIN: Duration = Duration::from_mins(5);

/// How long a request's head may take.
const HEADER_WITHIN: Duration = Duration::from_secs(10);

/// The wait after an accept that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Answers for ever.
pub async fn run(listener: Arc<TcpListener>, site: Arc<Site>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((socket, _)) => {
                let site = Arc::clone(&site);
                tokio::spawn(async move {
                    // Whoever takes too long is cut off.
                    let _ = timeout(CONNECTION_WITHIN, serve(socket, site)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed where metrics are read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(socket: TcpStream, site: Arc<Site>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&site, &request);
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .serve_connection(TokioIo::new(socket), answer);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection that reads metrics ended");
    }
}

fn answer(site: &Site, request: &Request<Incoming>) -> Response<AnswerBody> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "allowed: GET, HEAD\n");
    }
    match request.uri().path() {
        "/metrics" => http::all_metrics(site),
        "/healthz" => text(StatusCode::OK, "alive\n"),
        "/readyz" => http::readiness(site),
        _ => text(
            StatusCode::NOT_FOUND,
            "here are /metrics, /healthz and /readyz\n",
        ),
    }
}
