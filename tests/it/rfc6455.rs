//! Proves that the WebSocket layer keeps RFC 6455 where a common library is known to fail: F1 to
//! F13 of the project's list of inherited defects, each with a test of its name. F10, which is
//! about the upgrade, is in `rfc6455_upgrade`.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use agnt::net::ws::{ReadLimits, Reader};

use crate::support::server::TestServer;
use crate::support::swarm::{next_tick, state_tick};
use crate::support::wire::{self, Frame, Record};
use crate::support::ws::{self, Client, FIN, Message};

/// What broadcasts use as their agent's id.
const BROADCAST_ID: u32 = 7;

/// The frame that the splitter sends as its `count`th.
fn split_record(count: u32) -> Record {
    Record::counted(1000 + count, count)
}

/// Sends `bytes` in two parts. Between them a broadcast comes in, so that the server has written
/// to this connection while it had half a frame of it.
fn send_split(client: &mut Client, bytes: &[u8], at: usize, seen: &mut u32) {
    client.send_raw(&bytes[..at]);
    await_broadcast(client, seen);
    client.send_raw(&bytes[at..]);
}

/// The next broadcast, which must follow the one before.
fn await_broadcast(client: &mut Client, seen: &mut u32) {
    let tick = next_tick(client);
    assert_eq!((tick.records.len(), tick.records[0].id), (1, BROADCAST_ID));
    assert!(
        *seen == 0 || tick.records[0].count() == *seen + 1,
        "broadcasts in order"
    );
    *seen = tick.records[0].count();
}

#[test]
fn f01_frames_split_at_any_byte_arrive_once_and_in_order_while_broadcasts_go_on() {
    let server = TestServer::with(|config| config.agent_ttl_s = 0);
    let mut viewer = server.viewer("main");
    state_tick(&mut viewer);
    let mut splitter = server.connect("protocols=binary");
    state_tick(&mut splitter);
    let mut publisher = server.publisher("main");
    let is_over = AtomicBool::new(false);
    let sent = std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut count = 0;
            while !is_over.load(Ordering::Relaxed) {
                count += 1;
                publisher.send_binary(&wire::positions(0, &[Record::counted(BROADCAST_ID, count)]));
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        });
        let over = OnDrop(&is_over);
        let (mut sent, mut seen) = (0, 0);
        let mut next = |flags: u8| {
            sent += 1;
            let payload = wire::positions(0, &[split_record(sent)]);
            ws::frame(flags, &payload, [0xA5, 0, 0xFF, 0x3C])
        };
        let whole = next(FIN | ws::BINARY);
        splitter.send_raw(&whole);
        for at in 1..whole.len() {
            let bytes = next(FIN | ws::BINARY);
            send_split(&mut splitter, &bytes, at, &mut seen);
        }
        for byte in next(FIN | ws::BINARY) {
            splitter.send_raw(&[byte]);
            await_broadcast(&mut splitter, &mut seen);
        }
        // Two frames and a half in one piece, then the other half.
        let three = [
            next(FIN | ws::BINARY),
            next(FIN | ws::BINARY),
            next(FIN | ws::BINARY),
        ];
        send_split(
            &mut splitter,
            &three.concat(),
            whole.len() * 5 / 2,
            &mut seen,
        );
        drop(over);
        sent
    });
    let mut expected = 1;
    while expected <= sent {
        for record in next_tick(&mut viewer).records {
            if record.id != BROADCAST_ID {
                assert_eq!(record, split_record(expected));
                expected += 1;
            }
        }
    }
}

/// Ends the other thread also where the test fails.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn f02_half_taken_writes_leave_an_unbroken_sequence_of_messages() {
    const TICKS: u32 = 300;
    const AGENTS: u32 = 1000;
    // State ticks come in between.
    let server = TestServer::with(|config| config.staleness_max_ms = 250);
    let target = format!(
        "{}?protocols=binary&role=viewer",
        crate::support::server::PATH
    );
    let mut viewer = Client::connect_narrow(server.address, &target, 4096);
    let mut publisher = server.publisher("main");
    let mut newest = vec![0; AGENTS as usize];
    let mut take = |message: Message| {
        let Message::Binary(bytes) = message else {
            panic!("{message:?}")
        };
        for record in Frame::read(&bytes).records() {
            let held = &mut newest[record.id as usize];
            assert_eq!(
                record,
                Record::counted(record.id, record.count()),
                "bit for bit"
            );
            assert!(record.count() >= *held, "agent {} went back", record.id);
            *held = record.count();
        }
        newest.iter().all(|&count| count == TICKS)
    };
    for count in 1..=TICKS {
        let records: Vec<Record> = (0..AGENTS).map(|id| Record::counted(id, count)).collect();
        publisher.send_binary(&wire::positions(0, &records));
        // Far less than was sent, so that the socket is full nearly always.
        viewer.fill(1500).unwrap();
        while let Some(message) = viewer.parse() {
            take(message);
        }
    }
    while !take(viewer.next()) {}
}

