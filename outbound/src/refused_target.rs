//! Why a URL is not called.

use std::net::IpAddr;

use crate::address::AddressKind;
use crate::target::URL_BYTES_MAX;

/// Why a URL is not called. The text is fit for whoever gave the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedTarget {
    /// It is too long.
    #[error("a URL of {length_bytes} bytes is not allowed; allowed: {URL_BYTES_MAX}")]
    TooLong {
        /// How long it is.
        length_bytes: usize,
    },
    /// It has a letter that is none of a URL's, or begins a fragment.
    #[error("{letter:?} is not allowed; allowed: printable ASCII without \\ ^ ` {{ }} | < > \" #")]
    Letter {
        /// The first such letter.
        letter: char,
    },
    /// It has no scheme or no host.
    #[error("the URL is not absolute; allowed: http://HOST/... and https://HOST/...")]
    NotAbsolute,
    /// It is not for HTTP.
    #[error("the scheme {scheme:?} is not allowed; allowed: http and https")]
    Scheme {
        /// Its scheme.
        scheme: String,
    },
    /// It names a user.
    #[error("a user before the host is not allowed; allowed: a host and a port")]
    Userinfo,
    /// Its host is not in plain form.
    #[error("the host {host:?} is not allowed: {reason}")]
    Host {
        /// The host as given.
        host: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Its port is none.
    #[error("the port {port:?} is not allowed; allowed: 1 to 65535, without zeros before it")]
    Port {
        /// The port as given.
        port: String,
    },
    /// No entry of the allow-list admits it.
    #[error("{host:?} at port {port} is not allowed; allowed: what the operator has listed")]
    Unlisted {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// It leads, at once or by its name, to an address that is not allowed.
    #[error("it leads to {kind}, which is not allowed; allowed: what the operator has listed")]
    Address {
        /// The address, for the operator: the text leaves it out, so that nobody learns by a URL
        /// which addresses names have inside.
        address: IpAddr,
        /// Its kind.
        kind: AddressKind,
    },
    /// It leads back to this server.
    #[error("{host:?} at port {port} is this server, which doesn't call itself; allowed: a path")]
    OwnServer {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
    },
}
