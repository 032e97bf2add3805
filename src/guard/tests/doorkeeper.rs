//! Tokens, tickets and clients at the door: who comes in, until when, and whose tokens are whose.

use super::*;
use crate::guard::{Badge, Denied, Message, NotRenewed, Reach, Scopes, Validity};

const NOW_S: u64 = 1_800_000_000;

fn terms() -> Terms {
    Terms {
        are_configured: true,
        token_ttl_s: 900,
        token_ttl_s_max: 86_400,
    }
}

/// A doorkeeper that takes tokens of its own, and a mint with the same key.
fn door() -> (Arc<Doorkeeper>, TokenMint) {
    let issuer = || Some("agnt".to_owned());
    let mint = || TokenMint::from_secret(&[7; 32], issuer(), Vec::new()).unwrap();
    let policy = TokenPolicy {
        issuer: issuer(),
        scopes: Scope::ALL.map(|scope| scope.name().to_owned()).to_vec(),
        leeway_s: 0,
        ..TokenPolicy::default()
    };
    let keys = TokenKeys::new([mint().verifying_key().clone()]).unwrap();
    let tokens = TokenVerifier::new(vec![(policy, keys)]).unwrap();
    let door = Doorkeeper::new(Arc::default(), (tokens, mint()), terms(), Box::new(|_| {}));
    (Arc::new(door), mint())
}