#[test]
fn f03_fragments_are_bounded_in_bytes() {
    let server = TestServer::with(|config| config.message_bytes_max = 4096);
    let mut client = server.publisher("main");
    client.send_frame(ws::BINARY, &[0; 2000]);
    client.send_frame(ws::CONTINUATION, &[0; 2000]);
    client.send_frame(ws::CONTINUATION, &[0; 97]);
    let (before, code, reason) = client.until_close();
    assert_eq!((before.len(), code), (0, 1009), "{reason}");
    assert!(reason.contains("4096"), "{reason}");
}

#[test]
fn f03_fragments_are_bounded_in_number_empty_ones_too() {
    let server = TestServer::with(|config| config.fragments_max = 8);
    let mut client = server.publisher("main");
    client.send_frame(ws::BINARY, &[]);
    for _ in 0..8 {
        client.send_frame(ws::CONTINUATION, &[]);
    }
    let (before, code, reason) = client.until_close();
    assert_eq!((before.len(), code), (0, 1008), "{reason}");
    assert!(reason.contains('8'), "{reason}");
    let mut client = server.publisher("main");
    let frame = wire::frame(wire::HEARTBEAT, 0, &[]);
    client.send_frame(ws::BINARY, &frame);
    for _ in 0..6 {
        client.send_frame(ws::CONTINUATION, &[]);
    }
    client.send_frame(FIN | ws::CONTINUATION, &[]);
    assert_eq!(client.binary(), frame, "eight fragments are allowed");
}

#[test]
fn f04_an_announced_length_beyond_the_limit_is_refused_on_its_heads_word() {
    let server = TestServer::start();
    for length in [
        (1 << 20) + 1,
        60 << 20,
        u64::from(u32::MAX),
        1 << 40,
        (1 << 63) - 1,
    ] {
        let mut client = server.publisher("main");
        client.send_raw(&ws::head(FIN | ws::BINARY, length));
        client.send_raw(&[1, 2, 3, 4]);
        let (before, code, reason) = client.until_close();
        assert_eq!((before.len(), code), (0, 1009), "{length}: {reason}");
    }
}

#[test]
fn f04_nothing_is_reserved_for_what_was_only_announced() {
    let limits = ReadLimits {
        message_bytes_max: 1 << 30,
        fragments_max: 128,
    };
    let mut reader = Reader::default();
    let mut input = ws::head(FIN | ws::BINARY, 1 << 30);
    input.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    reader
        .feed(&mut input, limits, &mut |message| panic!("{message:?}"))
        .unwrap();
    assert!(
        reader.held_bytes() < 1024,
        "{} bytes held for 4",
        reader.held_bytes()
    );
}

/// Sends bytes that break the protocol and reads the close frame.
fn refused(server: &TestServer, case: &str, bytes: &[u8], code: u16) {
    let mut client = server.publisher("main");
    client.send_raw(bytes);
    let (before, got, reason) = client.until_close();
    assert_eq!((before.len(), got), (0, code), "{case}: {reason}");
    assert!(!reason.is_empty(), "{case}: the reason says what was wrong");
}

#[test]
fn f05_an_unmasked_frame_is_a_protocol_error() {
    let server = TestServer::start();
    refused(&server, "binary", &[0x82, 1, 0], 1002);
    refused(&server, "ping", &[0x89, 0], 1002);
    refused(&server, "close", &[0x88, 2, 3, 232], 1002);
}

#[test]
fn f06_a_control_frame_beyond_125_bytes_is_a_protocol_error() {
    let server = TestServer::start();
    for opcode in [ws::PING, ws::PONG, ws::CLOSE] {
        let mut payload = [b'x'; 126];
        payload[..2].copy_from_slice(&1000u16.to_be_bytes());
        let bytes = ws::frame(FIN | opcode, &payload, [9; 4]);
        refused(&server, "126 bytes", &bytes, 1002);
        refused(&server, "fragmented", &ws::frame(opcode, &[], [9; 4]), 1002);
    }
}

#[test]
fn f07_a_new_message_within_a_fragmented_one_is_a_protocol_error() {
    let server = TestServer::start();
    for opcode in [ws::TEXT, ws::BINARY] {
        for last in [0, FIN] {
            let first = ws::frame(opcode, b"AAA", [1, 2, 3, 4]);
            let second = ws::frame(last | opcode, b"BBB", [4, 3, 2, 1]);
            refused(&server, "interleaved", &[first, second].concat(), 1002);
        }
    }
    let lone = ws::frame(FIN | ws::CONTINUATION, b"CCC", [1; 4]);
    refused(&server, "a continuation of nothing", &lone, 1002);
}

