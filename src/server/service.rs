//! The service manager that started the process, systemd or one that speaks as it does: the socket
//! that it hands over, and what it is told.
//!
//! Without one, nothing here does anything.

use std::env;
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::net::http::{Site, lost};

/// Where it listens, and how often it wants to hear.
#[derive(Clone, Debug)]
pub(super) struct Service {
    ear: Option<Arc<(UnixDatagram, SocketAddr)>>,
    watchdog: Option<Duration>,
}

impl Service {
    /// The one that the environment names.
    pub(super) fn of_environment() -> Self {
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let is_meant =
            number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|&us| us > 0 && is_meant);
        let ear = env::var("NOTIFY_SOCKET").ok().and_then(|name| {
            let opened = open(&name);
            if let Err(error) = &opened {
                tracing::warn!(%error, "NOTIFY_SOCKET can't be used; nobody is told");
            }
            opened.ok()
        });
        Self {
            ear: ear.map(Arc::new),
            watchdog: watchdog.map(Duration::from_micros),
        }
    }

    /// Tells it how the server stands, as in `READY=1`.
    pub(super) fn tell(&self, state: &str) {
        if let Some((socket, address)) = self.ear.as_deref()
            && let Err(error) = socket.send_to_addr(state.as_bytes(), address)
        {
            tracing::debug!(%error, state, "the service manager was not told");
        }
    }

    /// How often it must hear that the server lives, if at all.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.ear.is_some())
    }

    /// Tells it for ever that the server lives, as long as it does: as long as each event loop answers
    /// and every part runs that must run for ever. What comes back by itself, as memory does, is no
    /// reason to end it.
    pub(super) async fn keep_alive(self, within: Duration, site: Arc<Site>) {
        // Twice as often as it must be, so that one late turn is no death.
        let mut tick = tokio::time::interval((within / 2).max(Duration::from_millis(1)));
        loop {
            tick.tick().await;
            let answered = tokio::time::timeout(within, site.loops.answer()).await;
            let is_draining = site.is_draining.load(Ordering::Relaxed);
            let lacks = lost(&site).filter(|_| !is_draining);
            match (answered, lacks) {
                (Ok(true), None) => self.tell("WATCHDOG=1"),
                (_, lacks) => {
                    let lacks = lacks
                        .unwrap_or("an event loop does not answer\n")
                        .trim_end();
                    tracing::error!(
                        lacks,
                        "the service manager is not told that the server lives"
                    );
                }
            }
        }
    }
}

fn open(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// The socket that was handed over, if one was.
pub(super) fn handed_listener() -> io::Result<Option<TcpListener>> {
    let listener = listenfd::ListenFd::from_env().take_tcp_listener(0)?;
    if let Some(listener) = &listener {
        listener.set_nonblocking(true)?;
    }
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::super::site;
    use super::*;
    use crate::config::Config;
    use crate::domain::{Bound, Room};
    use crate::net::http::missing;

    #[tokio::test]
    async fn a_server_that_is_short_of_memory_lives_and_one_that_lost_a_part_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("notify");
        let ear = tokio::net::UnixDatagram::bind(&name).unwrap();
        let service = Service {
            ear: Some(Arc::new(open(name.to_str().unwrap()).unwrap())),
            watchdog: None,
        };
        let config = Config {
            memory_max: Bound::At(64 << 20),
            loops: 1,
            ..Config::default()
        };
        let site = Arc::new(site(&config, Arc::default()).unwrap());
        assert_eq!(site.room.note(1 << 40), Room::None);
        let told = service.keep_alive(Duration::from_secs(1), Arc::clone(&site));
        let telling = tokio::spawn(told);
        let mut text = [0; 64];
        for _ in 0..2 {
            let heard = tokio::time::timeout(Duration::from_mins(1), ear.recv(&mut text));
            let bytes = heard.await.expect("it is told").unwrap();
            assert_eq!(&text[..bytes], b"WATCHDOG=1");
        }
        assert!(missing(&site).is_some() && lost(&site).is_none());
        telling.abort();
        site.loops.stop().await;
        site.encoder.end();
        let gone = async {
            while lost(&site).is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_mins(1), gone).await;
        assert!(gone.is_ok(), "a part has ended");
    }
}
