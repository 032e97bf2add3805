//! A publisher's connection to a server: handshake, ticks out, answers in.
//!
//! Invariants:
//! - the read half has its own task, because a read of the WebSocket library that is dropped
//!   half-way loses bytes; that task answers pings and notices errors and the end;
//! - a write is finished or the connection counts as torn: nothing follows half a message;
//! - nothing is queued here: a write that the server doesn't take is awaited, so that TCP slows
//!   the publisher.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fmt, io};

use agnt_codec::{
    AgentPosition, Emit, Flags, HEADER_BYTES, Metadata, PAYLOAD_BYTES_MAX, POSITIONS_PER_FRAME_MAX,
    PositionUpdate, StateBatchOut, StateCode, StateRecord,
};
use agnt_outbound::WriteHalf;
use fastwebsockets::OpCode;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::client_error::{ClientError, Ending};
use super::dial::{self, Reader};
use super::endpoint::Endpoint;
use super::listener::Listener;
use super::outgoing::Outgoing;

/// How long connecting, the upgrade and the handshake may take together.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long a server may take to answer a Close.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// How long the reason of a failed write is waited for.
const REASON_MAX: Duration = Duration::from_millis(500);

/// Waiting messages are written when they take this many bytes, or when their tick is complete.
const WRITE_BYTES: usize = 256 * 1024;

/// Bytes that a state batch takes before its first record.
const STATE_HEAD_BYTES: usize = HEADER_BYTES + 4;

/// A session with the role `publisher`.
#[derive(Debug)]
pub struct Publisher {
    session_id: String,
    heartbeat: Duration,
    heartbeat_due: Instant,
    outgoing: Outgoing,
    writer: Arc<Mutex<Writer>>,
    ending: watch::Receiver<Option<Ending>>,
    errors: Arc<AtomicU64>,
    bytes_sent: u64,
    listening: JoinHandle<()>,
}

/// The write half, shared with the task that answers pings.
pub(super) struct Writer {
    socket: WriteHalf,
    /// Whether a write was begun and not finished.
    torn: bool,
}

impl fmt::Debug for Writer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Writer")
            .field("torn", &self.torn)
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(socket: WriteHalf) -> Self {
        Self {
            socket,
            torn: false,
        }
    }

    /// Writes all of `bytes`. A write that is dropped half-way tears the connection.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.torn {
            return Err(io::Error::other("an earlier message was cut off half-way"));
        }
        self.torn = true;
        self.socket.write_all(bytes).await?;
        // TLS may hold back what the kernel had no room for.
        self.socket.flush().await?;
        self.torn = false;
        Ok(())
    }
}

impl Publisher {
    /// Connects and shakes hands as `client_id` with the role `publisher`, within 10 seconds.
    pub async fn connect(endpoint: &Endpoint, client_id: &str) -> Result<Self, ClientError> {
        timeout(
            CONNECT_MAX,
            Self::connect_without_limit(endpoint, client_id),
        )
        .await
        .map_err(|_| ClientError::Timeout {
            seconds: CONNECT_MAX.as_secs(),
        })?
    }

    async fn connect_without_limit(
        endpoint: &Endpoint,
        client_id: &str,
    ) -> Result<Self, ClientError> {
        let (mut reader, socket): (Reader, WriteHalf) = dial::dial(endpoint).await?;
        let mut writer = Writer::new(socket);
        let credential = endpoint.credential.as_ref();
        let ack = dial::shake_hands(&mut reader, &mut writer, client_id, credential).await?;
        let writer = Arc::new(Mutex::new(writer));
        let errors = Arc::new(AtomicU64::new(0));
        let (ended, ending) = watch::channel(None);
        let listener = Listener {
            reader,
            writer: writer.clone(),
            errors: errors.clone(),
            ended,
        };
        let heartbeat = Duration::from_millis(ack.heartbeat_ms);
        Ok(Self {
            session_id: ack.session_id,
            heartbeat,
            heartbeat_due: Instant::now() + heartbeat,
            outgoing: Outgoing::default(),
            writer,
            ending,
            errors,
            bytes_sent: 0,
            listening: tokio::spawn(listener.run()),
        })
    }

    /// The id that the server gave this session.
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// Errors that the server has answered with so far; each was logged as a warning.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Bytes written so far, WebSocket headers included, pongs not.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// Publishes one tick: as many `POSITION_UPDATE` frames as the records need, a WebSocket
    /// message each, the flag MORE on all but the last. Returns the number of frames; no records
    /// are no frame.
    ///
    /// Returns when the kernel has taken everything. Dropping the future tears the connection.
    pub async fn publish_tick(&mut self, records: &[AgentPosition]) -> Result<u64, ClientError> {
        let mut frames = records.chunks(POSITIONS_PER_FRAME_MAX).peekable();
        let mut published = 0;
        while let Some(frame) = frames.next() {
            let flags = if frames.peek().is_some() {
                Flags::MORE
            } else {
                Flags::NONE
            };
            self.push(&PositionUpdate { records: frame }, flags).await?;
            published += 1;
        }
        self.write_out().await?;
        Ok(published)
    }

