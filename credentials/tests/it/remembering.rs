//! What was verified once is remembered, but not beyond its end, its revocation, or its key.

use std::collections::HashSet;

use agnt_credentials::{
    ActAs, Grant, RevocationRefused, Revocations, TokenKeys, TokenMint, TokenPolicy, TokenRefusal,
    TokenVerifier, Verified,
};
use proptest::prelude::*;

use crate::rig::{ISSUER, NOW_S, OTHER_ISSUER, good, keys, policy, public_key, verifier};

#[test]
fn a_revoked_token_is_out_at_once() {
    let verifier = verifier();
    let token = good("rs256");
    let verified = verifier.verify(&token, NOW_S).unwrap();
    let revocations = verifier.revocations();
    revocations.revoke("token-2", NOW_S + 1000, NOW_S).unwrap();
    assert!(verifier.verify(&token, NOW_S).is_ok());
    revocations
        .revoke("token-1", verified.ends_at_s(), NOW_S)
        .unwrap();
    assert_eq!(
        verifier.verify(&token, NOW_S).unwrap_err(),
        TokenRefusal::Revoked
    );
    assert_eq!(
        verifier.recheck(&verified, NOW_S),
        Err(TokenRefusal::Revoked)
    );
    // Another token with the same id, which was never seen before.
    let unseen = verifier.verify(&good("es256"), NOW_S);
    assert_eq!(unseen.unwrap_err(), TokenRefusal::Revoked);
}

#[test]
fn a_removed_key_takes_its_tokens_along() {
    let verifier = verifier();
    let tokens = ["rs256", "eddsa"].map(good);
    let verified = tokens
        .clone()
        .map(|it| verifier.verify(&it, NOW_S).unwrap());
    let left = TokenKeys::new([public_key("ed", "ed")]).unwrap();
    assert!(verifier.set_keys(Some(ISSUER), left));
    let refusal = TokenRefusal::UnknownKey {
        id: "rsa".into(),
        issuer: Some(ISSUER.to_owned()),
    };
    assert_eq!(verifier.verify(&tokens[0], NOW_S).unwrap_err(), refusal);
    assert_eq!(verifier.recheck(&verified[0], NOW_S), Err(refusal));
    assert!(verifier.verify(&tokens[1], NOW_S).is_ok());
    assert_eq!(verifier.recheck(&verified[1], NOW_S), Ok(()));

    // Another key under the old id is another key.
    let swapped = TokenKeys::new([public_key("ed_other", "ed")]).unwrap();
    assert!(verifier.set_keys(Some(ISSUER), swapped));
    assert!(verifier.verify(&tokens[1], NOW_S).is_err());
    assert!(verifier.recheck(&verified[1], NOW_S).is_err());

    // The keys come back, and so do the tokens.
    assert!(verifier.set_keys(Some(ISSUER), keys()));
    assert!(verifier.verify(&tokens[0], NOW_S).is_ok());
    assert_eq!(verifier.recheck(&verified[0], NOW_S), Ok(()));
    assert!(!verifier.set_keys(Some("nobody"), keys()));
    assert!(verifier.keys(Some("nobody")).is_none());
    assert_eq!(verifier.keys(Some(ISSUER)).unwrap().len(), keys().len());
}

/// The keys of one issuer say nothing about another's tokens, even if they are the same.
#[test]
fn a_socket_ends_with_its_own_issuers_key() {
    let verifier = verifier();
    let verified = verifier
        .verify(&good("of the other issuer"), NOW_S)
        .unwrap();
    let other = || TokenKeys::new([public_key("ed_other", "other")]).unwrap();
    verifier.set_keys(Some(ISSUER), other());
    assert_eq!(verifier.recheck(&verified, NOW_S), Ok(()));
    verifier.set_keys(Some(OTHER_ISSUER), TokenKeys::none());
    assert!(verifier.recheck(&verified, NOW_S).is_err());
}

