//! One peer's trouble ends one connection: a session that panics takes nobody with it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Adoption, ConnectionLimits, LoopSettings, Loops, SessionPermit, Socket};
use crate::dialect::{Session, Turn, Wish};
use crate::net::ws::ReadLimits;

#[derive(Debug)]
struct Place;

impl SessionPermit for Place {}

/// Answers texts, and fails at one of them.
struct Fragile;

impl Session for Fragile {
    fn on_text(&mut self, text: &str, turn: &mut Turn<'_>) {
        assert_ne!(text, "fail", "as asked");
        turn.wishes.push(Wish::Text(text.to_owned()));
    }

    fn on_binary(&mut self, _: &[u8], _: &mut Turn<'_>) {}
}

/// A connected pair, one end of which the loops own.
async fn guest(loops: &Loops) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let peer = TcpStream::connect(listener.local_addr().expect("an address")).expect("a peer");
    peer.set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a time limit");
    let (socket, _) = listener.accept().expect("a connection");
    socket.set_nonblocking(true).expect("a non-blocking socket");
    let read = ReadLimits {
        message_bytes_max: 1000,
        fragments_max: 8,
    };
    let limits = Arc::new(ConnectionLimits {
        read,
        outbox_bytes_max: 1000,
    });
    let (session, permit) = (Box::new(Fragile), Box::new(Place));
    loops
        .adopt(Adoption {
            socket: Socket::plain(socket),
            early: Bytes::new(),
            session,
            limits,
            allowance: None,
            permit,
        })
        .await;
    peer
}

fn say(peer: &mut TcpStream, text: &str) {
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    peer.write_all(&frame).expect("a write");
}

fn hear<const BYTES: usize>(peer: &mut TcpStream) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    peer.read_exact(&mut bytes).expect("an answer");
    bytes
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_with_1011_and_no_other() {
    let settings = LoopSettings {
        heartbeat: Duration::from_secs(30),
        staleness_max: Duration::from_millis(250),
        write_bytes_max: 65_536,
        log_bytes_max: 65_536,
        events_bytes_max: 65_536,
        resume_bytes_max: 65_536,
        room: Arc::default(),
    };
    let loops = Loops::start(1, &settings, &Arc::default()).expect("a loop");
    let (mut good, mut bad) = (guest(&loops).await, guest(&loops).await);
    say(&mut bad, "fail");
    let close: [u8; 4] = hear(&mut bad);
    assert_eq!(
        (close[0], u16::from_be_bytes([close[2], close[3]])),
        (0x88, 1011)
    );
    say(&mut good, "hello");
    assert_eq!(&hear::<7>(&mut good), b"\x81\x05hello");
    assert!(loops.are_alive());
    loops.stop().await;
}