fn grant(scopes: &[&str]) -> Grant {
    Grant {
        subject: "agent-001".to_owned(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        streams: None,
        act_as: ActAs::These(Vec::new()),
        ttl_s: 60,
    }
}

fn bearer(door: &Doorkeeper, token: &str, now_s: u64) -> Identity {
    let header = format!("Bearer {token}");
    let presented = Presented {
        authorization: Some(header.as_bytes()),
        ..Presented::default()
    };
    door.identify(presented, now_s)
}

fn client(secret: &ClientSecret, created_at_s: u64) -> TokenClient {
    TokenClient {
        client_id: "agent-007".to_owned(),
        digest: secret.digest(),
        scopes: [Scope::Agents].into_iter().collect(),
        streams: None,
        act_as: Vec::new(),
        certificate: None,
        created_at_us: created_at_s * 1_000_000,
        revoked_at_us: None,
    }
}

#[test]
fn configured_credentials_end_that_everyone_may_do_everything() {
    let (door, mint) = door();
    assert!(!door.is_open());
    let nobody = door.identify(Presented::default(), NOW_S);
    assert!(matches!(
        nobody,
        Identity::Refused(CredentialRefusal::Missing)
    ));
    let minted = mint.mint(&grant(&["read"]), NOW_S).unwrap();
    let identity = bearer(&door, &minted.token, NOW_S);
    assert!(identity.allows(Scope::Read) && !identity.allows(Scope::Publish));
    assert_eq!(identity.subject(), Some("agent-001"));
    assert!(identity.speaks_for("agent-001") && !identity.speaks_for("agent-002"));
    assert!(door.admits(&identity, NOW_S + 59));
    assert!(!door.admits(&identity, NOW_S + 60), "it is over");
    assert!(matches!(
        bearer(&door, &minted.token, NOW_S + 60),
        Identity::Refused(_)
    ));
}

#[test]
fn a_revoked_token_ends_for_who_is_inside_too() {
    let (door, mint) = door();
    let minted = mint.mint(&grant(&["read"]), NOW_S).unwrap();
    let identity = bearer(&door, &minted.token, NOW_S);
    let revocations = door.tokens().revocations();
    revocations.revoke(&minted.id, NOW_S + 60, NOW_S).unwrap();
    assert!(!door.admits(&identity, NOW_S));
    assert!(matches!(
        bearer(&door, &minted.token, NOW_S),
        Identity::Refused(CredentialRefusal::Revoked)
    ));
}

#[test]
fn a_ticket_stands_for_its_owner_once_and_not_longer_than_the_owner() {
    let (door, mint) = door();
    let minted = mint.mint(&grant(&["read"]), NOW_S).unwrap();
    let identity = bearer(&door, &minted.token, NOW_S);
    let show = |ticket: &str, now_s| {
        let mut presented = Presented::default();
        presented.of_browser.ticket = Some(ticket.as_bytes());
        door.identify(presented, now_s)
    };
    let ticket = door.give_ticket(&identity, NOW_S).unwrap();
    assert_eq!(show(&ticket, NOW_S).subject(), Some("agent-001"));
    assert!(matches!(show(&ticket, NOW_S), Identity::Refused(_)));
    let late = door.give_ticket(&identity, NOW_S).unwrap();
    assert!(matches!(show(&late, NOW_S + 30), Identity::Refused(_)));
    let orphan = door.give_ticket(&identity, NOW_S + 50).unwrap();
    assert!(matches!(
        show(&orphan, NOW_S + 61),
        Identity::Refused(CredentialRefusal::Revoked)
    ));
}

#[test]
fn a_client_gets_tokens_for_its_secret_until_it_is_revoked_or_gets_another() {
    let (door, _) = door();
    let secret = ClientSecret::generate().unwrap();
    door.put_client(client(&secret, NOW_S));
    let text = secret.reveal();
    let other = ClientSecret::generate().unwrap().reveal();
    for (id, secret) in [
        ("agent-007", other.as_str()),
        ("agent-008", text.as_str()),
        ("agent-007", "x"),
        ("", ""),
    ] {
        let refused = door.issue(id, secret, None, NOW_S).unwrap_err();
        assert_eq!(refused, NotIssued::Unknown, "{id}");
    }
    let issued = door.issue("agent-007", &text, None, NOW_S).unwrap();
    let identity = bearer(&door, &issued.token, NOW_S + 1);
    assert!(identity.allows(Scope::Agents) && identity.speaks_for("agent-007"));
    assert_eq!(identity.agents(), &Reach::These(vec!["agent-007".into()]));

    let fresh = ClientSecret::generate().unwrap();
    door.put_client(client(&fresh, NOW_S + 5));
    assert!(!door.admits(&identity, NOW_S + 5), "its secret was changed");
    assert!(door.issue("agent-007", &text, None, NOW_S + 5).is_err());
    let issued = door
        .issue("agent-007", &fresh.reveal(), None, NOW_S + 6)
        .unwrap();
    let identity = bearer(&door, &issued.token, NOW_S + 6);
    assert!(door.admits(&identity, NOW_S + 6));
    let mut revoked = client(&fresh, NOW_S + 5);
    revoked.revoked_at_us = Some(1);
    door.put_client(revoked);
    assert!(!door.admits(&identity, NOW_S + 6));
    assert!(matches!(
        bearer(&door, &issued.token, NOW_S + 6),
        Identity::Refused(CredentialRefusal::Revoked)
    ));
}

#[test]
fn a_secret_that_is_changed_within_a_second_ends_the_tokens_of_the_former_one() {
    let (door, _) = door();
    let [former, fresh] = [0; 2].map(|_| ClientSecret::generate().unwrap());
    door.put_client(client(&former, NOW_S));
    let issue = |secret: &ClientSecret| {
        let issued = door.issue("agent-007", &secret.reveal(), None, NOW_S);
        issued.unwrap().token
    };
    let old = issue(&former);
    let held = bearer(&door, &old, NOW_S);
    assert!(door.admits(&held, NOW_S));
    let mut revoked = client(&former, NOW_S);
    revoked.revoked_at_us = Some(NOW_S * 1_000_000 + 1);
    door.put_client(revoked);
    let mut changed = client(&fresh, NOW_S);
    changed.created_at_us += 2;
    door.put_client(changed);
    assert!(!door.admits(&held, NOW_S));
    assert!(matches!(
        bearer(&door, &old, NOW_S),
        Identity::Refused(CredentialRefusal::Revoked)
    ));
    let new = bearer(&door, &issue(&fresh), NOW_S);
    assert!(door.admits(&new, NOW_S));
}

#[test]
fn a_certificate_is_asked_for_beside_the_secret_and_is_never_enough() {
    let (door, _) = door();
    let secret = ClientSecret::generate().unwrap();
    let mut strict = client(&secret, NOW_S);
    strict.certificate = Some([9; 32]);
    door.put_client(strict);
    let text = secret.reveal();
    assert!(door.issue("agent-007", &text, None, NOW_S).is_err());
    let wrong = door.issue("agent-007", &text, Some(&[8; 32]), NOW_S);
    assert!(wrong.is_err());
    assert!(door.issue("agent-007", "", Some(&[9; 32]), NOW_S).is_err());
    assert!(
        door.issue("agent-007", &text, Some(&[9; 32]), NOW_S)
            .is_ok()
    );
}

#[test]
fn a_badge_says_what_may_be_said_and_can_be_renewed_by_its_owner() {
    let (door, mint) = door();
    let token = |grant: Grant| mint.mint(&grant, NOW_S).unwrap().token;
    let reader = bearer(&door, &token(grant(&["read"])), NOW_S);
    let badge = Badge::new(Arc::clone(&door), "main", reader);
    assert_eq!(badge.permits(Message::Subscribe), Ok(()));
    assert_eq!(badge.permits(Message::Heartbeat), Ok(()));
    assert_eq!(
        badge.permits(Message::PositionFrame),
        Err(Denied::Scope(&[Scope::Publish]))
    );
    let other = Grant {
        subject: "agent-002".to_owned(),
        ..grant(&["publish"])
    };
    assert_eq!(
        badge.renew(&token(other), NOW_S, |_| Ok(())),
        Err(NotRenewed::OtherSubject)
    );
    assert!(badge.renew("nonsense", NOW_S, |_| Ok(())).is_err());
    let longer = Grant {
        ttl_s: 600,
        ..grant(&["publish"])
    };
    assert_eq!(badge.renew(&token(longer), NOW_S, |_| Ok(())), Ok(()));
    assert_eq!(badge.permits(Message::PositionFrame), Ok(()));
    assert_eq!(badge.validity(NOW_S + 500), Validity::Good);
    assert_eq!(badge.validity(NOW_S + 600), Validity::Ended);
    assert_eq!(badge.ends_at_s(), Some(NOW_S + 600));

    let elsewhere = Grant {
        streams: Some(vec!["other".to_owned()]),
        ..grant(&["read", "publish"])
    };
    let elsewhere = bearer(&door, &token(elsewhere), NOW_S);
    let badge = Badge::new(Arc::clone(&door), "main", elsewhere);
    assert_eq!(
        badge.permits(Message::PositionFrame),
        Err(Denied::Stream("main".into()))
    );
    assert_eq!(badge.permits(Message::Subscribe), Err(Denied::AllStreams));
}

#[test]
fn nothing_said_is_missing_until_it_is_shown() {
    let (door, mint) = door();
    let nobody = door.identify(Presented::default(), NOW_S);
    let badge = Badge::new(Arc::clone(&door), "main", nobody);
    assert_eq!(badge.validity(NOW_S), Validity::Missing);
    assert_eq!(badge.permits(Message::Heartbeat), Err(Denied::Credentials));
    let at = (std::time::Instant::now(), NOW_S);
    assert!(badge.show("nonsense", at).is_err());
    let minted = mint.mint(&grant(&["read"]), NOW_S).unwrap();
    assert_eq!(badge.show(&minted.token, at), Ok(()));
    assert_eq!(badge.validity(NOW_S), Validity::Good);
}

#[test]
fn a_client_is_checked_before_it_is_taken() {
    let secret = ClientSecret::generate().unwrap();
    let good = client(&secret, 1);
    assert!(good.clone().checked().is_ok());
    for bad in [
        TokenClient {
            client_id: "a b".to_owned(),
            ..good.clone()
        },
        TokenClient {
            client_id: String::new(),
            ..good.clone()
        },
        TokenClient {
            scopes: Scopes::default(),
            ..good.clone()
        },
        TokenClient {
            act_as: vec![String::new()],
            ..good.clone()
        },
        TokenClient {
            streams: Some(vec!["x".to_owned(); 65]),
            ..good
        },
    ] {
        assert!(bad.checked().is_err());
    }
}
