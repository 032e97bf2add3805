//! Proves that no part of the server that must run for ever ends unnoticed: each is ended in turn,
//! and either it begins anew, which is counted, or the server says which one it has lost.

use crate::support::server::{Lost, TestServer};

/// Those that begin anew.
const LASTING: [&str; 4] = ["callbacks", "flock", "health polls", "housekeeping"];

fn server() -> (TestServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    let mut server = TestServer::with(|config| {
        config.outbound_allow = vec!["127.0.0.1".parse().unwrap()];
        config.outbound_hmac_secret_file = Some(secret.clone());
    });
    server.fly();
    (server, folder)
}

#[test]
fn the_end_of_each_part_is_noticed() {
    let (first, _folder) = server();
    let parts = first.parts();
    assert!(parts.len() >= 9, "{parts:?}");
    drop(first);
    for part in parts {
        let (mut server, _folder) = server();
        let expected = match LASTING.contains(&part) {
            true => Lost::Begun,
            false => Lost::Named(part),
        };
        assert_eq!(server.lose(part), expected, "{part}");
    }
}

#[test]
fn the_flock_flies_again_after_its_end() {
    let (mut server, _folder) = server();
    let moves = |server: &TestServer| {
        let mut viewer = server.viewer("main");
        // The state at the start, then what moves.
        for _ in 0..3 {
            viewer.binary();
        }
    };
    moves(&server);
    assert_eq!(server.lose("flock"), Lost::Begun);
    moves(&server);
}
