//! TLS: the certificate is asked for the name of the URL, whatever address that led to, and must
//! come from an authority that the operator trusts.

use std::path::PathBuf;
use std::sync::Arc;

use agnt_outbound::{Failure, Fault, Measure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::receiver::{Manner, OK, Receiver};
use crate::sender::{Names, Sender, settings, start};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A receiver on 127.0.0.1 that speaks TLS under these names; the answer is its port.
async fn receiver(names: &[&str], issuer: &CertifiedIssuer<'static, KeyPair>) -> u16 {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, issuer)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A peer that doesn't trust us leaves here.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"{}") {
                let read = stream.read_buf(&mut request).await.unwrap();
                assert!(read > 0, "the request was cut");
            }
            let _ = stream.write_all(OK.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

/// A file in the folder of the tests' own, with the authority's certificate.
fn authorities_file(name: &str, pem: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, pem).unwrap();
    path
}

fn sender(authorities_file: PathBuf, attempt_ms: u64) -> Sender {
    let mut settings = settings(&["*:*", "127.0.0.1:*"]);
    settings.authorities_file = Some(authorities_file);
    settings.limits.retries_max = 0;
    settings.limits.attempt_ms = attempt_ms;
    let names = ["hooks.example.com", "other.example.com"];
    let here = |known: Names, name: &&str| known.lead(name, &[&["127.0.0.1"]]);
    start(
        settings,
        Arc::new(names.iter().fold(Names::default(), here)),
    )
}

#[tokio::test]
async fn the_certificate_is_for_the_name_and_from_a_trusted_authority() {
    let trusted = authority();
    let names = ["hooks.example.com", "127.0.0.1"];
    let port = receiver(&names, &trusted).await;
    let sender = sender(authorities_file("trusted.pem", &trusted.pem()), 30_000);
    for host in names {
        let outcome = sender
            .deliver(&format!("https://{host}:{port}/x"), b"{}")
            .await;
        assert_eq!(outcome.result, Ok(200), "{host}");
    }
    let other_name = sender
        .deliver(&format!("https://other.example.com:{port}/x"), b"{}")
        .await;
    assert_eq!(other_name.result, Err(Failure::Fault(Fault::Insecure)));
    let failed = Measure::Failed { reason: "insecure" };
    assert!(sender.measures.lock().unwrap().contains(&failed));

    let stranger = receiver(&names, &authority()).await;
    let outcome = sender
        .deliver(&format!("https://hooks.example.com:{stranger}/x"), b"{}")
        .await;
    assert_eq!(outcome.result, Err(Failure::Fault(Fault::Insecure)));
}

#[tokio::test]
async fn a_receiver_without_tls_is_no_https() {
    let plain = Receiver::start("127.0.0.1", Manner::Writes(OK)).await;
    let sender = sender(authorities_file("plain.pem", &authority().pem()), 300);
    let url = format!("https://127.0.0.1:{}/", plain.address.port());
    let outcome = sender.deliver(&url, b"{}").await;
    assert!(outcome.result.is_err(), "{outcome:?}");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let mut settings = settings(&["*"]);
    settings.authorities_file = Some(authorities_file("empty.pem", "nothing\n"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let error = agnt_outbound::Outbound::start(settings, Arc::new(|_| {})).unwrap_err();
    assert!(error.to_string().contains("empty.pem"), "{error}");
}
