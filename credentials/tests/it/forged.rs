//! Tokens that are forged, broken or not for us: each is refused for the reason that it was made for.

use agnt_credentials::{TokenPolicy, TokenRefusal, TokenVerifier, ToldClient};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};

use crate::rig::{ISSUER, NOW_S, good, keys, policy, tokens, verifier};

const ALG: &str = "header alg: not one of RS256, ES256, EdDSA and HS256";
const HEADER: &str = "token: the header is not a JSON object with a text as alg";
const EXTENSION: &str = "extensions are not taken";
const SIGNATURE: &str = "signature: wrong";
const ODD: &str = "token: a claim has an odd shape or stands there twice";
const CLAIMS: &str = "token: the claims are no JSON object, or iss is no text";
const PARTS: &str = "token: not three parts";
const BASE64: &str = "token: a part is not base64url without padding";
const SECONDS: &str = "not a time in seconds since 1970";
const AUDIENCE: &str = "claim aud: this server is not in it";
const NAME: &str = "not 1 to 255 bytes without control characters";
const ENTRIES: &str = "more than 256 entries";

/// The forgery, and what the refusal says: the end of its text, or all of it.
const ALGORITHMS: [(&str, &str); 17] = [
    ("alg none", ALG),
    ("alg none with a kid", ALG),
    ("alg nOnE", ALG),
    ("alg empty", ALG),
    ("alg missing", HEADER),
    ("alg null", HEADER),
    ("alg rs256", ALG),
    ("alg RS512", ALG),
    ("alg PS256", ALG),
    (
        "HS256 with the PEM as secret",
        "'HS256'; the key is for RS256 alone",
    ),
    (
        "HS256 with the DER as secret",
        "'HS256'; the key is for RS256 alone",
    ),
    ("HS256 with the PEM as secret, no kid", SIGNATURE),
    ("HS256 with the PEM as secret, the secret's kid", SIGNATURE),
    ("HS256 with nothing as secret", SIGNATURE),
    (
        "ES256 with the RSA key's id",
        "'ES256'; the key is for RS256 alone",
    ),
    (
        "RS256 with the EC key's id",
        "'RS256'; the key is for ES256 alone",
    ),
    (
        "EdDSA with the secret's id",
        "'EdDSA'; the key is for HS256 alone",
    ),
];

const HEADERS: [(&str, &str); 25] = [
    ("kid unknown", "header kid: no key has the id 'ed2'"),
    (
        "kid a path",
        "header kid: no key has the id '../../../dev/null'",
    ),
    (
        "kid SQL",
        "header kid: no key has the id 'x\\' UNION SELECT \\'key'",
    ),
    (
        "kid with a line end",
        "header kid: no key has the id 'a\\nb\\u{1b}[31m'",
    ),
    ("kid empty", "header kid: empty or longer than 255 bytes"),
    ("kid long", "header kid: empty or longer than 255 bytes"),
    ("kid a number", HEADER),
    ("kid null", HEADER),
    (
        "no kid, two keys are possible",
        "header kid: missing, and 2 keys are possible; exactly one may be",
    ),
    ("crit", EXTENSION),
    ("crit empty", EXTENSION),
    ("crit null", EXTENSION),
    ("b64", EXTENSION),
    ("b64 alone", EXTENSION),
    ("zip", EXTENSION),
    ("nested", EXTENSION),
    (
        "typ of a logout",
        "header typ: not that of a token that lets in",
    ),
    (
        "typ of a proof",
        "header typ: not that of a token that lets in",
    ),
    ("typ a number", HEADER),
    ("alg twice", HEADER),
    ("kid twice", HEADER),
    ("header an array", HEADER),
    ("header no JSON", HEADER),
    ("header with a mark before it", HEADER),
    ("header with words behind it", HEADER),
];

