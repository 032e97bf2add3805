//! Proves that a token which `agnt token` makes as the documents type it is taken by the server that
//! trusts the key, whatever kind of key it is, and that one too long for a server is told of.

use crate::support::http;
use crate::support::program::{Ended, Program};
use crate::support::tokens::{bearer, key_file};

fn make(key: &str, more: &[&str]) -> Ended {
    let typed = [
        "token",
        "--key",
        key,
        "--sub",
        "me",
        "--scope",
        "read,agents",
    ];
    Program::start(&[&typed, more].concat()).wait()
}

fn status(setting: &[&str], token: &str) -> u16 {
    let (server, address) = Program::serve(setting);
    let mut socket = http::open(address);
    let own = bearer(token.trim_end());
    let request = format!("GET /v1/agents HTTP/1.1\r\nHost: localhost\r\n{own}\r\n");
    let (answer, _) = http::exchange(&mut socket, &request);
    server.crash();
    answer.status
}

#[test]
fn a_token_as_it_is_typed_in_the_documents_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    let secret = secret.to_str().unwrap();
    for name in ["rsa", "es", "ed"] {
        let (private, public) = (
            key_file(&format!("{name}.pem")),
            key_file(&format!("{name}.pub.pem")),
        );
        let made = make(private.to_str().unwrap(), &[]);
        assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""));
        let setting = ["--jwt-key", public.to_str().unwrap()];
        assert_eq!(status(&setting, &made.stdout), 200, "{name}");
    }
    let made = make(secret, &[]);
    let setting = ["--jwt-hs256-secret-file", secret];
    assert_eq!(status(&setting, &made.stdout), 200);
    let own = key_file("es.pem");
    let own = own.to_str().unwrap();
    let made = make(own, &["--issuer", "agnt"]);
    assert_eq!(status(&["--token-key", own], &made.stdout), 200);
}

#[test]
fn a_token_that_is_good_for_longer_than_servers_allow_is_told_of() {
    let key = key_file("es.pem");
    let made = make(key.to_str().unwrap(), &["--ttl", "172800"]);
    assert_eq!(made.code, Some(0));
    assert!(
        made.stderr.starts_with("ttl: 172800 s; "),
        "{}",
        made.stderr
    );
    assert_eq!(made.stdout.matches('.').count(), 2, "{}", made.stdout);
}
