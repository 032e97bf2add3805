//! Which keys are taken from PEM, and how several stand beside each other.

use agnt_credentials::{Algorithm, KEYS_MAX, KeyFault, KeysFault, TokenKey, TokenKeys};

use crate::rig::{public_key, secret, vector};

#[test]
fn the_kind_of_a_public_key_says_its_algorithm() {
    let rows = [
        ("rsa", Algorithm::Rs256),
        ("es", Algorithm::Es256),
        ("ed", Algorithm::EdDsa),
    ];
    for (file, algorithm) in rows {
        assert_eq!(public_key(file, "id").algorithm(), algorithm, "{file}");
    }
    let several = ["rsa", "es", "ed"].map(|file| vector(&format!("{file}.pub.pem")));
    let several = TokenKey::from_pem(&several.concat()).unwrap();
    let algorithms: Vec<Algorithm> = several.iter().map(TokenKey::algorithm).collect();
    assert_eq!(algorithms, rows.map(|(_, algorithm)| algorithm));
}

#[test]
fn other_keys_are_refused() {
    let rows = [
        ("rsa_short.pub.pem", KeyFault::RsaBits(1024)),
        ("rsa_2047.pub.pem", KeyFault::RsaBits(2047)),
        ("es_384.pub.pem", KeyFault::Kind),
        ("es_koblitz.pub.pem", KeyFault::Kind),
        ("ed_448.pub.pem", KeyFault::Kind),
        ("x25519.pub.pem", KeyFault::Kind),
    ];
    for (file, fault) in rows {
        assert_eq!(
            TokenKey::from_pem(&vector(file)).unwrap_err(),
            fault,
            "{file}"
        );
    }
    for file in [
        "rsa.pem",
        "es.pem",
        "ed.pem",
        "rsa_pkcs1.pem",
        "es_sec1.pem",
    ] {
        let fault = TokenKey::from_pem(&vector(file)).unwrap_err();
        assert!(fault.to_string().contains("a private key where"), "{file}");
    }
    for text in [
        &b""[..],
        b"ssh-rsa AAAA",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n",
    ] {
        assert!(matches!(TokenKey::from_pem(text), Err(KeyFault::Form(_))));
    }
    assert!(TokenKey::from_pem(&vec![b'\n'; 70_000]).is_err());
}

/// A PEM file that is damaged anywhere is refused or is another key; nothing breaks.
#[test]
fn damage_is_survived() {
    for file in ["rsa.pub.pem", "es.pub.pem", "ed.pub.pem"] {
        let whole = vector(file);
        let key = TokenKey::from_pem(&whole).unwrap().remove(0);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            if let Ok(keys) = TokenKey::from_pem(&damaged)
                && at > 30
                && at < whole.len() - 30
            {
                assert!(
                    keys.iter().all(|other| other.id() != key.id()),
                    "{file} {at}"
                );
            }
            let _ = TokenKey::from_pem(&whole[..at]);
        }
    }
}

#[test]
fn a_secret_is_long_enough() {
    assert!(TokenKey::from_secret(&secret()).is_ok());
    let fault = TokenKey::from_secret(&secret()[..31]).unwrap_err();
    assert_eq!(fault, KeyFault::SecretBytes(31));
    let key = TokenKey::from_secret(&secret()).unwrap();
    assert!(key.to_jwk().is_none());
    assert_eq!(key.id().len(), 43);
    let other = TokenKey::from_secret(&[1; 32]).unwrap();
    assert_ne!(key.id(), other.id());
}

#[test]
fn ids_are_unique_among_those_of_an_algorithm() {
    let keys = TokenKeys::new([public_key("ed", "a"), public_key("ed", "a")]).unwrap();
    assert_eq!(keys.len(), 1);
    let same = TokenKeys::new([public_key("ed", "a"), public_key("ed_other", "a")]);
    assert!(matches!(same.unwrap_err(), KeysFault::SameId(_)));
    let both = TokenKeys::new([public_key("ed", "a"), public_key("es", "a")]).unwrap();
    assert_eq!(both.len(), 2);

    let many = (0..KEYS_MAX).map(|index| public_key("ed", &index.to_string()));
    let mut many = TokenKeys::new(many).unwrap();
    assert_eq!(many.add(public_key("ed", "more")), Err(KeysFault::TooMany));
}

#[test]
fn ids_have_a_length() {
    for id in [String::new(), "k".repeat(256)] {
        assert!(public_key("ed", "a").with_id(&id).is_err());
    }
}
