//! A certificate for trying out: made in memory, signed with its own key, gone with the process.

use std::net::{IpAddr, SocketAddr};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsError;

/// A certificate and its key.
#[derive(Debug)]
pub struct SelfSigned {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl SelfSigned {
    /// Made for this machine's own names, the address that is listened on and `host`, if there is one.
    pub(super) fn new(listen: SocketAddr, host: Option<&str>) -> Result<Self, TlsError> {
        let mut names = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        let address: IpAddr = listen.ip();
        let more = (!address.is_unspecified()).then(|| address.to_string());
        for name in more.into_iter().chain(host.map(str::to_owned)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "AGNT, self-signed");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // It lives no longer than the process; the dates only have to be around today's.
        params.not_before = date_time_ymd(2025, 1, 1);
        params.not_after = date_time_ymd(2099, 12, 31);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.into(),
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        })
    }
}
