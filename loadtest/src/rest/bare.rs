//! `rest bare`: hyper and nothing else, one answer to whatever is asked.
//!
//! It is what a server in Rust that keeps its whole answer ready would pay for a request: no route,
//! no credentials, no limit, no rows, no JSON.

use std::convert::Infallible;
use std::fs;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::answer::{Answer, own_fields};
use super::options::BareArgs;
use crate::failure::{Context, Failure, Result};
use crate::report::print;
use crate::serving::until_stopped;

/// What everybody is answered.
#[derive(Debug)]
struct Ready {
    status: StatusCode,
    fields: HeaderMap,
    body: Bytes,
}

impl Ready {
    fn read(bytes: &[u8]) -> Result<Self> {
        let answer = Answer::read(bytes)?.ok_or_else(|| Failure::new("the answer is cut off"))?;
        Ok(Self {
            status: StatusCode::from_u16(answer.status).context("status")?,
            fields: own_fields(bytes)?,
            body: Bytes::copy_from_slice(answer.body),
        })
    }

    fn answer(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        *response.status_mut() = self.status;
        response.headers_mut().clone_from(&self.fields);
        response
    }
}

/// Serves until SIGTERM, SIGINT or, if asked, the end of standard input.
pub(crate) fn run(arguments: &BareArgs) -> Result<()> {
    let path = arguments.answer.display();
    let ready = Arc::new(Ready::read(&fs::read(&arguments.answer).context(&path)?).context(path)?);
    let stopped = until_stopped(arguments.serve.until_stdin_closes)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("runtime")?;
    runtime.block_on(async {
        let listen = arguments.serve.listen;
        let listener = TcpListener::bind(listen).await.context(listen)?;
        let address = listener.local_addr().context("listener")?;
        print(format!("listening on http://{address}"));
        tokio::spawn(accept(listener, ready));
        while !stopped.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    })
}

async fn accept(listener: TcpListener, answer: Arc<Ready>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&answer)));
    }
}

async fn serve(stream: TcpStream, answer: Arc<Ready>) {
    drop(stream.set_nodelay(true));
    let service = service_fn(move |_| ready(Ok::<_, Infallible>(answer.answer())));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    drop(connection.await);
}
