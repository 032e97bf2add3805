//! A connection that speaks HTTP, as far as every request on it is concerned.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;

use super::http::{self, Site};
use super::reply::Reply;
use crate::guard::PeerCertificate;

/// The connection; see the module.
#[derive(Debug)]
pub(super) struct Visit {
    /// What every connection shares.
    pub(super) site: Arc<Site>,
    /// Where it comes from.
    pub(super) peer: IpAddr,
    /// What its client has shown in the TLS handshake, if anything.
    pub(super) certificate: Option<PeerCertificate>,
}

impl Visit {
    /// Answers one of its requests.
    pub(super) fn answer(&self, mut request: Request<Incoming>) -> Reply {
        if let Some(certificate) = &self.certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        http::serve(&self.site, self.peer, request)
    }
}
