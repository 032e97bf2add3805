//! The demo's flock, kept flying: it comes over a real socket like anyone else.

use std::sync::Arc;

use agnt_outbound::{ShownCertificate, Tls, Trust};

use super::Server;
use crate::publish::demo::{self, Entrance};

/// The client's name that it publishes under.
const NAME: &str = "agnt-demo";

impl Server {
    /// Has so many agents fly in it, so many ticks a second, until it drains. Where clients must have a
    /// certificate, the flock shows this one.
    pub fn fly(&mut self, agents: u32, hz: u32, shown: Option<ShownCertificate>) {
        let (url, encryption) = (self.url(), self.encryption.clone());
        let credential = self.publisher_credential(NAME);
        // Both may be others at the next connection.
        let entrance = move || Entrance {
            tls: Tls {
                trust: encryption.as_ref().map_or(Trust::System, |encryption| {
                    Trust::Certificate(encryption.certificate())
                }),
                shown: shown.clone(),
            },
            credential: credential(),
        };
        let entrance = Arc::new(entrance);
        let stop = self.stop_accepting.clone();
        self.background.lasting("flock", move || {
            let (url, entrance, stop) = (url.clone(), Arc::clone(&entrance), stop.subscribe());
            async move {
                let flown = demo::run(
                    &url,
                    agents as usize,
                    f64::from(hz),
                    &*entrance,
                    stop.clone(),
                );
                match flown.await {
                    // It ends with the server, and by no mistake.
                    Ok(()) if *stop.borrow() => std::future::pending().await,
                    Ok(()) => {}
                    Err(error) => tracing::error!(%error, "the flock can't fly"),
                }
            }
        });
    }
}