const CLAIM: [(&str, &str); 59] = [
    ("exp missing", "claim exp: missing"),
    ("exp past", "claim exp: it expired 30 s ago"),
    ("exp long past", "claim exp: it expired 1000 s ago"),
    ("exp zero", "claim exp: it expired 1800000000 s ago"),
    ("exp negative", SECONDS),
    ("exp a text", ODD),
    ("exp huge", SECONDS),
    ("exp infinite", ODD),
    ("exp null", ODD),
    ("exp a list", ODD),
    ("exp twice", ODD),
    ("exp in milliseconds", "86400 are allowed"),
    (
        "exp too far",
        "claim exp: it is good for 86410 s; 86400 are allowed",
    ),
    (
        "exp too far, no iat",
        "claim exp: it is good for 86401 s; 86400 are allowed",
    ),
    ("nbf to come", "claim nbf: it becomes good in 31 s"),
    ("nbf a text", ODD),
    ("nbf null", ODD),
    ("iat to come", "claim iat: it is made in 31 s"),
    ("iat a text", ODD),
    ("iat after exp", "claim exp: it is not after iat"),
    ("iss missing", "claim iss: missing"),
    (
        "iss unknown",
        "claim iss: 'https://evil.example' is no issuer that is trusted",
    ),
    ("iss with a slash", "is no issuer that is trusted"),
    ("iss in other case", "is no issuer that is trusted"),
    ("iss a list", CLAIMS),
    ("iss null", CLAIMS),
    ("iss twice", CLAIMS),
    (
        "iss of the other, our key",
        "header kid: no key has the id 'ed'",
    ),
    ("iss of the other, our key, its kid", SIGNATURE),
    (
        "iss ours, the other's key",
        "header kid: no key has the id 'other'",
    ),
    ("aud missing", "claim aud: missing"),
    ("aud another", AUDIENCE),
    ("aud others", AUDIENCE),
    ("aud none", AUDIENCE),
    ("aud with a space", AUDIENCE),
    ("aud a number", ODD),
    ("aud null", ODD),
    ("sub missing", "claim sub: missing"),
    ("sub empty", NAME),
    ("sub long", NAME),
    ("sub with a line end", NAME),
    ("sub a number", ODD),
    ("jti empty", NAME),
    ("jti long", NAME),
    ("jti a number", ODD),
    ("scope a number", ODD),
    ("scope with a number", ODD),
    ("scope null", ODD),
    ("scope too many", ENTRIES),
    ("streams a text", ODD),
    ("streams null", ODD),
    ("streams too many", ENTRIES),
    ("act_as true", ODD),
    ("act_as too many", ENTRIES),
    ("claims an array", CLAIMS),
    ("claims no JSON", CLAIMS),
    ("claims deep", "claim iss: missing"),
    ("act_as deep", ODD),
    ("claims with words behind them", CLAIMS),
];

const FORMS: [(&str, &str); 14] = [
    ("one part", PARTS),
    ("two parts", PARTS),
    ("four parts", PARTS),
    ("five parts", PARTS),
    ("dots alone", HEADER),
    ("no header", HEADER),
    ("no claims", CLAIMS),
    ("padding", BASE64),
    ("stray bits", BASE64),
    ("a line end behind", BASE64),
    ("a space before", BASE64),
    ("a zero byte", BASE64),
    ("the other alphabet", BASE64),
    ("long", "8192 are allowed"),
];

fn refused(group: &str, expected: impl Fn(&str) -> Option<&'static str>) -> usize {
    let verifier = verifier();
    let tokens = tokens(&format!("/forged/{group}"));
    for (name, token) in &tokens {
        let token = token.as_str().unwrap();
        let expected = expected(name).unwrap_or_else(|| panic!("{name}: no row"));
        let Err(refusal) = verifier.verify(token.as_bytes(), NOW_S) else {
            panic!("{name}: it was taken");
        };
        let text = refusal.to_string();
        assert!(text.ends_with(expected), "{name}: {text}, not {expected}");
        assert_eq!(refusal.told_client(), ToldClient::Invalid, "{name}");
        // The log learns the reason and no part of the token that is longer than a name.
        let told = format!("{refusal} {refusal:?}");
        assert!(!told.contains(char::is_control), "{name}");
        for part in token.split('.').filter(|part| part.len() > 20) {
            assert!(!told.contains(part), "{name}");
        }
    }
    assert_eq!(verifier.seen_len(), 0);
    tokens.len()
}

fn row(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    let found = table.iter().find(|(forgery, _)| *forgery == name);
    found.map(|(_, refusal)| *refusal)
}

