//! A key, made, stored, read again and ended.

use super::*;

fn secret() -> KeySecret {
    KeySecret::parse(b"agnt_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").expect("a key")
}

fn made(name: &str, scopes: &[Scope]) -> Result<StoredKey, InvalidKey> {
    let order = KeyOrder::new(name, scopes.iter().copied());
    StoredKey::new("k1".into(), order, &secret(), 5)
}

/// The digest of the bytes 0 to 31, by `sha256sum`, as decimal numbers.
const STORED: &str = r#"{
    "id": "k1", "name": "build server",
    "digest": [99, 13, 205, 41, 102, 196, 51, 102, 145, 18, 84, 72, 187, 178, 91, 79,
               244, 18, 164, 156, 115, 45, 178, 200, 171, 193, 184, 88, 27, 215, 16, 221],
    "scopes": ["read", "tasks"], "created_at_us": 5, "revoked_at_us": null
}"#;

#[test]
fn it_is_stored_without_its_secret_and_read_again() {
    let key = made("build server", &[Scope::Tasks, Scope::Read]).unwrap();
    let bytes = key.to_bytes().unwrap();
    let stored: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        stored,
        serde_json::from_str::<serde_json::Value>(STORED).unwrap()
    );
    assert_eq!(StoredKey::from_bytes(&bytes).unwrap(), key);
    assert_eq!(Key::from(key.clone()).stored(), key);
    for bytes in [&b""[..], b"{}", &bytes[1..]] {
        assert!(StoredKey::from_bytes(bytes).is_err());
    }
}

/// Stores of before have keys without lists; what they say must not be read as anything less.
#[test]
fn it_is_for_the_streams_and_agents_that_it_lists_and_for_all_without_lists() {
    let of_before = Key::from(StoredKey::from_bytes(STORED.as_bytes()).unwrap());
    assert_eq!(of_before.extent().streams, Reach::All);
    assert_eq!(of_before.extent().agents, Reach::All);
    let order = |streams: &[&str], act_as: &[&str]| {
        let list = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        KeyOrder {
            streams: list(streams),
            act_as: list(act_as),
            ..KeyOrder::new("k", [Scope::Agents])
        }
    };
    let stored = |order| StoredKey::new("k1".into(), order, &secret(), 5);
    let bytes = stored(order(&["a"], &["x"])).unwrap().to_bytes().unwrap();
    let key = Key::from(StoredKey::from_bytes(&bytes).unwrap());
    let extent = key.extent();
    assert!(extent.streams.covers("a") && !extent.streams.covers("main"));
    assert!(extent.agents.covers("x") && !extent.agents.covers("y"));
    assert_eq!(key.stored().to_bytes().unwrap(), bytes);
    for (wrong, told) in [
        (order(&[], &["x"]), "streams: the list is empty"),
        (order(&[""], &["x"]), "streams: at most 64 names"),
        (order(&["a"], &["x"; 65]), "act_as: at most 64 names"),
    ] {
        let error = stored(wrong).unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }
    let everything = KeyOrder {
        scopes: [Scope::Admin].into_iter().collect(),
        ..order(&["a"], &["x"])
    };
    assert_eq!(stored(everything), Err(InvalidKey::Everyone));
}

#[test]
fn a_name_is_one_line_and_some_scope_is_given() {
    for name in ["a", "Büro 2", &"é".repeat(128)] {
        assert_eq!(
            made(name, &[Scope::Read]).map(|key| key.name).as_deref(),
            Ok(name)
        );
    }
    for name in ["", "a\nb", "\u{7f}", &"é".repeat(129)] {
        let error = made(name, &[Scope::Read]).unwrap_err().to_string();
        assert!(
            error.contains("1 to 128") && !error.contains('\n'),
            "{error}"
        );
    }
    let error = made("a", &[]).unwrap_err().to_string();
    assert!(error.contains("read, publish"), "{error}");
}

#[test]
fn it_allows_its_scopes_until_it_is_revoked_and_only_the_first_time_counts() {
    let key = Key::from(made("a", &[Scope::Tasks]).unwrap());
    assert!(key.allows(Scope::Tasks) && !key.allows(Scope::Agents));
    key.revoke(7);
    key.revoke(9);
    assert!(key.is_revoked() && !key.allows(Scope::Tasks));
    assert!(
        key.extent().scopes.allow(Scope::Tasks),
        "what it had been given"
    );
    let stored = key.stored();
    assert_eq!(stored.revoked_at_us, Some(7));
    assert!(Key::from(stored).is_revoked());
}

#[test]
fn only_its_own_digest_is_its_own() {
    let key = Key::from(made("a", &[Scope::Tasks]).unwrap());
    let digest = secret().digest();
    assert!(key.has_digest(&digest));
    for bit in 0..256 {
        let mut other = digest;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!key.has_digest(&other), "bit {bit}");
    }
}