    /// Publishes states: as many `STATE_BATCH` frames as the records need, each a tick of its own.
    pub async fn publish_states(&mut self, records: &[StateRecord<'_>]) -> Result<(), ClientError> {
        let mut rest = records;
        while !rest.is_empty() {
            let mut frame_bytes = STATE_HEAD_BYTES;
            let fitting = rest
                .iter()
                .take_while(|record| {
                    frame_bytes += record.encoded_bytes();
                    frame_bytes <= HEADER_BYTES + PAYLOAD_BYTES_MAX
                })
                .count();
            // A record that fits into no frame is tried alone, so that the codec names the mistake.
            let (batch, after) = rest.split_at(fitting.max(1));
            self.push(&StateBatchOut { records: batch }, Flags::NONE)
                .await?;
            rest = after;
        }
        self.write_out().await
    }

    /// Says who agents are: a busy state with the metadata `{"name":...,"type":...}` for each of
    /// the ids and names.
    pub async fn introduce<'a>(
        &mut self,
        agents: impl IntoIterator<Item = (u32, &'a str)>,
        agent_type: &str,
    ) -> Result<(), ClientError> {
        let named: Vec<(u32, String)> = agents
            .into_iter()
            .map(|(id, name)| {
                (
                    id,
                    serde_json::json!({"name": name, "type": agent_type}).to_string(),
                )
            })
            .collect();
        let records: Vec<StateRecord<'_>> = named
            .iter()
            .map(|(id, json)| StateRecord {
                id: *id,
                state: StateCode::BUSY,
                metadata: Some(Metadata::Json(json)),
            })
            .collect();
        self.publish_states(&records).await
    }

    /// Waits until `until`, saying a heartbeat when it is due; fails when the connection ends.
    pub async fn rest_until(&mut self, until: Instant) -> Result<(), ClientError> {
        loop {
            if let Some(ending) = &*self.ending.borrow_and_update() {
                return Err(ClientError::Ended(ending.clone()));
            }
            if Instant::now() >= self.heartbeat_due {
                self.outgoing
                    .push_message(OpCode::Text, dial::heartbeat().as_bytes());
                self.write_out().await?;
            }
            let wake = until.min(self.heartbeat_due);
            tokio::select! {
                () = sleep_until(wake) => {
                    if wake == until {
                        return Ok(());
                    }
                }
                _ = self.ending.changed() => {}
            }
        }
    }

    /// Says Close 1000 behind everything that was published and waits for the server's answer, so
    /// that nothing of it is lost on the way; fails if the answer is another code or none.
    pub async fn close(mut self) -> Result<(), ClientError> {
        self.outgoing.push_close(1000, "");
        self.write_out().await?;
        match self.ended(CLOSE_MAX).await {
            Some(Ending::Closed { code: 1000, .. }) => Ok(()),
            Some(ending) => Err(ClientError::Ended(ending)),
            None => Err(ClientError::Timeout {
                seconds: CLOSE_MAX.as_secs(),
            }),
        }
    }

    /// Waits at most `limit` for the end of the connection.
    async fn ended(&mut self, limit: Duration) -> Option<Ending> {
        let ended = self.ending.wait_for(Option::is_some);
        timeout(limit, ended).await.ok()?.ok()?.clone()
    }

    async fn push(&mut self, frame: &impl Emit, flags: Flags) -> Result<(), ClientError> {
        self.outgoing.push_frame(frame, flags)?;
        if self.outgoing.bytes().len() >= WRITE_BYTES {
            self.write_out().await?;
        }
        Ok(())
    }

    async fn write_out(&mut self) -> Result<(), ClientError> {
        if self.outgoing.bytes().is_empty() {
            return Ok(());
        }
        let written = self.writer.lock().await.write(self.outgoing.bytes()).await;
        if let Err(error) = written {
            // A server that closes says why before the write fails; that is the better answer.
            return Err(match self.ended(REASON_MAX).await {
                Some(ending) => ClientError::Ended(ending),
                None => ClientError::Write(error),
            });
        }
        self.bytes_sent += self.outgoing.bytes().len() as u64;
        self.outgoing.clear();
        self.heartbeat_due = Instant::now() + self.heartbeat;
        Ok(())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[cfg(test)]
#[path = "tests/client.rs"]
mod tests;
