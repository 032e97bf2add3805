//! A request over a real connection: to an address that was checked, and to no other.
//!
//! Each attempt looks the name up once, has every address judged, and connects to one of those:
//! between the check and the connection nobody can change what the name means. There is no proxy,
//! no pool, no redirect, and no other way out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::exchange::{Exchange, Reply};
use crate::fault::Fault;
use crate::host::Host;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::resolver::{Boxed, Resolve};
use crate::target::Target;

/// A name may have many addresses; all are judged, so many are tried.
const ADDRESSES_TRIED_MAX: usize = 4;

/// hyper reads heads into a buffer that can't be smaller.
const HEAD_BUFFER_BYTES_MIN: usize = 8192;

/// Real connections.
pub(crate) struct Wire {
    pub(crate) policy: Arc<Policy>,
    pub(crate) resolver: Arc<dyn Resolve>,
    /// None as long as nothing may leave.
    pub(crate) tls: Option<TlsConnector>,
    pub(crate) limits: Limits,
}

impl Exchange for Wire {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        request: Request<Full<Bytes>>,
    ) -> Boxed<'a, Result<Reply, Fault>> {
        Box::pin(async move {
            let asked = self.ask(target, request, Fate::ThrownAway).await;
            asked.map(|(reply, _)| reply)
        })
    }
}

/// What becomes of a reply's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    ThrownAway,
    Kept,
}

impl Wire {
    /// One request and its reply; the body if it is to be kept and came whole within the bounds.
    pub(crate) async fn ask(
        &self,
        target: &Target,
        request: Request<Full<Bytes>>,
        fate: Fate,
    ) -> Result<(Reply, Option<Bytes>), Fault> {
        let deadline = Instant::now() + Duration::from_millis(self.limits.attempt_ms);
        let in_time = timeout_at(deadline, self.connect(target, deadline));
        let stream = in_time.await.map_err(|_| Fault::TimedOut)??;
        if !target.is_encrypted() {
            return self.talk(stream, (request, fate), deadline).await;
        }
        let connector = self.tls.as_ref().ok_or(Fault::Insecure)?;
        let name = server_name(target.host())?;
        let handshake = timeout_at(deadline, connector.connect(name, stream));
        let stream = handshake
            .await
            .map_err(|_| Fault::TimedOut)?
            .map_err(|error| {
                tracing::debug!(%error, host = target.authority(), "no TLS connection");
                Fault::Insecure
            })?;
        self.talk(stream, (request, fate), deadline).await
    }

    async fn connect(&self, target: &Target, deadline: Instant) -> Result<TcpStream, Fault> {
        let found = match target.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolver.resolve(name).await.map_err(|error| {
                tracing::debug!(%error, name, "no address");
                Fault::Unresolved
            })?,
        };
        let checked = self.policy.checked_addresses(target, &found)?;
        if checked.is_empty() {
            return Err(Fault::Unresolved);
        }
        connect_to_any(&checked, deadline).await
    }

    /// Sends the request and reads the reply's head; of its body only so much that a receiver
    /// which writes a little is not cut off.
    async fn talk<Stream>(
        &self,
        stream: Stream,
        (request, fate): (Request<Full<Bytes>>, Fate),
        deadline: Instant,
    ) -> Result<(Reply, Option<Bytes>), Fault>
    where
        Stream: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(self.limits.reply_head_bytes_max.max(HEAD_BUFFER_BYTES_MIN))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Fault::Lost)?;
        let talk = async move {
            let reply = timeout_at(deadline, sender.send_request(request));
            let reply = reply.await.map_err(|_| Fault::TimedOut)?.map_err(|error| {
                tracing::debug!(%error, "no reply");
                if error.is_parse() {
                    Fault::Malformed
                } else {
                    Fault::Lost
                }
            })?;
            let (head, body) = reply.into_parts();
            let read = timeout_at(deadline, read(body, fate, self.limits.reply_bytes_max)).await;
            // Where the status decides, how the body ends changes nothing.
            let body = read.ok().flatten().filter(|_| fate == Fate::Kept);
            Ok((Reply::new(head.status.as_u16(), &head.headers), body))
        };
        // The connection moves the bytes of the talk. It may end first, then the talk has them all.
        let carry = async move {
            let _ = connection.await;
            std::future::pending().await
        };
        tokio::select! {
            reply = talk => reply,
            reply = carry => reply,
        }
    }
}

/// Reads a body, at most so far. It is nothing if it broke off or went on.
async fn read(mut body: Incoming, fate: Fate, bytes_max: usize) -> Option<Bytes> {
    let (mut kept, mut read_bytes) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.ok()?;
        let data = frame.data_ref().map_or(&[][..], |data| &data[..]);
        read_bytes += data.len();
        if read_bytes >= bytes_max {
            return None;
        }
        if fate == Fate::Kept {
            kept.extend_from_slice(data);
        }
    }
    Some(kept.into())
}

/// Tries the addresses in turn; each gets its share of the time, and one share stays for the talk.
async fn connect_to_any(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Fault> {
    let tried = addresses.len().min(ADDRESSES_TRIED_MAX);
    let mut fault = Fault::Unreachable;
    for (index, address) in addresses[..tried].iter().enumerate() {
        let shares = u32::try_from(tried - index + 1).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / shares;
        fault = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // One small request: waiting for more to send with it would only cost time.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, %address, "no connection");
                Fault::Unreachable
            }
            Err(_) => Fault::TimedOut,
        };
    }
    Err(fault)
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Fault> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Fault::Insecure),
        Host::Address(address) => Ok(ServerName::from(*address)),
    }
}
