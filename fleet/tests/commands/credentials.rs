//! Rows of credentials: bounded, and revocations of tokens apart from keys and clients.

use agnt_fleet::{Mutation, RefusalKind};

use crate::swarm::{Swarm, id};

/// Puts a row; if it is refused, the cap that says so.
fn put(swarm: &mut Swarm, name: &str) -> Result<(), String> {
    let (id, bytes) = (id(name), b"{}".to_vec());
    let done = swarm.execute(Mutation::PutKey { id, bytes });
    done.map(drop).map_err(|refusal| {
        assert_eq!(refusal.kind, RefusalKind::TooMany);
        refusal.details["cap"].as_str().unwrap().to_owned()
    })
}

#[test]
fn keys_and_clients_leave_room_for_revocations() {
    let mut swarm = Swarm::new();
    for number in 0..10_000 {
        put(&mut swarm, &format!("k{number}")).unwrap();
    }
    for name in ["more", "client-more"] {
        assert_eq!(put(&mut swarm, name), Err("keys_max".to_owned()));
    }
    // What is there may change, as when it is revoked.
    put(&mut swarm, "k1").unwrap();
    put(&mut swarm, "revocation-1").unwrap();
}

#[test]
fn revocations_leave_room_for_keys_and_clients() {
    let mut swarm = Swarm::new();
    for number in 0..100_000 {
        put(&mut swarm, &format!("revocation-{number}")).unwrap();
    }
    let full = put(&mut swarm, "revocation-more");
    assert_eq!(full, Err("revocations_max".to_owned()));
    for name in ["key", "client-1"] {
        put(&mut swarm, name).unwrap();
    }
}
