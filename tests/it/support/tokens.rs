//! Tokens that the server's own code has no part in: claims put together by hand, signed by ring with
//! keys that OpenSSL made.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use agnt::config::Config;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{hmac, rand};
use serde_json::{Value, json};

use super::http;
use super::rest::Rest;
use super::server::TestServer;
use super::ws::Client;

/// Whom the tokens are for.
pub(crate) const AUDIENCE: &str = "agnt-test";

/// Who makes them.
pub(crate) const ISSUER: &str = "https://issuer.example";

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    Rs256,
    Es256,
    EdDsa,
    /// By a key that the server doesn't know.
    OtherEs256,
    /// By HMAC with the server's public key for a secret: the classical confusion.
    Hs256WithPublicKey,
    /// Not at all.
    None,
}

/// A file of keys that the tests of the credentials made with OpenSSL.
pub(crate) fn key_file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("credentials/tests/vectors");
    folder.join(name)
}

fn der(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(key_file(name)).unwrap();
    let digits: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(digits).unwrap()
}

/// A server that takes the tokens of the issuer.
pub(crate) fn server() -> TestServer {
    server_with(|_| {})
}

/// The same with other settings.
pub(crate) fn server_with(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::with(|config| {
        let keys = ["rsa.pub.pem", "es.pub.pem", "ed.pub.pem"].map(key_file);
        let keys = keys.map(|path| path.to_str().unwrap().to_owned()).join(",");
        set(config, "jwt_key", &keys);
        set(config, "jwt_issuer", ISSUER);
        set(config, "jwt_audience", AUDIENCE);
        set(config, "rate_limit", "0");
        change(config);
    })
}

/// Sets a setting as a flag does.
pub(crate) fn set(config: &mut Config, key: &str, value: &str) {
    let setting = agnt::config::Setting::of_key(key).unwrap();
    assert!(setting.apply(config, value), "{key}: {value}");
}

pub(crate) fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// The claims of a good token.
pub(crate) fn claims(subject: &str, scopes: &[&str]) -> Value {
    let mut id = [0; 8];
    rand::SecureRandom::fill(&SystemRandom::new(), &mut id).unwrap();
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now_s(),
        "exp": now_s() + 600,
        "jti": URL_SAFE_NO_PAD.encode(id),
        "scope": scopes.join(" "),
    })
}

/// A token of these claims.
pub(crate) fn sign(claims: &Value, how: Signed) -> String {
    sign_by(None, claims, how)
}

/// A token of these claims that names the key which it is signed by.
pub(crate) fn sign_by(key_id: Option<&str>, claims: &Value, how: Signed) -> String {
    let algorithm = match how {
        Signed::Rs256 => "RS256",
        Signed::Es256 | Signed::OtherEs256 => "ES256",
        Signed::EdDsa => "EdDSA",
        Signed::Hs256WithPublicKey => "HS256",
        Signed::None => "none",
    };
    let mut header = json!({ "alg": algorithm, "typ": "JWT" });
    if let Some(id) = key_id {
        header["kid"] = id.into();
    }
    let parts = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = parts.join(".");
    let signature = URL_SAFE_NO_PAD.encode(signature(message.as_bytes(), how));
    format!("{message}.{signature}")
}

fn signature(message: &[u8], how: Signed) -> Vec<u8> {
    let randomness = SystemRandom::new();
    let es256 = |name: &str| {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &der(name), &randomness).unwrap();
        pair.sign(&randomness, message).unwrap().as_ref().to_vec()
    };
    match how {
        Signed::Rs256 => {
            let pair = RsaKeyPair::from_pkcs8(&der("rsa.pem")).unwrap();
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &randomness, message, &mut signature)
                .unwrap();
            signature
        }
        Signed::Es256 => es256("es.pem"),
        Signed::OtherEs256 => es256("es_other.pem"),
        Signed::EdDsa => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der("ed.pem")).unwrap();
            pair.sign(message).as_ref().to_vec()
        }
        Signed::Hs256WithPublicKey => {
            let public = std::fs::read(key_file("rsa.pub.pem")).unwrap();
            let key = hmac::Key::new(hmac::HMAC_SHA256, &public);
            hmac::sign(&key, message).as_ref().to_vec()
        }
        Signed::None => Vec::new(),
    }
}

/// A good token.
pub(crate) fn good(subject: &str, scopes: &[&str]) -> String {
    sign(&claims(subject, scopes), Signed::Es256)
}

/// The header line that shows it.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Everything that a session may need.
pub(crate) const ALL: &[&str] = &["read", "publish", "control", "agents", "tasks"];

/// Who may do everything.
pub(crate) fn operator(server: &TestServer) -> Rest {
    let mut rest = Rest::to(server.address);
    rest.headers = bearer(&good("operator", &["admin"]));
    rest
}

/// A session, or the status with which it was refused.
pub(crate) fn upgrade(server: &TestServer, target: &str, header: &str) -> Result<Client, u16> {
    let socket = http::open(server.address);
    Client::try_upgrade(socket, target, header, &[]).map_err(|answer| answer.status)
}

/// The first message of a session.
pub(crate) fn handshake(token: Option<&str>, role: &str) -> String {
    let mut message = json!({"type": "handshake", "version": "1.0.0", "role": role,
        "capabilities": ["binary"]});
    if let Some(token) = token {
        message["token"] = token.into();
    }
    message.to_string()
}
