//! Where an issuer says that its keys are (OIDC Discovery 1.0).

use serde::Deserialize;

use crate::compact::from_object;
use crate::refusal::Shown;

/// The largest document that is read.
pub const DISCOVERY_BYTES_MAX: usize = 64 * 1024;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Why what an issuer says isn't taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryFault {
    /// It is larger than any sensible document.
    #[error("discovery: {0} bytes; {DISCOVERY_BYTES_MAX} are allowed")]
    Bytes(usize),
    /// It isn't such a document.
    #[error("discovery: not a JSON object with the texts issuer and jwks_uri")]
    Form,
    /// It is that of another issuer.
    #[error("discovery: it is of the issuer '{0}', not of the one that is trusted")]
    Issuer(Shown),
    /// Its keys would come in the clear, where anybody could change them.
    #[error("discovery: jwks_uri '{0}' is not https, as the issuer is")]
    Scheme(Shown),
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// Where the document of an issuer is.
pub(crate) fn discovery_url(issuer: &str) -> String {
    format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'))
}

/// Where the issuer's keys are, as its document says.
pub(crate) fn jwks_url(issuer: &str, text: &[u8]) -> Result<String, DiscoveryFault> {
    if text.len() > DISCOVERY_BYTES_MAX {
        return Err(DiscoveryFault::Bytes(text.len()));
    }
    let document = from_object(text.trim_ascii_start());
    let document: Document = document.map_err(|_| DiscoveryFault::Form)?;
    if document.issuer != issuer {
        return Err(DiscoveryFault::Issuer(Shown::of(&document.issuer)));
    }
    let url = document.jwks_uri;
    // An issuer without TLS is the operator's own choice, and then so are its keys.
    let is_plain = url.starts_with("http://") && issuer.starts_with("http://");
    match url.starts_with("https://") || is_plain {
        true => Ok(url),
        false => Err(DiscoveryFault::Scheme(Shown::of(&url))),
    }
}
