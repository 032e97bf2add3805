//! Tickets are good once and for a short time, and clients' secrets are compared by their digests.

use std::collections::HashSet;

use agnt_credentials::{
    CLIENT_SECRET_PREFIX, ClientSecret, TICKET_PREFIX, TICKET_TTL_S, TicketRefusal, TicketRefused,
    Tickets,
};
use proptest::prelude::*;

#[test]
fn a_ticket_is_good_once() {
    let tickets = Tickets::default();
    let text = tickets.give("agent-001", 100).unwrap();
    assert!(text.starts_with(TICKET_PREFIX) && text.len() == TICKET_PREFIX.len() + 43);
    assert_eq!(tickets.redeem(text.as_bytes(), 100), Ok("agent-001"));
    let again = tickets.redeem(text.as_bytes(), 100);
    assert_eq!(again, Err(TicketRefusal::Unknown));
    assert!(tickets.is_empty());
}

#[test]
fn a_ticket_ends() {
    let tickets = Tickets::default();
    let [last, late] = [1, 2].map(|name| tickets.give(name, 100).unwrap());
    let ends_at_s = 100 + TICKET_TTL_S;
    assert_eq!(tickets.redeem(last.as_bytes(), ends_at_s - 1), Ok(1));
    let refusal = tickets.redeem(late.as_bytes(), ends_at_s);
    assert_eq!(refusal, Err(TicketRefusal::Expired));
    let again = tickets.redeem(late.as_bytes(), 100);
    assert_eq!(again, Err(TicketRefusal::Unknown));
}

#[test]
fn what_is_no_ticket_lets_nobody_in() {
    let tickets = Tickets::default();
    let text = tickets.give((), 100).unwrap();
    for at in 0..text.len() {
        let refusal = tickets.redeem(&text.as_bytes()[..at], 100);
        assert_eq!(refusal, Err(TicketRefusal::Form));
    }
    let longer = format!("{text}A");
    assert_eq!(
        tickets.redeem(longer.as_bytes(), 100),
        Err(TicketRefusal::Form)
    );
    let other = format!("{TICKET_PREFIX}{}", "A".repeat(43));
    assert_eq!(
        tickets.redeem(other.as_bytes(), 100),
        Err(TicketRefusal::Unknown)
    );
    assert_eq!(tickets.redeem(text.as_bytes(), 100), Ok(()));
}

#[derive(Clone, Debug)]
enum Act {
    Give,
    Redeem(usize),
    Pass(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Give),
        4 => (0..30_usize).prop_map(Act::Redeem),
        1 => (0..20_u64).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 0..200)
}

proptest! {
    /// Against a plain list of what was given out, when, and whether it was used.
    #[test]
    fn they_are_what_a_plain_list_says(acts in acts()) {
        let tickets = Tickets::bounded(10);
        let mut given: Vec<(String, u64, bool)> = Vec::new();
        let mut now_s = 1_000;
        for act in acts {
            match act {
                Act::Pass(seconds) => now_s += seconds,
                Act::Give => {
                    let alive = given.iter().filter(|(_, at_s, _)| now_s < at_s + TICKET_TTL_S);
                    let is_full = alive.count() >= 10;
                    match tickets.give(given.len(), now_s) {
                        Ok(text) => {
                            prop_assert!(!is_full);
                            given.push((text, now_s, false));
                        }
                        Err(refused) => {
                            prop_assert_eq!(refused, TicketRefused::Full(10));
                            prop_assert!(is_full);
                        }
                    }
                    prop_assert!(tickets.len() <= 10);
                }
                Act::Redeem(back) => {
                    let Some(index) = given.len().checked_sub(back + 1) else { continue };
                    let (text, at_s, used) = &mut given[index];
                    let is_good = !*used && now_s < *at_s + TICKET_TTL_S;
                    let stands_for = tickets.redeem(text.as_bytes(), now_s).ok();
                    prop_assert_eq!(stands_for, is_good.then_some(index));
                    *used = true;
                }
            }
        }
    }
}

#[test]
fn a_clock_that_is_put_back_does_not_lock_the_counter() {
    let tickets = Tickets::bounded(2);
    for _ in 0..2 {
        tickets.give((), 1_000_000).unwrap();
    }
    assert!(tickets.give((), 1_000_000).is_err());
    assert!(tickets.give((), 1_000).is_ok());
}

#[test]
fn a_clients_secret_is_known_by_its_digest() {
    // The bytes 0 to 31 in base64, and their SHA-256, both by other programs.
    let text = format!("{CLIENT_SECRET_PREFIX}AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    let secret = ClientSecret::parse(text.as_bytes()).unwrap();
    let digest = secret.digest().map(|byte| format!("{byte:02x}")).concat();
    let expected = "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd";
    assert_eq!(digest, expected);
    assert_eq!(secret.reveal(), text);
    assert_eq!(format!("{secret:?}"), "ClientSecret(hidden)");

    let others: Vec<ClientSecret> = (0..1000)
        .map(|_| ClientSecret::generate().unwrap())
        .collect();
    let texts: HashSet<String> = others.iter().map(ClientSecret::reveal).collect();
    assert_eq!(texts.len(), 1000);
    for other in others {
        let again = ClientSecret::parse(other.reveal().as_bytes()).unwrap();
        assert!(again.has_digest(&other.digest()) && !again.has_digest(&secret.digest()));
    }
    for at in 0..text.len() {
        assert!(ClientSecret::parse(&text.as_bytes()[..at]).is_none());
    }
    assert!(ClientSecret::parse(text.replace('_', "-").as_bytes()).is_none());
}
