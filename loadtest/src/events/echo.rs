//! `events echo`: the least that keeps the same promise. hyper takes the publications, one thread
//! appends all that wait to a file and syncs it once, then every subscriber's socket gets them.
//!
//! No store, no rules, no index, no topics: a request is answered and told after its sync, and many
//! that come together share one.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, is_upgrade_request, upgrade};
use fastwebsockets::{Frame, Payload, WebSocketError};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::cli::ServeArgs;
use crate::failure::{Context, Result};
use crate::report::{complain, print};
use crate::serving::until_stopped;

/// Publications that may wait for the writer.
const WAITING_MAX: usize = 4096;
/// Messages that the channel keeps for a subscriber that is behind.
const CHANNEL_MESSAGES: usize = 1 << 16;

/// A publication on its way to the file.
#[derive(Debug)]
struct Written {
    body: Bytes,
    answer: oneshot::Sender<u64>,
}

#[derive(Deserialize)]
struct Published<'a> {
    #[serde(borrow)]
    topic: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// What all connections share.
#[derive(Debug)]
struct Site {
    intake: mpsc::Sender<Written>,
    told: broadcast::Sender<Bytes>,
    head: AtomicU64,
}

/// Serves until SIGTERM, SIGINT or, if asked, the end of standard input.
pub(crate) fn run(arguments: &ServeArgs) -> Result<()> {
    let stopped = until_stopped(arguments.until_stdin_closes)?;
    let file = tempfile::tempfile().context("a file to write to")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("runtime")?;
    runtime.block_on(async {
        let listen = arguments.listen;
        let listener = TcpListener::bind(listen).await.context(listen)?;
        let address = listener.local_addr().context("listener")?;
        let (intake, waiting) = mpsc::channel(WAITING_MAX);
        let site = Arc::new(Site {
            intake,
            told: broadcast::Sender::new(CHANNEL_MESSAGES),
            head: AtomicU64::new(0),
        });
        let writing = Arc::clone(&site);
        thread::spawn(move || {
            if let Err(failure) = write(file, waiting, &writing) {
                complain(format!("failed: {failure}"));
            }
        });
        print(format!("listening on http://{address}"));
        tokio::spawn(serve(listener, site));
        while !stopped.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    })
}

/// Takes all that waits, writes it, syncs once, tells everybody, answers.
fn write(mut file: File, mut waiting: mpsc::Receiver<Written>, site: &Site) -> Result<()> {
    let mut sequence = 0;
    let mut text = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        let mut batch = vec![first];
        while let Ok(next) = waiting.try_recv() {
            batch.push(next);
        }
        text.clear();
        for written in &batch {
            text.extend_from_slice(&written.body);
            text.push(b'\n');
        }
        file.write_all(&text).context("writing")?;
        file.sync_data().context("fdatasync")?;
        for written in batch {
            sequence += 1;
            site.head.store(sequence, Ordering::Relaxed);
            // Nobody may be listening, and who asked may have gone.
            if let Ok(published) = serde_json::from_slice::<Published<'_>>(&written.body) {
                let (topic, data) = (published.topic, published.data);
                let message = format!(
                    r#"{{"publication":{{"topic":{topic},"data":{data},"sequence":{sequence}}}}}"#
                );
                drop(site.told.send(Bytes::from(message)));
            }
            let _ = written.answer.send(sequence);
        }
    }
    Ok(())
}

async fn serve(listener: TcpListener, site: Arc<Site>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&site)));
    }
}

async fn connection(stream: TcpStream, site: Arc<Site>) {
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| answer(request, Arc::clone(&site)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    drop(connection.with_upgrades().await);
}

async fn answer(
    mut request: Request<Incoming>,
    site: Arc<Site>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    if is_upgrade_request(&request)
        && let Ok((response, upgraded)) = upgrade(&mut request)
    {
        tokio::spawn(async move { drop(subscriber(upgraded, &site).await) });
        return Ok(response.map(|_| Full::default()));
    }
    if request.method() != Method::POST {
        let head = site.head.load(Ordering::Relaxed);
        return Ok(json(StatusCode::OK, format!(r#"{{"head":{head}}}"#)));
    }
    Ok(match publish(request, &site).await {
        Some(sequence) => json(
            StatusCode::ACCEPTED,
            format!(r#"{{"sequence":{sequence}}}"#),
        ),
        None => json(StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned()),
    })
}

async fn publish(request: Request<Incoming>, site: &Site) -> Option<u64> {
    let body = request.into_body().collect().await.ok()?.to_bytes();
    let (answer, answered) = oneshot::channel();
    site.intake.send(Written { body, answer }).await.ok()?;
    answered.await.ok()
}

fn json(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, kind);
    response
}

/// Says that the subscription stands, then every publication as it comes.
async fn subscriber(upgraded: UpgradeFut, site: &Site) -> std::result::Result<(), WebSocketError> {
    let mut socket = upgraded.await?;
    socket.read_frame().await?;
    let mut told = site.told.subscribe();
    let text = Payload::Borrowed(br#"{"subscribed":{}}"#);
    socket.write_frame(Frame::text(text)).await?;
    while let Ok(message) = told.recv().await {
        socket
            .write_frame(Frame::text(Payload::Borrowed(&message)))
            .await?;
    }
    Ok(())
}