#[test]
fn f08_utf8_that_is_cut_off_at_the_end_of_a_text_is_refused_with_1007() {
    let server = TestServer::start();
    let fragments = |parts: &[&[u8]]| {
        let last = parts.len() - 1;
        let frame = |(at, part): (usize, &&[u8])| {
            let opcode = if at == 0 { ws::TEXT } else { ws::CONTINUATION };
            ws::frame(
                if at == last { FIN | opcode } else { opcode },
                part,
                [7, 1, 8, 2],
            )
        };
        parts
            .iter()
            .enumerate()
            .flat_map(frame)
            .collect::<Vec<u8>>()
    };
    refused(
        &server,
        "cut at the end",
        &fragments(&[b"ok", b"\xE2\x82"]),
        1007,
    );
    refused(
        &server,
        "cut in one frame",
        &fragments(&[b"ok\xE2\x82"]),
        1007,
    );
    refused(
        &server,
        "an empty end",
        &fragments(&[b"ok\xE2", b"\x82", b""]),
        1007,
    );
    refused(
        &server,
        "early, before the end",
        &fragments(&[b"\xFF", b"", b""])[..7],
        1007,
    );
    let close = ws::frame(FIN | ws::CLOSE, b"\x03\xE8\xE2\x82", [7; 4]);
    refused(&server, "a close reason", &close, 1007);
    let mut client = server.connect("role=publisher");
    let split: [&[u8]; 3] = [
        b"{\"type\":\"heartbeat\",\"timestamp\":\"\xE2",
        b"\x82",
        b"\xAC\"}",
    ];
    client.send_raw(&fragments(&split));
    assert_eq!(
        client.json()["timestamp"],
        "\u{20AC}",
        "a character over three fragments"
    );
}

#[test]
fn f09_what_comes_back_is_never_masked() {
    let server = TestServer::with(|config| config.echo_path = true);
    let mut client = Client::connect(server.address, "/test/echo");
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let payload = vec![0x5A; length];
        client.send_frame(FIN | ws::BINARY, &payload);
        // The client itself fails on a server's mask bit.
        assert_eq!(client.next(), Message::Binary(payload));
    }
    client.send_frame(FIN | ws::PING, b"p");
    assert_eq!(client.next(), Message::Pong(b"p".to_vec()));
}

#[test]
fn f11_a_length_that_is_not_in_its_shortest_form_is_a_protocol_error() {
    let server = TestServer::start();
    let with_length = |bytes: &[u8]| [&[0x82], bytes, &[1, 2, 3, 4]].concat();
    refused(
        &server,
        "125 in two bytes",
        &with_length(&[0xFE, 0, 125]),
        1002,
    );
    refused(
        &server,
        "65535 in eight",
        &with_length(&[0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
        1002,
    );
    refused(
        &server,
        "the highest bit",
        &with_length(&[0xFF, 0x80, 0, 0, 0, 0, 1, 0, 0]),
        1002,
    );
}

#[test]
fn f12_the_last_replies_arrive_though_the_server_has_unread_input() {
    let server = TestServer::start();
    for _ in 0..20 {
        let mut client = server.publisher("main");
        let mut bytes: Vec<u8> = (0..10)
            .flat_map(|_| ws::frame(FIN | ws::BINARY, b"BAD!", [3; 4]))
            .collect();
        // Far more behind them than one read takes.
        let chunk = ws::frame(FIN | ws::BINARY, &vec![0; 60_000], [3; 4]);
        bytes.extend(chunk.repeat(30));
        // The server forgets the connection a second after its close, with or without the rest.
        let is_sent = client.socket.write_all(&bytes).is_ok();
        let mut errors = 0;
        let (code, reason) = loop {
            match client.message() {
                Message::Binary(_) => errors += 1,
                Message::Close(code, reason) => break (code, reason),
                other => panic!("{other:?} after {errors} replies"),
            }
        };
        assert_eq!((errors, code), (10, Some(1008)), "{reason}");
        let end = client.next();
        assert!(
            end == Message::End || !is_sent && end == Message::Reset,
            "{end:?}"
        );
    }
}

#[test]
fn f13_compression_of_messages_is_declined() {
    let server = TestServer::start();
    let headers = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let target = format!(
        "{}?protocols=binary&role=publisher",
        crate::support::server::PATH
    );
    let socket = crate::support::http::open(server.address);
    let mut client = Client::upgrade(socket, &target, headers, &[]);
    assert_eq!(client.upgrade.header("sec-websocket-extensions"), None);
    client.send_frame(FIN | 0x40 | ws::BINARY, &[0x4A, 0x04, 0x00]);
    let (_, code, reason) = client.until_close();
    assert_eq!(code, 1002, "{reason}");
    for bit in [0x20, 0x10] {
        refused(
            &server,
            "RSV2, RSV3",
            &ws::frame(FIN | bit | ws::TEXT, b"x", [1; 4]),
            1002,
        );
    }
}
