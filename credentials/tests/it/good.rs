//! Tokens that OpenSSL signed are taken, and say what they were made to say.

use agnt_credentials::{ActAs, Token};

use crate::rig::{NOW_S, tokens, verifier};

fn plain() -> Token {
    Token {
        subject: "agent-001".to_owned(),
        scopes: vec!["read".to_owned(), "publish".to_owned()],
        streams: None,
        act_as: ActAs::These(Vec::new()),
        expires_at_s: NOW_S + 600,
        not_before_s: NOW_S - 10,
        issued_at_s: Some(NOW_S - 10),
        id: Some("token-1".to_owned()),
        secret_since_us: None,
    }
}

/// What each says that differs from the plain one.
fn expected(name: &str) -> Token {
    let texts = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let mut token = plain();
    match name {
        "parts of seconds" => {
            token.expires_at_s = NOW_S;
            token.not_before_s = NOW_S;
        }
        "no iat, nbf, jti" => {
            token.not_before_s = 0;
            token.issued_at_s = None;
            token.id = None;
        }
        "scopes as a list" => token.scopes = texts(&["publish"]),
        "scp as a list" | "scp as a text" => token.scopes = texts(&["read"]),
        "no scope" => token.scopes = Vec::new(),
        "streams" => token.streams = Some(texts(&["north", "south"])),
        "no streams at all" => token.streams = Some(Vec::new()),
        "act as two" => token.act_as = ActAs::These(texts(&["agent-002", "agent-003"])),
        "act as everyone" | "act as everyone, in a list" => token.act_as = ActAs::Everyone,
        "expired within the leeway" => {
            token.expires_at_s = NOW_S - 29;
            token.issued_at_s = Some(NOW_S - 90);
        }
        "to be good within the leeway" => {
            token.not_before_s = NOW_S + 30;
            token.issued_at_s = Some(NOW_S + 30);
        }
        _ => {}
    }
    token
}

#[test]
fn each_is_taken_and_understood() {
    let verifier = verifier();
    let tokens = tokens("/good");
    assert_eq!(tokens.len(), 25);
    for (name, token) in tokens {
        let token = token.as_str().unwrap().as_bytes();
        for _ in 0..2 {
            let verified = verifier.verify(token, NOW_S);
            let verified = verified.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            assert_eq!(*verified.token(), expected(&name), "{name}");
            assert_eq!(verifier.recheck(&verified, NOW_S), Ok(()), "{name}");
        }
    }
    assert_eq!(verifier.seen_len(), 25);
}

#[test]
fn what_it_allows_is_asked_by_name() {
    let mut token = plain();
    assert!(token.has_scope("read") && !token.has_scope("admin") && !token.has_scope("rea"));
    assert!(token.is_for_stream("north"));
    token.streams = Some(vec!["south".to_owned()]);
    assert!(token.is_for_stream("south") && !token.is_for_stream("north"));
    token.streams = Some(Vec::new());
    assert!(!token.is_for_stream("south"));
    assert!(token.speaks_for("agent-001") && !token.speaks_for("agent-002"));
    token.act_as = ActAs::These(vec!["agent-002".to_owned()]);
    assert!(token.speaks_for("agent-002") && !token.speaks_for("agent-003"));
    token.act_as = ActAs::Everyone;
    assert!(token.speaks_for("agent-003"));
}
