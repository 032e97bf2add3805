//! A server that forwards a publisher's frames to one viewer, and makes one mistake on purpose.
//!
//! It is written apart from the program under test: its own WebSocket heads, its own handshake.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// The mistake, made at the twentieth frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// None: the server is right.
    None,
    /// One bit of this byte of the frame is turned.
    Flip(usize),
    /// The frame is left out.
    Drop,
    /// The frame changes places with the next.
    Swap,
    /// The frame is sent twice.
    Repeat,
    /// The frame comes with the flag KEYFRAME, five frames having been left out before it.
    Conflate,
    /// The viewer is closed with 4409.
    Close,
}

const AT: usize = 20;

/// Starts the server for one viewer and one publisher; returns its address.
pub(crate) fn start(mistake: Mistake) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (viewer, publisher) = (accept(&listener), accept(&listener));
        // The end of the run resets the connections, which ends this thread.
        drop(forward(publisher, viewer, mistake));
    });
    format!("ws://{address}")
}

fn accept(listener: &TcpListener) -> TcpStream {
    let mut stream = listener.accept().unwrap().0;
    stream.set_nodelay(true).unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                  Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    stream.write_all(accept.as_bytes()).unwrap();
    let handshake = read_message(&mut stream).unwrap();
    let text = br#"{"type":"handshake_ack","sessionId":"x","protocols":["binary"]}"#;
    stream.write_all(&[0x81, text.len() as u8]).unwrap();
    stream.write_all(text).unwrap();
    if String::from_utf8(handshake)
        .unwrap()
        .contains(r#""role":"viewer""#)
    {
        // An empty state: "AGNT", type 1, flag KEYFRAME, length 4, count 0.
        stream
            .write_all(b"\x82\x0CAGNT\x01\x10\x04\x00\x00\x00\x00\x00")
            .unwrap();
    }
    stream
}

fn forward(mut from: TcpStream, mut to: TcpStream, mistake: Mistake) -> std::io::Result<()> {
    let mut held = Vec::new();
    for number in 0.. {
        let mut frame = read_message(&mut from)?;
        let now = number == AT;
        match mistake {
            Mistake::Flip(byte) if now => frame[byte] ^= 1,
            Mistake::Drop if now => continue,
            Mistake::Swap if now => {
                held = frame;
                continue;
            }
            Mistake::Repeat if now => write_message(&mut to, &frame)?,
            Mistake::Conflate if (AT - 5..AT).contains(&number) => continue,
            Mistake::Conflate if now => frame[5] |= 0x10,
            Mistake::Close if now => to.write_all(&[0x88, 2, 0x11, 0x39])?,
            _ => {}
        }
        write_message(&mut to, &frame)?;
        if !held.is_empty() {
            write_message(&mut to, &std::mem::take(&mut held))?;
        }
    }
    Ok(())
}

fn write_message(stream: &mut TcpStream, payload: &[u8]) -> std::io::Result<()> {
    stream.write_all(&[0x82, 126])?;
    stream.write_all(&(payload.len() as u16).to_be_bytes())?;
    stream.write_all(payload)
}

fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    assert_eq!(head[1] & 0x80, 0x80, "a client masks");
    let mut length = usize::from(head[1] & 0x7F);
    if length == 126 {
        let mut wide = [0; 2];
        stream.read_exact(&mut wide)?;
        length = usize::from(u16::from_be_bytes(wide));
    }
    let mut key = [0; 4];
    stream.read_exact(&mut key)?;
    assert_ne!(key, [0; 4], "the mask does something");
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload)?;
    for (place, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[place % 4];
    }
    Ok(payload)
}
