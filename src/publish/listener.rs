//! The task that reads what a server says to its publisher.
//!
//! A publisher receives only answers: pongs and heartbeat answers are nothing to it, pings are
//! answered, errors are logged and counted, and the end is told to whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agnt_codec::{Frame, Payload, error_code};
use fastwebsockets::OpCode;
use tokio::sync::{Mutex, watch};

use super::client::Writer;
use super::client_error::Ending;
use super::dial::{self, Reader};
use super::outgoing::Outgoing;

/// After this many errors of one connection further ones are counted and no longer logged.
const ERRORS_LOGGED_MAX: u64 = 10;

/// The reading side of one connection.
pub(super) struct Listener {
    pub(super) reader: Reader,
    pub(super) writer: Arc<Mutex<Writer>>,
    pub(super) errors: Arc<AtomicU64>,
    pub(super) ended: watch::Sender<Option<Ending>>,
}

impl Listener {
    /// Reads until the connection ends and says how it did.
    pub(super) async fn run(mut self) {
        let ending = self.listen().await;
        self.ended.send_replace(Some(ending));
    }

    async fn listen(&mut self) -> Ending {
        loop {
            let frame = match dial::read_frame(&mut self.reader).await {
                Ok(frame) => frame,
                Err(ending) => return ending,
            };
            match frame.opcode {
                OpCode::Ping => {
                    let mut pong = Outgoing::default();
                    pong.push_message(OpCode::Pong, &frame.payload);
                    if let Err(error) = self.writer.lock().await.write(pong.bytes()).await {
                        return Ending::Lost(error.to_string());
                    }
                }
                OpCode::Close => return self.answer_close(&frame.payload).await,
                OpCode::Text => self.hear_json(&frame.payload),
                OpCode::Binary => self.hear_frame(&frame.payload),
                OpCode::Pong | OpCode::Continuation => {}
            }
        }
    }

    /// Sends the Close back. A writer that is busy with a tick is not waited for: the server has
    /// stopped reading, so that this write might never end.
    async fn answer_close(&self, payload: &[u8]) -> Ending {
        if let Ok(mut writer) = self.writer.try_lock() {
            let mut answer = Outgoing::default();
            answer.push_message(OpCode::Close, payload);
            // The connection ends either way; the server's own code is the news.
            let _ = writer.write(answer.bytes()).await;
        }
        dial::closed(payload)
    }

    fn hear_json(&self, text: &[u8]) {
        let message: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
        if message["type"] == "error" {
            self.note_error(|| {
                let payload = message.get("payload").unwrap_or(&message);
                tracing::warn!(error = %payload, "the server answered with an error");
            });
        }
    }

    fn hear_frame(&self, bytes: &[u8]) {
        if let Ok(Payload::Error(error)) = Frame::exactly(bytes).map(|frame| frame.payload()) {
            self.note_error(|| {
                let code = error_code::name(error.code);
                tracing::warn!(code, text = error.text, "the server answered with an error");
            });
        }
    }

    fn note_error(&self, log: impl FnOnce()) {
        if self.errors.fetch_add(1, Ordering::Relaxed) < ERRORS_LOGGED_MAX {
            log();
        }
    }
}
