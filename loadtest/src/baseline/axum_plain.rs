//! axum the usual way: one task for each socket, one send for each message.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;

use super::Frames;
use crate::serving::{PATH, acknowledgement, empty_state, is_publisher};

/// Accepts until the process ends.
pub(super) async fn serve(listener: TcpListener, frames: Frames) {
    let router = Router::new().route(PATH, any(upgrade)).with_state(frames);
    // Without TCP_NODELAY small frames wait for acknowledgements; a platform that refuses the
    // option still serves.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    drop(axum::serve(listener, router).await);
}

async fn upgrade(upgrade: WebSocketUpgrade, State(frames): State<Frames>) -> Response {
    upgrade.on_upgrade(move |socket| session(socket, frames))
}

async fn session(mut socket: WebSocket, frames: Frames) {
    match greet(&mut socket).await {
        Some(true) => publish(socket, frames).await,
        // Subscribed before the state is sent, so that nothing falls between the two.
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

/// Answers the handshake; whether it asks for the publisher's role, or `None` without one.
pub(super) async fn greet(socket: &mut WebSocket) -> Option<bool> {
    let Some(Ok(Message::Text(handshake))) = socket.recv().await else {
        return None;
    };
    let publisher = is_publisher(handshake.as_bytes());
    socket
        .send(Message::Text(acknowledgement().into()))
        .await
        .ok()?;
    Some(publisher)
}

/// Passes on what a publisher sends.
pub(super) async fn publish(mut socket: WebSocket, frames: Frames) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Binary(frame) = message {
            // Nobody listening is no reason to stop.
            drop(frames.send(frame));
        }
    }
}

async fn view(mut socket: WebSocket, mut frames: tokio::sync::broadcast::Receiver<Bytes>) {
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Ok(frame) => {
                    if socket.send(Message::Binary(frame)).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            message = socket.recv() => match message {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}
