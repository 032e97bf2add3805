//! Who is let in: without keys, with the first, with a bad one, and after a revocation.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::client::Client;
use super::super::presented::Presented;
use super::super::scope::Scope;
use super::*;
use crate::guard::{Doorkeeper, KeyOrder};

/// A keyring and the doorkeeper that goes by it.
struct Door(Doorkeeper);

impl std::ops::Deref for Door {
    type Target = Keyring;

    fn deref(&self) -> &Keyring {
        self.0.keyring()
    }
}

impl Door {
    fn new() -> Self {
        Self(Doorkeeper::of_keys(Arc::default()).unwrap())
    }

    fn identify(&self, presented: Presented<'_>) -> Identity {
        self.0.identify(presented, 1)
    }

    fn is_open(&self) -> bool {
        self.0.is_open()
    }
}

/// A keyring with one key that allows reading, and that key in text form.
fn locked() -> (Door, String) {
    let keyring = Door::new();
    let text = add(&keyring, "k1", &[Scope::Read]);
    (keyring, text)
}

fn add(keyring: &Keyring, id: &str, scopes: &[Scope]) -> String {
    let secret = KeySecret::generate().unwrap();
    let order = KeyOrder::new(id, scopes.iter().copied());
    let stored = StoredKey::new(id.into(), order, &secret, 1).unwrap();
    keyring.add(stored).unwrap();
    secret.reveal()
}

/// The outcome in a word: the key's id, or who else it is.
fn who(keyring: &Door, authorization: Option<&str>, api_key: Option<&str>) -> String {
    let presented = Presented {
        authorization: authorization.map(str::as_bytes),
        api_key: api_key.map(str::as_bytes),
        ..Presented::default()
    };
    match keyring.identify(presented) {
        Identity::Anonymous => "anonymous".into(),
        Identity::Key(key) => key.id().to_string(),
        Identity::Token(_) => "token".into(),
        Identity::Refused(refusal) => refusal.to_string(),
    }
}

const MISSING: &str = "Missing authentication token";
const INVALID: &str = "Invalid authentication token";
const OTHER_ISSUER: &str = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x";

#[test]
fn without_keys_everyone_may_do_everything_but_a_wrong_key_is_wrong() {
    let keyring = Door::new();
    assert!(keyring.is_open());
    let identity = keyring.identify(Presented::default());
    assert!(matches!(identity, Identity::Anonymous));
    assert!(Scope::ALL.into_iter().all(|scope| identity.allows(scope)));
    assert_eq!(who(&keyring, Some(OTHER_ISSUER), None), "anonymous");
    let unknown = KeySecret::generate().unwrap().reveal();
    assert_eq!(who(&keyring, None, Some(&unknown)), INVALID);
    assert_eq!(
        who(&keyring, Some(&format!("Bearer {unknown}")), None),
        INVALID
    );
}

#[test]
fn the_first_key_ends_that_at_once_and_for_good() {
    let (keyring, text) = locked();
    assert!(!keyring.is_open());
    assert_eq!(who(&keyring, None, None), MISSING);
    assert_eq!(who(&keyring, None, Some(&text)), "k1");
    keyring.revoke("k1", 2);
    assert!(!keyring.is_open(), "revoking the last key opens nothing");
    assert_eq!(who(&keyring, None, None), MISSING);
    assert_eq!(who(&keyring, None, Some(&text)), INVALID);
}

