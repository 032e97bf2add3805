//! Layouts (a) and (b): a task per viewer with a receiver of its own, on one thread.

use std::io::{ErrorKind, IoSlice};
use std::net::TcpStream;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::net::TcpStream as Socket;
use tokio::sync::{Notify, broadcast};

use crate::feed::Feed;

/// Messages that a queue holds: more than any window, and seconds at a steady pace.
const QUEUE_MESSAGES: usize = 1024;
/// Messages of one vectored write.
const SLICES_MAX: usize = 64;

/// Writes what is due to all sockets until the feed is over.
pub(crate) fn serve(sockets: Vec<TcpStream>, message: &[u8], feed: &Arc<Feed>, is_vectored: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (sender, _) = broadcast::channel(QUEUE_MESSAGES);
        for socket in sockets {
            let socket = Socket::from_std(socket).unwrap();
            let (receiver, feed) = (sender.subscribe(), Arc::clone(feed));
            tokio::spawn(view(socket, receiver, feed, is_vectored));
        }
        let news = Arc::new(Notify::new());
        let waker = Arc::clone(&news);
        feed.served_by_this_thread(Box::new(move || waker.notify_one()));
        let mut published = 0;
        while !feed.is_over() {
            news.notified().await;
            while published < feed.due() {
                sender.send(Bytes::copy_from_slice(message)).unwrap();
                published += 1;
            }
        }
    });
}

async fn view(
    socket: Socket,
    mut messages: broadcast::Receiver<Bytes>,
    feed: Arc<Feed>,
    is_vectored: bool,
) {
    let mut waiting = Vec::with_capacity(SLICES_MAX);
    while let Ok(message) = messages.recv().await {
        waiting.push(message);
        while is_vectored && waiting.len() < SLICES_MAX {
            let Ok(message) = messages.try_recv() else {
                break;
            };
            waiting.push(message);
        }
        let writes = write(&socket, &mut waiting).await;
        feed.count_writes(writes);
    }
}

/// Writes all that waits; returns how many writes it took.
async fn write(socket: &Socket, waiting: &mut Vec<Bytes>) -> u64 {
    let mut writes = 0;
    while !waiting.is_empty() {
        let outcome = match waiting.as_slice() {
            [message] => socket.try_write(message),
            messages => {
                let slices: Vec<IoSlice<'_>> = messages
                    .iter()
                    .map(|message| IoSlice::new(message))
                    .collect();
                socket.try_write_vectored(&slices)
            }
        };
        match outcome {
            Ok(bytes) => {
                writes += 1;
                advance(waiting, bytes);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                socket.writable().await.unwrap();
            }
            Err(error) => panic!("a viewer's socket: {error}"),
        }
    }
    writes
}

/// Takes so many bytes from the front.
fn advance(waiting: &mut Vec<Bytes>, mut bytes: usize) {
    let mut done = 0;
    for message in waiting.iter_mut() {
        let taken = bytes.min(message.len());
        message.advance(taken);
        bytes -= taken;
        if !message.is_empty() {
            break;
        }
        done += 1;
    }
    waiting.drain(..done);
}