#[test]
fn a_remembered_token_ends_when_it_says() {
    let verifier = verifier();
    let token = good("rs256");
    let verified = verifier.verify(&token, NOW_S).unwrap();
    assert_eq!(verified.ends_at_s(), NOW_S + 630);
    assert!(verifier.verify(&token, NOW_S + 629).is_ok());
    assert_eq!(verifier.recheck(&verified, NOW_S + 629), Ok(()));
    let refusal = TokenRefusal::Expired { ago_s: 30 };
    assert_eq!(verifier.verify(&token, NOW_S + 630).unwrap_err(), refusal);
    assert_eq!(verifier.recheck(&verified, NOW_S + 630), Err(refusal));
    let early = TokenRefusal::NotYet { in_s: 31 };
    assert_eq!(verifier.verify(&token, NOW_S - 41).unwrap_err(), early);
}

#[test]
fn an_issuer_has_one_policy() {
    for issuer in [Some(ISSUER.to_owned()), None] {
        let policy = TokenPolicy {
            issuer,
            ..TokenPolicy::default()
        };
        let twice = vec![(policy.clone(), keys()), (policy, keys())];
        assert!(TokenVerifier::new(twice).is_err());
    }
    // Any other issuer, or none: but the named one's tokens are judged by its own trust.
    let named = (policy(ISSUER), TokenKeys::none());
    let verifier = TokenVerifier::new(vec![(TokenPolicy::default(), keys()), named]).unwrap();
    assert!(verifier.verify(&good("rs256"), NOW_S).is_err());
    assert_eq!(verifier.issuers().collect::<Vec<_>>(), [None, Some(ISSUER)]);
}

#[test]
fn revocations_are_bounded_and_end_with_their_tokens() {
    let revocations = Revocations::bounded(2);
    assert_eq!(revocations.revoke("a", 100, 0), Ok(()));
    assert_eq!(revocations.revoke("b", 200, 0), Ok(()));
    let full = revocations.revoke("c", 200, 99);
    assert_eq!(full, Err(RevocationRefused::Full(2)));
    assert!(revocations.contains("a") && !revocations.contains("c"));
    // Once more, and for longer; never for shorter.
    assert_eq!(revocations.revoke("a", 150, 99), Ok(()));
    assert_eq!(revocations.revoke("a", 10, 99), Ok(()));
    assert_eq!(
        revocations.revoke("c", 200, 149),
        Err(RevocationRefused::Full(2))
    );
    assert_eq!(revocations.revoke("c", 200, 150), Ok(()));
    assert!(!revocations.contains("a") && revocations.contains("c"));
    let mut list = revocations.list();
    list.sort();
    assert_eq!(list, [("b".to_owned(), 200), ("c".to_owned(), 200)]);
    revocations.prune(200);
    assert!(revocations.list().is_empty() && !revocations.contains("b"));
    for id in [String::new(), "j".repeat(256)] {
        assert!(matches!(
            revocations.revoke(&id, 1, 0),
            Err(RevocationRefused::Length(_))
        ));
    }
}

#[test]
fn no_more_is_remembered_than_allowed() {
    let mint = TokenMint::from_secret(&[3; 32], None, Vec::new()).unwrap();
    for (max, most) in [(0, 0), (1, 16), (64, 64)] {
        let keys = TokenKeys::new([mint.verifying_key().clone()]).unwrap();
        let trusts = vec![(TokenPolicy::default(), keys)];
        let verifier = TokenVerifier::with_room(trusts, max).unwrap();
        for _ in 0..1000 {
            let token = minted(&mint, "agent-001", 60, NOW_S).0;
            for _ in 0..2 {
                verifier.verify(token.as_bytes(), NOW_S).unwrap();
            }
        }
        assert_eq!(verifier.seen_len(), most, "{max}");
    }
}

fn minted(mint: &TokenMint, subject: &str, ttl_s: u64, now_s: u64) -> (String, String, u64) {
    let grant = Grant {
        subject: subject.to_owned(),
        scopes: Vec::new(),
        streams: None,
        act_as: ActAs::These(Vec::new()),
        ttl_s,
    };
    let made = mint.mint(&grant, now_s).unwrap();
    (made.token, made.id, made.expires_at_s)
}