#[test]
fn both_headers_are_understood_in_document_a_s_order() {
    let (keyring, text) = locked();
    let other = add(&keyring, "k2", &[Scope::Tasks]);
    let bearer = |text: &str| format!("Bearer {text}");
    let short = &text[..text.len() - 1];
    let both = format!("{text} {text}");
    let rows = [
        (Some(bearer(&text)), None, "k1"),
        (Some(format!("bEARER   {text} ")), None, "k1"),
        (None, Some(other.as_str()), "k2"),
        (Some(bearer(&text)), Some(other.as_str()), "k1"),
        (Some(bearer(&text)), Some("nonsense"), "k1"),
        (Some(bearer("nonsense")), Some(other.as_str()), INVALID),
        (Some(OTHER_ISSUER.into()), Some(other.as_str()), INVALID),
        // Another scheme is another's business, as in document A.
        (
            Some("Basic dXNlcjpwYXNz".into()),
            Some(other.as_str()),
            "k2",
        ),
        (Some("Basic dXNlcjpwYXNz".into()), None, MISSING),
        (Some(text.clone()), None, MISSING),
        (Some(format!("Bearer{text}")), None, MISSING),
        (Some("Bearer".into()), None, INVALID),
        (Some("Bearer ".into()), None, INVALID),
        (Some(bearer(short)), None, INVALID),
        (Some(bearer(&both)), None, INVALID),
        (None, Some(""), INVALID),
        (None, Some(short), INVALID),
        (Some(String::new()), None, MISSING),
        (None, None, MISSING),
    ];
    for (authorization, api_key, expected) in rows {
        let found = who(&keyring, authorization.as_deref(), api_key);
        assert_eq!(found, expected, "{authorization:?} {api_key:?}");
    }
}

#[test]
fn a_key_allows_its_scopes_and_a_refusal_nothing() {
    let (keyring, text) = locked();
    let identify = |api_key: &str| {
        keyring.identify(Presented {
            authorization: None,
            api_key: Some(api_key.as_bytes()),
            ..Presented::default()
        })
    };
    let holder = identify(&text);
    assert!(holder.allows(Scope::Read) && !holder.allows(Scope::Admin));
    let refused = identify("nonsense");
    assert!(!Scope::ALL.into_iter().any(|scope| refused.allows(scope)));
}

#[test]
fn requests_count_for_the_key_and_bad_credentials_for_the_address() {
    let (keyring, text) = locked();
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let client = |api_key: Option<&str>| {
        let presented = Presented {
            authorization: None,
            api_key: api_key.map(str::as_bytes),
            ..Presented::default()
        };
        keyring.identify(presented).client(address)
    };
    assert_eq!(client(Some(&text)), Client::Key("k1".into()));
    assert_eq!(client(Some("nonsense")), Client::at(address));
    assert_eq!(client(None), Client::at(address));
}

#[test]
fn a_revocation_reaches_who_is_inside_already() {
    let (keyring, text) = locked();
    let presented = Presented {
        authorization: None,
        api_key: Some(text.as_bytes()),
        ..Presented::default()
    };
    let kept = keyring.identify(presented);
    assert!(kept.allows(Scope::Read));
    assert!(keyring.revoke("k2", 7).is_none(), "another id ends nothing");
    assert!(kept.allows(Scope::Read));
    let revoked = keyring.revoke("k1", 7).unwrap();
    assert_eq!(revoked.stored().revoked_at_us, Some(7));
    assert!(!kept.allows(Scope::Read));
    let again = keyring.identify(presented);
    assert!(matches!(
        again,
        Identity::Refused(CredentialRefusal::Revoked)
    ));
}

#[test]
fn nobody_comes_in_once_a_revocation_has_returned() {
    for _ in 0..50 {
        let (keyring, text) = locked();
        let is_revoked = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let was_revoked = is_revoked.load(Ordering::SeqCst);
                        let found = who(&keyring, None, Some(&text));
                        if was_revoked {
                            assert_eq!(found, INVALID);
                            break;
                        }
                    }
                });
            }
            keyring.revoke("k1", 2);
            is_revoked.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn it_comes_back_as_it_was_stored() {
    let (keyring, text) = locked();
    let other = add(&keyring, "k2", &[Scope::Admin]);
    keyring.revoke("k1", 7);
    let stored = keyring
        .list()
        .into_iter()
        .map(|key| key.stored().to_bytes().unwrap());
    let again = Door::new();
    for bytes in stored {
        again.add(StoredKey::from_bytes(&bytes).unwrap()).unwrap();
    }
    assert_eq!(who(&again, None, Some(&text)), INVALID);
    assert_eq!(who(&again, None, Some(&other)), "k2");
    let ids = again.list().into_iter().map(|key| key.id().to_string());
    assert_eq!(ids.collect::<Vec<_>>(), ["k1", "k2"]);
}

