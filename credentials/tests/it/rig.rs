//! The keys and tokens of `tests/vectors/`, and a verifier that trusts some of them.

use std::path::PathBuf;

use agnt_credentials::{TokenKey, TokenKeys, TokenPolicy, TokenVerifier};
use serde_json::{Map, Value};

/// When the tokens were made, but for some seconds.
pub(crate) const NOW_S: u64 = 1_800_000_000;

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const OTHER_ISSUER: &str = "https://other.example";

pub(crate) fn vector(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::fs::read(folder.join(name)).unwrap()
}

/// A group of tokens by name.
pub(crate) fn tokens(pointer: &str) -> Map<String, Value> {
    let all: Value = serde_json::from_slice(&vector("tokens.json")).unwrap();
    all.pointer(pointer).unwrap().as_object().unwrap().clone()
}

pub(crate) fn good(name: &str) -> Vec<u8> {
    tokens("/good")[name].as_str().unwrap().as_bytes().to_vec()
}

/// The secret of the tokens with HS256: the bytes 0 to 31.
pub(crate) fn secret() -> [u8; 32] {
    std::array::from_fn(|index| index as u8)
}

pub(crate) fn public_key(file: &str, id: &str) -> TokenKey {
    let mut keys = TokenKey::from_pem(&vector(&format!("{file}.pub.pem"))).unwrap();
    assert_eq!(keys.len(), 1);
    keys.remove(0).with_id(id).unwrap()
}

pub(crate) fn keys() -> TokenKeys {
    TokenKeys::new([
        public_key("rsa", "rsa"),
        public_key("es", "es"),
        public_key("es_other", "es2"),
        public_key("ed", "ed"),
        TokenKey::from_secret(&secret())
            .unwrap()
            .with_id("hs")
            .unwrap(),
    ])
    .unwrap()
}

pub(crate) fn policy(issuer: &str) -> TokenPolicy {
    TokenPolicy {
        issuer: Some(issuer.to_owned()),
        audiences: vec!["agnt".to_owned(), "agnt-test".to_owned()],
        scopes: ["read", "publish", "admin"].map(str::to_owned).to_vec(),
        ..TokenPolicy::default()
    }
}

pub(crate) fn verifier() -> TokenVerifier {
    let other = TokenKeys::new([public_key("ed_other", "other")]).unwrap();
    let trusts = vec![(policy(ISSUER), keys()), (policy(OTHER_ISSUER), other)];
    TokenVerifier::new(trusts).unwrap()
}
