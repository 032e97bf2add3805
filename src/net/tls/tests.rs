//! Bytes go through a TLS socket whole and in order, however little the kernel takes, whatever comes
//! between: new keys, an end that is said, an end that is not, what is no TLS.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, StreamOwned};

use super::socket::{Taken, TlsSocket};
use super::source::Source;

type Peer = StreamOwned<ClientConnection, TcpStream>;

const PATIENCE: Duration = Duration::from_secs(20);

/// Both ends of a connection whose handshake is over; the server's doesn't block and is watched.
struct Pair {
    socket: TlsSocket,
    poll: Poll,
    peer: Peer,
}

fn pair() -> Pair {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let source = Source::self_signed(address, None, None).unwrap();
    let terms = source.load().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(terms.certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let accepting = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut session = ServerConnection::new(terms.config).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        (socket, session)
    });
    let name = ServerName::from(address.ip());
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut peer = StreamOwned::new(session, stream);
    while peer.conn.is_handshaking() {
        peer.conn.complete_io(&mut peer.sock).unwrap();
    }
    let (socket, session) = accepting.join().unwrap();
    let mut socket = TlsSocket::new(mio::net::TcpStream::from_std(socket), session);
    let poll = Poll::new().unwrap();
    let interest = Interest::READABLE | Interest::WRITABLE;
    let registry = poll.registry();
    registry.register(socket.tcp(), Token(0), interest).unwrap();
    Pair { socket, poll, peer }
}

impl Pair {
    fn wait(&mut self) {
        self.poll
            .poll(&mut Events::with_capacity(4), Some(PATIENCE))
            .unwrap();
    }

    /// Reads until so many bytes are there, or the end.
    fn read(&mut self, bytes: usize) -> (Vec<u8>, bool) {
        let (mut seen, mut scratch) = (Vec::new(), vec![0; 256 * 1024]);
        while seen.len() < bytes {
            match self.socket.read(&mut scratch) {
                Ok(Taken::End) => return (seen, true),
                Ok(Taken::All(read) | Taken::Part(read)) => {
                    seen.extend_from_slice(&scratch[..read]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(),
                Err(error) => panic!("{error}"),
            }
        }
        (seen, false)
    }
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn what_is_written_arrives_whole_and_little_waits_encrypted() {
    let Pair {
        mut socket,
        mut poll,
        mut peer,
    } = pair();
    let all = bytes(6 << 20);
    let expected = all.clone();
    // The peer begins to read when the kernel takes nothing more.
    let (blocks, has_blocked) = mpsc::channel();
    let reading = thread::spawn(move || {
        has_blocked.recv().unwrap();
        let mut seen = vec![0; expected.len()];
        peer.read_exact(&mut seen).unwrap();
        assert!(seen == expected);
        // The end is said, not only the connection cut.
        assert_eq!(peer.read(&mut [0; 10]).unwrap(), 0);
    });
    let (mut at, mut has_waited) = (0, false);
    while at < all.len() {
        // Pieces of all sizes, as messages and their heads are.
        let rest = &all[at..];
        let cuts = [1, 13, 300, 40_000, 500_000].map(|cut: usize| cut.min(rest.len() / 5));
        let mut from = 0;
        let mut slices: Vec<IoSlice<'_>> = Vec::new();
        for cut in cuts.into_iter().chain([rest.len().min(600_000)]) {
            let to = (from + cut).min(rest.len());
            slices.push(IoSlice::new(&rest[from..to]));
            from = to;
        }
        match socket.write(&mut slices) {
            Ok(taken) => at += taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                assert!(!socket.is_clear());
                if !has_waited {
                    has_waited = true;
                    blocks.send(()).unwrap();
                    continue;
                }
                poll.poll(&mut Events::with_capacity(4), Some(PATIENCE))
                    .unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(has_waited, "the kernel took it all at once");
    while !socket.shut().unwrap() {
        poll.poll(&mut Events::with_capacity(4), Some(PATIENCE))
            .unwrap();
    }
    reading.join().unwrap();
}

#[test]
fn what_comes_is_read_whole_through_new_keys_and_many_small_records() {
    let mut pair = pair();
    let all = bytes(2 << 20);
    let (mut sender, expected) = (all.clone(), all);
    let (session, socket) = (&mut pair.peer.conn, &mut pair.peer.sock);
    let small = sender.split_off(sender.len() - 3000);
    let mut large = socket.try_clone().unwrap();
    // Much of it goes ahead, as far as the kernel takes it without a reader.
    socket.set_nonblocking(true).unwrap();
    let mut written = 0;
    let mut seen = Vec::new();
    let mut scratch = vec![0; 256 * 1024];
    let mut pending: Vec<&[u8]> = sender.chunks(90_000).chain(small.chunks(7)).collect();
    pending.reverse();
    while seen.len() < expected.len() {
        if !session.wants_write()
            && let Some(piece) = pending.pop()
        {
            let taken = session.writer().write(piece).unwrap();
            if taken < piece.len() {
                pending.push(&piece[taken..]);
            }
            written += taken;
            if written % 5 == 0 {
                session.refresh_traffic_keys().unwrap();
            }
        }
        match session.write_tls(&mut large) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        match pair.socket.read(&mut scratch) {
            Ok(Taken::All(read) | Taken::Part(read)) => seen.extend_from_slice(&scratch[..read]),
            Ok(Taken::End) => panic!("an end that nobody said"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
    assert!(seen == expected);
}

#[test]
fn an_end_is_an_end_whether_it_is_said_or_not() {
    for is_said in [true, false] {
        let mut pair = pair();
        pair.peer.write_all(b"last words").unwrap();
        if is_said {
            pair.peer.conn.send_close_notify();
            pair.peer.conn.complete_io(&mut pair.peer.sock).unwrap();
        } else {
            pair.peer.sock.shutdown(std::net::Shutdown::Write).unwrap();
        }
        assert_eq!(pair.read(100), (b"last words".to_vec(), true), "{is_said}");
    }
}

#[test]
fn what_is_no_record_ends_the_connection() {
    let mut pair = pair();
    pair.peer.sock.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut scratch = vec![0; 256 * 1024];
    let error = loop {
        match pair.socket.read(&mut scratch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => pair.wait(),
            Err(error) => break error,
            Ok(taken) => assert_eq!(taken, Taken::All(0)),
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}