/// A key of that id whose digest is given, as if its secret were known to somebody.
fn with_digest(id: &str, digest: KeyDigest) -> StoredKey {
    StoredKey {
        id: id.into(),
        name: id.into(),
        digest,
        scopes: [Scope::Read].into_iter().collect(),
        streams: None,
        act_as: None,
        created_at_us: 1,
        revoked_at_us: None,
    }
}

#[test]
fn keys_whose_digests_begin_alike_are_told_apart() {
    let keyring = Keyring::default();
    let digests = [3, 5, 7].map(|last| {
        let mut digest = [1; 32];
        digest[31] = last;
        digest
    });
    for digest in &digests[..2] {
        keyring
            .add(with_digest(&digest[31].to_string(), *digest))
            .unwrap();
    }
    let found = digests.map(|digest| keyring.key_with(&digest).map(|key| key.id().to_string()));
    assert_eq!(found, [Some("3".into()), Some("5".into()), None]);
}

#[test]
fn it_is_bounded_and_each_id_is_there_once() {
    let keyring = Keyring::default();
    let digest = |number: usize| std::array::from_fn(|index| (number >> (index % 4 * 8)) as u8);
    for number in 0..KEYS_MAX {
        assert!(keyring.has_room());
        keyring
            .add(with_digest(&number.to_string(), digest(number)))
            .unwrap();
        if number == 0 {
            let again = keyring.add(with_digest("0", digest(1)));
            assert_eq!(again, Err(KeyRefused::SameId("0".into())));
        }
    }
    keyring.revoke("0", 2);
    assert!(!keyring.has_room(), "revoked ones count");
    let another = keyring.add(with_digest("another", digest(KEYS_MAX)));
    assert_eq!(another, Err(KeyRefused::Full));
    assert!(another.unwrap_err().to_string().contains("10000"));
    assert_eq!(keyring.list().len(), KEYS_MAX);
}

#[test]
fn every_refusal_has_its_challenge() {
    let invalid = "Bearer realm=\"agnt\", error=\"invalid_token\"";
    assert_eq!(
        CredentialRefusal::Missing.challenge(),
        "Bearer realm=\"agnt\""
    );
    assert_eq!(CredentialRefusal::Unknown.challenge(), invalid);
    assert_eq!(CredentialRefusal::Revoked.challenge(), invalid);
}

proptest! {
    #[test]
    fn no_bytes_but_the_key_itself_let_anyone_in(
        authorization in proptest::option::of(vec(any::<u8>(), 0..80)),
        api_key in proptest::option::of(vec(any::<u8>(), 0..80)),
        flip in 0..48 * 8_usize,
        as_bearer in any::<bool>(),
    ) {
        let (keyring, text) = locked();
        let identity = keyring.identify(Presented {
            authorization: authorization.as_deref(),
            api_key: api_key.as_deref(),
            ..Presented::default()
        });
        prop_assert!(matches!(identity, Identity::Refused(_)));

        let mut flipped = text.into_bytes();
        flipped[flip / 8] ^= 1 << (flip % 8);
        let bearer = [b"Bearer ", flipped.as_slice()].concat();
        let presented = match as_bearer {
            true => Presented { authorization: Some(&bearer), ..Presented::default() },
            false => Presented { api_key: Some(&flipped), ..Presented::default() },
        };
        prop_assert!(matches!(keyring.identify(presented), Identity::Refused(_)));
    }
}