#[test]
fn a_token_does_not_choose_its_algorithm() {
    assert_eq!(refused("algorithms", |name| row(&ALGORITHMS, name)), 17);
}

#[test]
fn a_wrong_signature_lets_nobody_in() {
    assert_eq!(refused("signatures", |_| Some(SIGNATURE)), 16);
}

#[test]
fn a_header_that_is_not_understood_is_refused() {
    assert_eq!(refused("headers", |name| row(&HEADERS, name)), 25);
}

#[test]
fn claims_that_do_not_hold_are_refused() {
    assert_eq!(refused("claims", |name| row(&CLAIM, name)), 59);
}

#[test]
fn a_token_has_one_form_only() {
    assert_eq!(refused("forms", |name| row(&FORMS, name)), 14);
}

#[test]
fn a_server_without_an_audience_takes_what_is_for_anyone() {
    let policy = TokenPolicy {
        audiences: Vec::new(),
        ..policy(ISSUER)
    };
    let verifier = TokenVerifier::new(vec![(policy, keys())]).unwrap();
    let meant = verifier.verify(&good("rs256"), NOW_S).unwrap_err();
    assert_eq!(meant, TokenRefusal::Audience);
    let anyone = tokens("/forged/claims")["aud missing"].clone();
    let anyone = verifier.verify(anyone.as_str().unwrap().as_bytes(), NOW_S);
    assert!(anyone.is_ok());
}

#[test]
fn no_token_and_far_too_much_of_one() {
    let verifier = verifier();
    let missing = verifier.verify(b"", NOW_S).unwrap_err();
    assert_eq!(missing, TokenRefusal::Missing);
    assert_eq!(missing.told_client(), ToldClient::Missing);
    let long = verifier.verify(&vec![b'a'; 1 << 20], NOW_S).unwrap_err();
    assert_eq!(long.to_string(), "token: 1048576 bytes; 8192 are allowed");
}

/// Every byte of a good token matters: changed, cut off or doubled, it is no token any more.
#[test]
fn no_byte_of_a_token_can_be_changed() {
    let verifier = verifier();
    for name in ["eddsa", "hs256"] {
        let token = good(name);
        assert!(verifier.verify(&token, NOW_S).is_ok());
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut changed = token.clone();
                changed[at] ^= 1 << bit;
                assert!(
                    verifier.verify(&changed, NOW_S).is_err(),
                    "{name} {at} {bit}"
                );
            }
            assert!(verifier.verify(&token[..at], NOW_S).is_err(), "{name} {at}");
            let doubled = [&token[..at], &token[at..=at], &token[at..]].concat();
            assert!(verifier.verify(&doubled, NOW_S).is_err(), "{name} {at}");
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::from(NOW_S + 60)),
        ".*".prop_map(Value::from),
        "read|admin|agnt|\\*|ed".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(Value::from)
    })
}

proptest! {
    /// Whatever is sent, it is refused or not; nothing breaks. Even with the right signature: whoever
    /// has the key may have written anything.
    #[test]
    fn anything_may_be_sent(
        changes in prop::collection::vec((0..12_usize, any_json()), 0..4),
        header in any_json(),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        const NAMES: [&str; 12] = [
            "iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "scp", "scopes",
            "agnt_streams", "act_as",
        ];
        let verifier = verifier();
        let mut claims = json!({
            "iss": ISSUER, "aud": "agnt", "sub": "a", "exp": NOW_S + 60,
        });
        for (name, value) in changes {
            claims[NAMES[name]] = value;
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, &crate::rig::secret());
        for header in [json!({ "alg": "HS256", "kid": "hs" }), header] {
            let parts = [&header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
            let signed = parts.join(".");
            let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
            let token = format!("{signed}.{signature}");
            let first = verifier.verify(token.as_bytes(), NOW_S).map(|it| it.token().clone());
            let again = verifier.verify(token.as_bytes(), NOW_S).map(|it| it.token().clone());
            prop_assert_eq!(&first, &again);
            if let Ok(token) = first {
                prop_assert!(token.expires_at_s + 30 > NOW_S && !token.subject.is_empty());
            }
        }
        prop_assert!(verifier.verify(&noise, NOW_S).is_err());
    }
}