#[derive(Clone, Debug)]
enum Act {
    Mint { key: usize, ttl_s: u64 },
    Verify { back: usize },
    Revoke { back: usize },
    Keys([bool; 3]),
    Pass(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (0..3_usize, 1..60_u64).prop_map(|(key, ttl_s)| Act::Mint { key, ttl_s }),
        8 => (0..8_usize).prop_map(|back| Act::Verify { back }),
        1 => (0..8_usize).prop_map(|back| Act::Revoke { back }),
        1 => any::<[bool; 3]>().prop_map(Act::Keys),
        2 => (0..20_u64).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 0..120)
}

struct Made {
    token: String,
    id: String,
    expires_at_s: u64,
    key: usize,
    verified: Option<Verified>,
}

proptest! {
    /// Whatever is remembered, a token is good exactly if its key is there, it isn't revoked and its
    /// time hasn't passed: the same as asking a verifier that remembers nothing.
    #[test]
    fn remembering_changes_no_answer(acts in acts()) {
        let mints: Vec<TokenMint> = (0..3_u8)
            .map(|key| TokenMint::from_secret(&[key; 32], None, Vec::new()).unwrap())
            .collect();
        let chosen = |there: [bool; 3]| {
            let chosen = mints.iter().zip(there).filter(|(_, is_there)| *is_there);
            TokenKeys::new(chosen.map(|(mint, _)| mint.verifying_key().clone())).unwrap()
        };
        let policy = TokenPolicy { leeway_s: 5, ..TokenPolicy::default() };
        let mut there = [true; 3];
        let verifier = TokenVerifier::with_room(vec![(policy, chosen(there))], 32).unwrap();
        let (mut now_s, mut made, mut revoked) = (NOW_S, Vec::<Made>::new(), HashSet::new());
        for act in acts {
            match act {
                Act::Pass(seconds) => now_s += seconds,
                Act::Keys(now_there) => {
                    there = now_there;
                    verifier.set_keys(None, chosen(there));
                }
                Act::Mint { key, ttl_s } => {
                    let (token, id, expires_at_s) = minted(&mints[key], "a", ttl_s, now_s);
                    made.push(Made { token, id, expires_at_s, key, verified: None });
                }
                Act::Revoke { back } => {
                    let Some(index) = made.len().checked_sub(back + 1) else { continue };
                    let made = &made[index];
                    let until_s = made.expires_at_s + 5;
                    verifier.revocations().revoke(&made.id, until_s, now_s).unwrap();
                    revoked.insert(made.id.clone());
                }
                Act::Verify { back } => {
                    let Some(index) = made.len().checked_sub(back + 1) else { continue };
                    let made = &mut made[index];
                    let is_good = there[made.key]
                        && now_s < made.expires_at_s + 5
                        && !revoked.contains(&made.id);
                    let answer = verifier.verify(made.token.as_bytes(), now_s);
                    prop_assert_eq!(answer.is_ok(), is_good, "{:?}", answer);
                    if let Some(verified) = &made.verified {
                        prop_assert_eq!(verifier.recheck(verified, now_s).is_ok(), is_good);
                    }
                    made.verified = answer.ok().or(made.verified.take());
                }
            }
        }
    }
}

/// Keys are swapped while others verify: once `set_keys` has returned, no answer is of the old keys.
#[test]
fn a_removal_counts_for_all_threads_once_it_returns() {
    let verifier = verifier();
    let token = good("eddsa");
    std::thread::scope(|scope| {
        let verify_on = || {
            for _ in 0..2000 {
                let _ = verifier.verify(&token, NOW_S);
            }
        };
        scope.spawn(verify_on);
        scope.spawn(verify_on);
        for _ in 0..300 {
            verifier.set_keys(Some(ISSUER), TokenKeys::none());
            assert!(verifier.verify(&token, NOW_S).is_err());
            verifier.set_keys(Some(ISSUER), keys());
            assert!(verifier.verify(&token, NOW_S).is_ok());
        }
    });
}
