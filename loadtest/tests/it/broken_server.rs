//! A server that forwards a publisher's frames to its viewers, plain or compressed, and makes one
//! mistake on purpose.
//!
//! It is written apart from the program under test: its own WebSocket heads, its own handshake.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// In which form the viewers get the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they came, to one viewer.
    Plain,
    /// Each as a batch of RFC 1950, to so many viewers; a mistake is made for the last of them.
    Zlib(usize),
    /// Granted in words, but the frames come as they are.
    Promised,
    /// Not granted.
    Refused,
}

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
    /// The batch announces one byte more than there are.
    Lie,
    /// The batch lacks its last byte.
    Cut,
    /// The batch holds another batch.
    Nest,
}

const AT: usize = 20;

/// Starts the server for its viewers and one publisher; returns its address.
pub(crate) fn start(form: Form, mistake: Mistake) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let count = if let Form::Zlib(count) = form {
            count
        } else {
            1
        };
        let mut viewers: Vec<TcpStream> = (0..count).map(|_| accept(&listener, form)).collect();
        let publisher = accept(&listener, form);
        // The end of the run resets the connections, which ends this thread.
        drop(forward(publisher, &mut viewers, form, mistake));
    });
    format!("ws://{address}")
}

fn accept(listener: &TcpListener, form: Form) -> TcpStream {
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
    let handshake = String::from_utf8(handshake).unwrap();
    if let Form::Zlib(_) = form {
        let asks = handshake.contains(r#""compression":{"algorithms":["zlib"],"level":6}"#);
        assert_eq!(
            asks,
            handshake.contains(r#""role":"viewer""#),
            "{handshake}"
        );
    }
    let granted: &[u8] = match form {
        Form::Plain | Form::Refused => br#"{"type":"handshake_ack","protocols":["binary"]}"#,
        Form::Zlib(_) | Form::Promised => {
            br#"{"type":"handshake_ack","compression":"zlib","capabilities":["binary","compression"]}"#
        }
    };
    stream.write_all(&[0x81, granted.len() as u8]).unwrap();
    stream.write_all(granted).unwrap();
    if handshake.contains(r#""role":"viewer""#) {
        // An empty state: "AGNT", type 1, flag KEYFRAME, length 4, count 0.
        stream
            .write_all(b"\x82\x0CAGNT\x01\x10\x04\x00\x00\x00\x00\x00")
            .unwrap();
    }
    stream
}

fn forward(
    mut from: TcpStream,
    viewers: &mut [TcpStream],
    form: Form,
    mistake: Mistake,
) -> std::io::Result<()> {
    let mut held = Vec::new();
    for number in 0.. {
        let right = read_message(&mut from)?;
        let Some((to, others)) = viewers.split_last_mut() else {
            return Ok(());
        };
        for other in others {
            write_message(other, &sealed(&right, form, Mistake::None))?;
        }
        let mut frame = right;
        let now = number == AT;
        match mistake {
            Mistake::Flip(byte) if now => frame[byte] ^= 1,
            Mistake::Drop if now => continue,
            Mistake::Swap if now => {
                held = frame;
                continue;
            }
            Mistake::Repeat if now => write_message(to, &sealed(&frame, form, mistake))?,
            Mistake::Conflate if (AT - 5..AT).contains(&number) => continue,
            Mistake::Conflate if now => frame[5] |= 0x10,
            Mistake::Close if now => to.write_all(&[0x88, 2, 0x11, 0x39])?,
            _ => {}
        }
        let own = if now { mistake } else { Mistake::None };
        write_message(to, &sealed(&frame, form, own))?;
        if !held.is_empty() {
            write_message(to, &sealed(&std::mem::take(&mut held), form, own))?;
        }
    }
    Ok(())
}

/// A frame in the form that the viewers get, with the mistakes that a batch can have.
fn sealed(frame: &[u8], form: Form, mistake: Mistake) -> Vec<u8> {
    if !matches!(form, Form::Zlib(_)) {
        return frame.to_vec();
    }
    let mut batch = batch_of(frame);
    match mistake {
        Mistake::Lie => batch[5] ^= 1,
        Mistake::Cut => drop(batch.pop()),
        Mistake::Nest => batch = batch_of(&batch),
        _ => {}
    }
    batch
}

/// "AGNT", type 5, the size before compression, RFC 1950.
fn batch_of(frames: &[u8]) -> Vec<u8> {
    let mut batch = b"AGNT\x05".to_vec();
    batch.extend_from_slice(&(frames.len() as u32).to_le_bytes());
    let mut encoder = flate2::write::ZlibEncoder::new(batch, flate2::Compression::new(6));
    encoder.write_all(frames).unwrap();
    encoder.finish().unwrap()
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
