//! TLS as the configuration wishes it.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::config::{ClientAuth, Config};
use crate::net::tls::{ClientAuthorities, Encryption, HandshakeBounds, Source, TlsError};
use crate::telemetry::Metrics;

/// TLS, if it is spoken.
pub(super) fn encryption(
    config: &Config,
    metrics: &Arc<Metrics>,
) -> Result<Option<Arc<Encryption>>, StartError> {
    let Some(source) = source(config)? else {
        return Ok(None);
    };
    let bounds = HandshakeBounds {
        within: Duration::from_millis(config.tls_handshake_ms),
        under_way_max: config.tls_handshakes_max,
    };
    let encryption = Encryption::start(source, bounds, Arc::clone(metrics))?;
    Ok(Some(Arc::new(encryption)))
}

/// Files that are open beside those of connections, for handshakes that are no connections yet.
pub(super) fn files(config: &Config) -> u64 {
    match config.has_tls() {
        true => config.tls_handshakes_max as u64,
        false => 0,
    }
}

fn source(config: &Config) -> Result<Option<Source>, TlsError> {
    let clients = config.tls_client_ca.clone().map(|file| ClientAuthorities {
        file,
        is_required: config.tls_client_auth == ClientAuth::Required,
    });
    if let (Some(certificate), Some(key)) = (config.tls_cert.clone(), config.tls_key.clone()) {
        return Ok(Some(Source::Files {
            certificate,
            key,
            clients,
        }));
    }
    if !config.tls_self_signed {
        return Ok(None);
    }
    let host = public_host(config);
    Source::self_signed(config.listen, host.as_deref(), clients).map(Some)
}

/// The name or address in `public_url`.
fn public_host(config: &Config) -> Option<String> {
    let url: hyper::Uri = config.public_url.as_deref()?.parse().ok()?;
    let host = url.host()?;
    Some(host.trim_matches(['[', ']']).to_owned())
}
