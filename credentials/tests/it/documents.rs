//! Keys as documents: what is taken from one, what is skipped, and what makes it no document.

use agnt_credentials::{Jwks, JwksFault, TokenKeys};
use serde_json::{Value, json};

use crate::rig::{keys, public_key};

fn read(keys: &Value) -> Result<Jwks, JwksFault> {
    Jwks::read(json!({ "keys": keys }).to_string().as_bytes())
}

fn jwk(file: &str) -> Value {
    public_key(file, file).to_jwk().unwrap()
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

#[test]
fn what_is_published_is_read_again() {
    let published = keys();
    let document = published.to_jwks();
    let taken = Jwks::read(document.to_string().as_bytes()).unwrap();
    assert_eq!(taken.keys.len(), 4, "all but the secret");
    assert!(taken.skipped.is_empty());
    assert_eq!(taken.keys.to_jwks(), document);
    let names: Vec<&Value> = document["keys"].as_array().unwrap().iter().collect();
    for key in names {
        let members = key.as_object().unwrap();
        assert!(
            !members.contains_key("d") && !members.contains_key("k"),
            "{key}"
        );
    }
}

#[test]
fn keys_for_other_ends_are_skipped_and_told() {
    let good = jwk("ed");
    let rows = [
        (json!({ "kty": "oct", "k": "AAAA" }), "a secret, published"),
        (
            with(jwk("rsa"), "d", json!("AAAA")),
            "a private key, published",
        ),
        (with(jwk("rsa"), "use", json!("enc")), "not for verifying"),
        (
            with(jwk("rsa"), "key_ops", json!(["sign"])),
            "not for verifying",
        ),
        (
            with(jwk("rsa"), "alg", json!("RS512")),
            "an algorithm that is not taken",
        ),
        (
            with(jwk("rsa"), "alg", json!("HS256")),
            "an algorithm that is not taken",
        ),
        (with(jwk("es"), "crv", json!("P-384")), "a kind of key"),
        (with(jwk("ed"), "crv", json!("X25519")), "a kind of key"),
        (with(jwk("rsa"), "kty", json!("RSB")), "a kind of key"),
        (
            with(jwk("rsa"), "n", json!("AQAB")),
            "an RSA key of 17 bits",
        ),
        (
            with(jwk("rsa"), "e", json!("AQ")),
            "weak or oversized exponent",
        ),
        (
            with(jwk("rsa"), "e", json!("Ag")),
            "weak or oversized exponent",
        ),
        (
            with(jwk("rsa"), "e", json!("AgAAAAE")),
            "weak or oversized exponent",
        ),
        (with(jwk("rsa"), "e", json!("AQAB==")), "not base64url"),
        (
            with(jwk("es"), "x", json!("AA")),
            "a coordinate of the wrong length",
        ),
        (
            with(jwk("es"), "x", jwk("ed")["x"].clone()),
            "a point that is not on P-256",
        ),
        (
            with(jwk("ed"), "x", json!("AA")),
            "an Ed25519 key of the wrong length",
        ),
        (with(jwk("ed"), "x", Value::Null), "a number is missing"),
        (with(jwk("ed"), "kid", json!("")), "an id that is empty"),
        (with(jwk("ed"), "kid", json!(1)), "not a JWK"),
    ];
    for (bad, reason) in rows {
        let taken = read(&json!([bad.clone(), good.clone()])).unwrap();
        assert_eq!(taken.keys.len(), 1, "{bad}");
        assert_eq!(taken.skipped.len(), 1, "{bad}");
        let told = taken.skipped[0].to_string();
        assert!(told.starts_with("key 0 of the document, "), "{told}");
        assert!(told.contains(reason), "{told}, not {reason}");

        let alone = read(&json!([bad])).unwrap_err();
        assert!(matches!(alone, JwksFault::NoneUsable(1, Some(_))));
        assert!(alone.to_string().contains(reason), "{alone}");
    }
}

#[test]
fn a_number_may_begin_with_zeros() {
    let plain = read(&json!([jwk("rsa")])).unwrap().keys;
    let padded = with(jwk("rsa"), "e", json!("AAEAAQ"));
    let padded = read(&json!([padded])).unwrap().keys;
    assert_eq!(padded.to_jwks(), plain.to_jwks());
}

#[test]
fn what_is_no_document_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":[1]}"#,
        "<html>",
    ] {
        let fault = Jwks::read(text.as_bytes()).unwrap_err();
        assert_eq!(fault, JwksFault::Form, "{text}");
    }
    let none = Jwks::read(br#"{"keys":[]}"#).unwrap_err();
    assert_eq!(none, JwksFault::NoneUsable(0, None));
    let large = vec![b' '; 300_000];
    assert_eq!(Jwks::read(&large).unwrap_err(), JwksFault::Bytes(300_000));
    let many: Vec<Value> = (0..65).map(|_| jwk("ed")).collect();
    assert!(matches!(read(&json!(many)), Err(JwksFault::Keys(_))));
    let same = with(jwk("ed_other"), "kid", json!("ed"));
    assert!(matches!(
        read(&json!([jwk("ed"), same])),
        Err(JwksFault::Keys(_))
    ));
    assert!(TokenKeys::none().is_empty());
}
