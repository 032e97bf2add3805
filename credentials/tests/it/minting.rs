//! Tokens that are minted here are what they were asked to be, and are taken by a verifier that
//! OpenSSL's tokens have proved.

use agnt_credentials::{
    ActAs, Grant, KeyFault, MintFault, TokenKey, TokenKeys, TokenMint, TokenPolicy, TokenVerifier,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::rig::{ISSUER, NOW_S, policy, public_key, secret, vector};

fn mint(file: &str) -> Result<TokenMint, KeyFault> {
    let audiences = vec!["agnt".to_owned()];
    TokenMint::from_pem(&vector(file), Some(ISSUER.to_owned()), audiences)
}

fn grant() -> Grant {
    Grant {
        subject: "agent-001".to_owned(),
        scopes: vec!["read".to_owned(), "publish".to_owned()],
        streams: Some(vec!["north".to_owned()]),
        act_as: ActAs::These(vec!["agent-002".to_owned()]),
        ttl_s: 60,
    }
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn each_kind_of_key_signs_what_its_public_half_verifies() {
    let files = [
        ("rsa.pem", "rsa", "RS256"),
        ("rsa_pkcs1.pem", "rsa", "RS256"),
        ("es.pem", "es", "ES256"),
        ("ed.pem", "ed", "EdDSA"),
    ];
    for (private, public, algorithm) in files {
        let mint = mint(private).unwrap();
        let minted = mint.mint(&grant(), NOW_S).unwrap();
        let thumbprint = TokenKey::from_pem(&vector(&format!("{public}.pub.pem"))).unwrap();
        let thumbprint = thumbprint[0].id();
        assert_eq!(
            part(&minted.token, 0),
            json!({ "alg": algorithm, "kid": thumbprint, "typ": "JWT" })
        );
        assert_eq!(
            part(&minted.token, 1),
            json!({
                "iss": ISSUER, "aud": "agnt", "sub": "agent-001", "scope": "read publish",
                "agnt_streams": ["north"], "act_as": ["agent-002"],
                "iat": NOW_S, "exp": NOW_S + 60, "jti": minted.id,
            })
        );
        // The public key of OpenSSL's file, not the one that the mint says is its own.
        let keys = TokenKeys::new([public_key(public, thumbprint)]).unwrap();
        let verifier = TokenVerifier::new(vec![(policy(ISSUER), keys)]).unwrap();
        let verified = verifier.verify(minted.token.as_bytes(), NOW_S).unwrap();
        assert_eq!(verified.signed_with(), (thumbprint, algorithm));
        assert_eq!(verified.id.as_ref(), Some(&minted.id));
        assert_eq!(verified.expires_at_s, minted.expires_at_s);
        assert_eq!(verified.ends_at_s(), minted.expires_at_s + 30);
        assert!(verified.speaks_for("agent-002") && verified.is_for_stream("north"));
        assert!(format!("{mint:?}{minted:?}").len() < 300);
    }
}

#[test]
fn a_secret_signs_too_and_claims_are_left_out_that_say_nothing() {
    let mint = TokenMint::from_secret(&secret(), None, Vec::new()).unwrap();
    let grant = Grant {
        streams: None,
        act_as: ActAs::These(Vec::new()),
        ..grant()
    };
    let minted = mint.mint(&grant, NOW_S).unwrap();
    let (claims, jti) = (part(&minted.token, 1), &minted.id);
    let expected = json!({
        "sub": "agent-001", "scope": "read publish", "iat": NOW_S, "exp": NOW_S + 60, "jti": jti,
    });
    assert_eq!(claims, expected);
    let keys = TokenKeys::new([TokenKey::from_secret(&secret()).unwrap()]).unwrap();
    let trusts = vec![(TokenPolicy::default(), keys)];
    let verifier = TokenVerifier::new(trusts).unwrap();
    assert!(verifier.verify(minted.token.as_bytes(), NOW_S).is_ok());

    let everyone = Grant {
        act_as: ActAs::Everyone,
        ..grant
    };
    let token = mint.mint(&everyone, NOW_S).unwrap().token;
    assert_eq!(part(&token, 1)["act_as"], "*");
}

#[test]
fn ids_are_never_the_same() {
    let mint = mint("ed.pem").unwrap();
    let ids = (0..1000).map(|_| mint.mint(&grant(), NOW_S).unwrap().id);
    let ids: std::collections::HashSet<String> = ids.collect();
    assert_eq!(ids.len(), 1000);
    assert!(ids.iter().all(|id| id.len() == 22), "128 bits");
}

#[test]
fn what_no_verifier_would_take_is_not_minted() {
    let mint = mint("ed.pem").unwrap();
    let refused = |change: &dyn Fn(&mut Grant)| {
        let mut grant = grant();
        change(&mut grant);
        mint.mint(&grant, NOW_S).unwrap_err()
    };
    for subject in [String::new(), "s".repeat(256), "a\nb".to_owned()] {
        assert_eq!(
            refused(&|it| it.subject.clone_from(&subject)),
            MintFault::Subject
        );
    }
    for scope in ["", "read admin", "read\tadmin"] {
        let fault = refused(&|it| it.scopes.push(scope.to_owned()));
        assert!(matches!(fault, MintFault::Scope(_)));
    }
    assert_eq!(refused(&|it| it.ttl_s = 0), MintFault::Ttl);
    let many = vec!["a".to_owned(); 257];
    let fault = refused(&|it| it.streams = Some(many.clone()));
    assert!(matches!(
        fault,
        MintFault::Entries {
            name: "streams",
            entries: 257
        }
    ));
    let fault = refused(&|it| it.act_as = ActAs::These(many.clone()));
    assert!(matches!(fault, MintFault::Entries { name: "act_as", .. }));
    let fault = refused(&|it| it.streams = Some(vec!["a".repeat(50); 250]));
    assert!(matches!(fault, MintFault::Bytes(_)));
}

#[test]
fn keys_that_nobody_should_sign_with_are_refused() {
    for file in [
        "rsa_short.pem",
        "rsa_2047.pem",
        "es_384.pem",
        "es_koblitz.pem",
        "es_sec1.pem",
        "ed_448.pem",
        "x25519.pem",
        "rsa.pub.pem",
        "tokens.json",
    ] {
        assert!(matches!(mint(file), Err(KeyFault::Form(_))), "{file}");
    }
    let short = TokenMint::from_secret(&secret()[..31], None, Vec::new());
    assert_eq!(short.unwrap_err(), KeyFault::SecretBytes(31));
}
