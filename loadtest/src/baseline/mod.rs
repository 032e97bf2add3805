//! `baseline`: what a competent Rust user would write instead, on the libraries at hand.
//!
//! All of them share one design, because it is the usual one: a task for each connection and one
//! `tokio::sync::broadcast` channel for the stream. They speak as much of the handshake as a
//! viewer waits for. A viewer that falls behind the channel skips what it missed.

mod axum_plain;
mod axum_tuned;
mod fastws;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use crate::cli::{BaselineArgs, BaselineKind};
use crate::failure::{Context, Result};
use crate::report::print;
use crate::serving::until_stopped;

/// Messages that the channel keeps for a task that is behind.
const CHANNEL_MESSAGES: usize = 1024;

/// The stream: every frame goes to all who subscribed.
type Frames = broadcast::Sender<Bytes>;

/// Serves until SIGTERM, SIGINT or, if asked, the end of standard input.
pub(crate) fn run(arguments: &BaselineArgs) -> Result<()> {
    let stopped = until_stopped(arguments.serve.until_stdin_closes)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("runtime")?;
    runtime.block_on(async {
        let listen = arguments.serve.listen;
        let listener = TcpListener::bind(listen).await.context(listen)?;
        print(format!(
            "listening on http://{}",
            listener.local_addr().context("listener")?
        ));
        let frames = Frames::new(CHANNEL_MESSAGES);
        match arguments.kind {
            BaselineKind::Axum => tokio::spawn(axum_plain::serve(listener, frames)),
            BaselineKind::AxumTuned => tokio::spawn(axum_tuned::serve(listener, frames)),
            BaselineKind::Fastws => tokio::spawn(fastws::serve(listener, frames)),
        };
        while !stopped.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    })
}
