//! Our WebSocket reader beside the one of fastwebsockets, on the same masked client frames, and
//! beside what nobody gets round: unmasking.
//!
//! Both read from memory. Ours is fed slices as large as the server's scratch buffer; theirs reads
//! through a `tokio` stream that is always ready.

#![allow(
    missing_docs,
    reason = "criterion's macros make public items without docs"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};

use agnt::net::ws::{Incoming, ReadLimits, Reader};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastwebsockets::{FragmentCollector, Role, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// As much as an event loop reads at once.
const SCRATCH_BYTES: usize = 256 * 1024;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A masked binary message of 126 to 65,535 bytes as a browser sends it.
fn masked(payload_bytes: usize) -> Vec<u8> {
    // Binary, whole; masked, with a length of 16 bits.
    let mut bytes = vec![0x82, 0xFE];
    bytes.extend((payload_bytes as u16).to_be_bytes());
    bytes.extend(MASK);
    bytes.extend((0..payload_bytes).map(|at| at as u8 ^ MASK[at % 4]));
    bytes
}

/// The same messages over and over, always ready; what is written to it is gone.
struct Endless {
    messages: Vec<u8>,
    at: usize,
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let rest = &self.messages[self.at..];
        let taken = rest.len().min(out.remaining());
        out.put_slice(&rest[..taken]);
        self.at = (self.at + taken) % self.messages.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn read(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for payload_bytes in [28_012, 292] {
        let message = masked(payload_bytes);
        let count = (SCRATCH_BYTES / message.len()).max(1);
        let messages = message.repeat(count);
        let mut scratch = messages.clone();
        let mut group = criterion.benchmark_group(format!("read {payload_bytes} B messages"));
        group.throughput(Throughput::Bytes((payload_bytes * count) as u64));
        group.bench_function("baseline: memcpy and unmask only", |bencher| {
            bencher.iter(|| {
                scratch.copy_from_slice(black_box(&messages));
                for one in scratch.chunks_exact_mut(message.len()) {
                    let head_bytes = one.len() - payload_bytes;
                    fastwebsockets::unmask(&mut one[head_bytes..], MASK);
                }
                black_box(&scratch).len()
            });
        });
        let limits = ReadLimits {
            message_bytes_max: 1 << 20,
            fragments_max: 64,
        };
        for (name, piece_bytes) in [
            ("ours, whole messages", messages.len()),
            // What a slow network brings: nearly every message is cut somewhere.
            ("ours, pieces of 1448 B", 1448),
        ] {
            let mut reader = Reader::default();
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    scratch.copy_from_slice(black_box(&messages));
                    let mut read_bytes = 0;
                    let mut sink = |incoming: Incoming<'_>| {
                        if let Incoming::Binary(payload) = incoming {
                            read_bytes += black_box(payload).len();
                        }
                    };
                    for piece in scratch.chunks_mut(piece_bytes) {
                        reader.feed(piece, limits, &mut sink).unwrap();
                    }
                    assert_eq!(read_bytes, payload_bytes * count);
                });
            });
        }
        let endless = Endless {
            messages: messages.clone(),
            at: 0,
        };
        let socket = WebSocket::after_handshake(endless, Role::Server);
        let mut collector = FragmentCollector::new(socket);
        group.bench_function("baseline: fastwebsockets", |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let mut read_bytes = 0;
                    for _ in 0..count {
                        read_bytes += black_box(collector.read_frame().await.unwrap())
                            .payload
                            .len();
                    }
                    assert_eq!(read_bytes, payload_bytes * count);
                });
            });
        });
        group.finish();
    }
}

criterion_group!(benches, read);
criterion_main!(benches);
