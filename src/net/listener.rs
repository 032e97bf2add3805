//! The accept loop: a place first, then a task per connection that speaks HTTP.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::admission::{Crowded, Permit};
use super::http::Site;
use super::tls::{Encryption, Place};
use super::visit::Visit;
use super::{http1, http2};
use crate::guard::PeerCertificate;
use crate::telemetry::RefusalReason;

/// How long a client may take nothing of an answer before it loses its place. The kernel counts it,
/// for whoever speaks HTTP; sessions have bounds of their own.
const UNTAKEN_MAX: Duration = Duration::from_secs(30);

/// The wait after an accept that failed; doubled each time up to a second.
const BACKOFF_MIN: Duration = Duration::from_millis(5);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
      Content-Length: 0\r\nConnection: close\r\n\r\n";

const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n\
      Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Accepts until `shutdown` says so. Every accepted request is answered before its task ends. With
/// `encryption` nothing but TLS is spoken.
pub async fn run(
    listener: TcpListener,
    site: Arc<Site>,
    encryption: Option<Arc<Encryption>>,
    notsent_lowat_bytes: u32,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut backoff = BACKOFF_MIN;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = over(&mut shutdown) => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                backoff = BACKOFF_MIN;
                if let Err(error) = tune(&socket, notsent_lowat_bytes) {
                    tracing::debug!(%error, "socket options refused");
                }
                let guest = Guest {
                    site: Arc::clone(&site),
                    peer: peer.ip(),
                    shutdown: shutdown.clone(),
                };
                match &encryption {
                    None => guest.come_in(socket),
                    Some(encryption) => {
                        let place = encryption.enter();
                        let encryption = Arc::clone(encryption);
                        tokio::spawn(guest.shake_hands(socket, encryption, place));
                    }
                }
            }
            Err(error) => {
                // Out of files, most likely: what is open goes on, new ones wait in the backlog.
                site.metrics
                    .connections_refused
                    .increment(RefusalReason::NoFiles);
                tracing::warn!(%error, "accept failed; waiting {backoff:?}");
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// Returns once the server stops accepting.
pub(super) async fn over(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is over as well.
    let _ = shutdown.wait_for(|is_over| *is_over).await;
}

/// No delay for small writes, an end for whoever takes nothing, and little that waits unsent in the
/// kernel, where it would grow old out of our reach.
fn tune(socket: &TcpStream, notsent_lowat_bytes: u32) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket2::SockRef::from(socket).set_tcp_user_timeout(Some(UNTAKEN_MAX))?;
    if notsent_lowat_bytes > 0 {
        socket2::SockRef::from(socket).set_tcp_notsent_lowat(notsent_lowat_bytes)?;
    }
    Ok(())
}

/// Whoever has connected.
struct Guest {
    site: Arc<Site>,
    peer: IpAddr,
    shutdown: watch::Receiver<bool>,
}

impl Guest {
    /// Goes on without TLS, if there is room.
    fn come_in(self, socket: TcpStream) {
        let permit = match self.admit() {
            Ok(permit) => permit,
            Err(crowded) => {
                tokio::spawn(turn_away(socket, crowded));
                return;
            }
        };
        let (visit, shutdown) = self.visit(None);
        tokio::spawn(hold(
            permit,
            http1::serve(TokioIo::new(socket), visit, shutdown),
        ));
    }

    /// Agrees on TLS first. That needs no room beside the handshake's own, so that who never
    /// finishes it takes none away from others.
    async fn shake_hands(self, socket: TcpStream, encryption: Arc<Encryption>, place: Place) {
        let Some(stream) = encryption.accept(socket, place).await else {
            return;
        };
        let (_, session) = stream.get_ref();
        let speaks_http2 = session.alpn_protocol() == Some(b"h2");
        let shown = session.peer_certificates().and_then(|chain| chain.first());
        let certificate = shown.map(|certificate| PeerCertificate::new(certificate));
        match self.admit() {
            Err(_) if speaks_http2 => {}
            Err(crowded) => turn_away(stream, crowded).await,
            Ok(permit) => {
                let (visit, shutdown) = self.visit(certificate);
                let stream = TokioIo::new(stream);
                match speaks_http2 {
                    true => hold(permit, http2::serve(stream, visit, shutdown)).await,
                    false => hold(permit, http1::serve(stream, visit, shutdown)).await,
                }
            }
        }
    }

    fn admit(&self) -> Result<Permit, Crowded> {
        let Site {
            admission,
            door,
            metrics,
            api,
            ..
        } = &*self.site;
        let address = Some(self.peer).filter(|it| !door.is_proxy(*it));
        let is_open = api.get().is_none_or(|api| api.doorkeeper.is_open());
        let is_unguarded = is_open && self.peer.to_canonical().is_loopback();
        let admitted = admission.admit_http(address, is_unguarded);
        admitted.inspect_err(|crowded| {
            metrics.connections_refused.increment(crowded.reason());
        })
    }

    fn visit(self, certificate: Option<PeerCertificate>) -> (Visit, watch::Receiver<bool>) {
        let visit = Visit {
            site: self.site,
            peer: self.peer,
            certificate,
        };
        (visit, self.shutdown)
    }
}

/// Keeps a place as long as something goes on in it.
async fn hold(permit: Permit, going_on: impl Future<Output = ()>) {
    going_on.await;
    drop(permit);
}

async fn turn_away(mut stream: impl AsyncWrite + Unpin, crowded: Crowded) {
    let answer = match crowded {
        Crowded::Server | Crowded::Memory => FULL,
        Crowded::Client(_) => TOO_MANY,
    };
    let told = async {
        stream.write_all(answer).await?;
        stream.shutdown().await
    };
    // Whether the client still listens is its own affair.
    let _ = tokio::time::timeout(Duration::from_secs(1), told).await;
}
