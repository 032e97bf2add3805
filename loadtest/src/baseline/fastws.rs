//! hyper and fastwebsockets: a task for each socket, a `write_frame` for each message.

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, is_upgrade_request, upgrade};
use fastwebsockets::{
    FragmentCollector, Frame, OpCode, Payload, WebSocket, WebSocketError, WebSocketRead,
    WebSocketWrite,
};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Frames;
use crate::serving::{PATH, acknowledgement, empty_state, is_publisher};

type Io = TokioIo<Upgraded>;

/// Accepts until the process ends.
pub(super) async fn serve(listener: TcpListener, frames: Frames) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, frames.clone()));
    }
}

async fn connection(stream: TcpStream, frames: Frames) {
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| ready(Ok::<_, Infallible>(answer(request, &frames))));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    drop(connection.with_upgrades().await);
}

fn answer(mut request: Request<Incoming>, frames: &Frames) -> Response<Empty<Bytes>> {
    if request.uri().path() == PATH
        && is_upgrade_request(&request)
        && let Ok((response, upgraded)) = upgrade(&mut request)
    {
        let frames = frames.clone();
        tokio::spawn(async move { drop(session(upgraded, frames).await) });
        return response;
    }
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

async fn session(upgraded: UpgradeFut, frames: Frames) -> Result<(), WebSocketError> {
    let mut socket: WebSocket<Io> = upgraded.await?;
    let handshake = socket.read_frame().await?;
    let publisher = is_publisher(&handshake.payload);
    let text = acknowledgement();
    socket
        .write_frame(Frame::text(Payload::Borrowed(text.as_bytes())))
        .await?;
    if publisher {
        return publish(FragmentCollector::new(socket), frames).await;
    }
    let received = frames.subscribe();
    let state = empty_state();
    socket
        .write_frame(Frame::binary(Payload::Borrowed(&state)))
        .await?;
    let (reader, writer) = socket.split(tokio::io::split);
    let reading = tokio::spawn(read_until_closed(reader));
    let written = view(writer, received).await;
    reading.abort();
    written
}

async fn publish(mut socket: FragmentCollector<Io>, frames: Frames) -> Result<(), WebSocketError> {
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Binary => {
                let bytes = match frame.payload {
                    Payload::Bytes(bytes) => bytes.freeze(),
                    other => Bytes::from(Vec::from(other)),
                };
                drop(frames.send(bytes));
            }
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

async fn view(
    mut writer: WebSocketWrite<WriteHalf<Io>>,
    mut frames: Receiver<Bytes>,
) -> Result<(), WebSocketError> {
    loop {
        match frames.recv().await {
            Ok(frame) => {
                let message = Frame::binary(Payload::Borrowed(&frame));
                writer.write_frame(message).await?;
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// A viewer says nothing but pongs; reading is how its end is noticed.
async fn read_until_closed(mut reader: WebSocketRead<ReadHalf<Io>>) {
    let mut ignore = |_: Frame<'_>| async { Ok::<(), WebSocketError>(()) };
    while let Ok(frame) = reader.read_frame(&mut ignore).await {
        if frame.opcode == OpCode::Close {
            return;
        }
    }
}
