//! The certificate's upkeep: read again on demand, and when its files change.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::encryption::Encryption;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Keeps the certificate up to date; never returns. `asked` has news when the files are to be read
/// again, changed or not.
pub async fn keep_certificate(encryption: Arc<Encryption>, mut asked: watch::Receiver<u64>) {
    if !encryption.has_files() {
        // There is nothing to look after, and nobody is to take that for a failure.
        return std::future::pending().await;
    }
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stamp = encryption.stamp();
    let mut can_be_asked = true;
    loop {
        let is_asked = tokio::select! {
            _ = look.tick() => false,
            news = asked.changed(), if can_be_asked => {
                can_be_asked = news.is_ok();
                can_be_asked
            }
        };
        // Before the files are read: what changes meanwhile is seen at the next look.
        let now = encryption.stamp();
        if is_asked || now != stamp {
            stamp = now;
            let encryption = Arc::clone(&encryption);
            // Reading files blocks. A panic in it leaves the old certificate, like any failure.
            let renewing = tokio::task::spawn_blocking(move || encryption.renew()).await;
            if let Err(error) = renewing {
                tracing::error!(%error, "the certificate was not replaced");
            }
        }
    }
}
