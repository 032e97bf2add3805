//! axum as someone who measured would write it: one flush for all that waits, 4 kB read buffers.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use bytes::Bytes;
use futures_util::SinkExt;
use tokio::net::TcpListener;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::Frames;
use super::axum_plain::{greet, publish};
use crate::serving::{PATH, empty_state};

const READ_BUFFER_BYTES: usize = 4 << 10;

/// Accepts until the process ends.
pub(super) async fn serve(listener: TcpListener, frames: Frames) {
    let router = Router::new().route(PATH, any(upgrade)).with_state(frames);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    drop(axum::serve(listener, router).await);
}

async fn upgrade(upgrade: WebSocketUpgrade, State(frames): State<Frames>) -> Response {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .on_upgrade(move |socket| session(socket, frames))
}

async fn session(mut socket: WebSocket, frames: Frames) {
    match greet(&mut socket).await {
        Some(true) => publish(socket, frames).await,
        Some(false) => {
            let received = frames.subscribe();
            let state = Bytes::copy_from_slice(&empty_state());
            if socket.send(Message::Binary(state)).await.is_ok() {
                view(socket, received).await;
            }
        }
        None => {}
    }
}

async fn view(mut socket: WebSocket, mut frames: Receiver<Bytes>) {
    loop {
        tokio::select! {
            frame = frames.recv() => {
                let written = match frame {
                    Ok(frame) => write_waiting(&mut socket, &mut frames, frame).await,
                    Err(RecvError::Lagged(_)) => Ok(()),
                    Err(RecvError::Closed) => return,
                };
                if written.is_err() {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// Feeds `first` and all that waits behind it, then flushes once.
async fn write_waiting(
    socket: &mut WebSocket,
    frames: &mut Receiver<Bytes>,
    first: Bytes,
) -> Result<(), axum::Error> {
    socket.feed(Message::Binary(first)).await?;
    loop {
        match frames.try_recv() {
            Ok(frame) => socket.feed(Message::Binary(frame)).await?,
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    socket.flush().await
}
