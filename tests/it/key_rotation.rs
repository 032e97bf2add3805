//! Proves that the keys of an issuer change under a running server, those of files and those that it
//! publishes: who has a token of a new key comes in, who came in by one that was taken out is sent
//! away, all others stay, and what is no good changes nothing and is counted.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use crate::support::eventually;
use crate::support::issuer::{Issuer, jwks};
use crate::support::program::Program;
use crate::support::rest::Rest;
use crate::support::server::PATH;
use crate::support::tokens::{AUDIENCE, ISSUER, Signed, bearer, claims, key_file, sign, sign_by};
use crate::support::ws::Client;

/// What everyone here may do.
const SCOPES: &[&str] = &["read", "metrics"];

fn status(address: SocketAddr, token: &str) -> u16 {
    let mut rest = Rest::to(address);
    rest.headers = bearer(token);
    rest.ask("GET", "/v1/agents", None).0
}

fn await_status(address: SocketAddr, token: &str, wished: u16) {
    eventually("the keys change", || {
        (status(address, token) == wished).then_some(())
    });
}

/// A sample of `/metrics`, read by that token.
fn metric(address: SocketAddr, token: &str, sample: &str) -> u64 {
    let mut rest = Rest::to(address);
    rest.headers = bearer(token);
    let answer = rest.exchange("GET", "/metrics", "", None);
    let text = answer.text();
    let line = text.lines().find_map(|line| line.strip_prefix(sample));
    line.unwrap().trim().parse().unwrap()
}

/// A session that came in by that token.
fn session(address: SocketAddr, token: &str) -> Client {
    let target = format!("{PATH}?protocols=json&role=viewer");
    let socket = crate::support::http::open(address);
    let mut client = Client::upgrade(socket, &target, &bearer(token), &[]);
    client.settle();
    client
}

fn assert_sent_away(mut client: Client) {
    let (_, code, reason) = client.until_close();
    assert_eq!(code, 4401, "{reason}");
}

/// Writes a file of several keys, so that nobody reads half of it.
fn write(path: &Path, keys: &[&str]) {
    let texts = keys
        .iter()
        .map(|name| std::fs::read_to_string(key_file(name)));
    let text: String = texts.map(Result::unwrap).collect();
    replace(path, &text);
}

fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

#[test]
fn keys_of_files_change_by_themselves_and_by_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let (pem, set) = (folder.path().join("a.pem"), folder.path().join("b.json"));
    write(&pem, &["ed.pub.pem", "rsa.pub.pem"]);
    replace(&set, &jwks(&[("e", "es.pub.pem")]).to_string());
    let (program, address) = Program::serve(
        &[
            &["--jwt-key", pem.to_str().unwrap()][..],
            &["--jwks", set.to_str().unwrap()],
            &["--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE],
            &["--rate-limit", "0", "--loops", "1"],
        ]
        .concat(),
    );
    let token = |how| sign(&claims("someone", SCOPES), how);
    let [rsa, ed, es] = [Signed::Rs256, Signed::EdDsa, Signed::Es256].map(token);
    let [of_rsa, mut of_ed, of_es] = [&rsa, &ed, &es].map(|token| session(address, token));
    let reloads = |result: &str| {
        let sample = format!("agnt_key_file_reloads_total{{result=\"{result}\"}}");
        metric(address, &ed, &sample)
    };
    let await_reloads = |result: &str, count: u64| {
        eventually(result, || (reloads(result) == count).then_some(()));
    };

    replace(&pem, "-----BEGIN PUBLIC KEY-----\nnonsense\n");
    await_reloads("refused", 1);
    for token in [&rsa, &ed, &es] {
        assert_eq!(status(address, token), 200);
    }

    write(&pem, &["ed.pub.pem"]);
    assert_sent_away(of_rsa);
    assert_eq!(status(address, &rsa), 401);
    await_reloads("applied", 1);

    replace(&set, &jwks(&[("o", "es_other.pub.pem")]).to_string());
    program.signal("HUP");
    assert_sent_away(of_es);
    assert_eq!(status(address, &es), 401);
    assert_eq!(status(address, &token(Signed::OtherEs256)), 200);

    program.signal("HUP");
    eventually("nothing changes", || {
        (reloads("unchanged") > 0).then_some(())
    });
    assert_eq!(status(address, &ed), 200);
    of_ed.settle();

    program.signal("TERM");
    drop(of_ed);
    let ended = program.wait();
    for told in [
        "the keys of files stay as they are",
        "the keys of files have changed",
    ] {
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
}

#[test]
fn published_keys_rotate_from_the_old_one_over_both_to_the_new_one() {
    let issuer = Issuer::start();
    let (old, new) = (("old", "es.pub.pem"), ("new", "es_other.pub.pem"));
    issuer.publish("/keys", jwks(&[old]));
    let url = issuer.url("/keys");
    let (program, address) = Program::serve(
        &[
            &[
                "--jwks",
                &url,
                "--jwt-issuer",
                ISSUER,
                "--jwt-audience",
                AUDIENCE,
            ][..],
            &["--rate-limit", "0", "--loops", "1"],
        ]
        .concat(),
    );
    let token = |id, how| sign_by(Some(id), &claims("someone", SCOPES), how);
    let (by_old, by_new) = (
        token("old", Signed::Es256),
        token("new", Signed::OtherEs256),
    );
    await_status(address, &by_old, 200);
    assert_eq!(status(address, &by_new), 401);
    let of_old = session(address, &by_old);

    issuer.publish("/keys", jwks(&[old, new]));
    program.signal("HUP");
    await_status(address, &by_new, 200);
    assert_eq!(status(address, &by_old), 200);
    let mut of_new = session(address, &by_new);

    issuer.publish("/keys", Value::from("nonsense"));
    program.signal("HUP");
    eventually("it is counted", || {
        let failed = metric(address, &by_new, "agnt_issuer_key_fetches_failed_total");
        (failed > 0).then_some(())
    });
    for token in [&by_old, &by_new] {
        assert_eq!(status(address, token), 200);
    }

    issuer.publish("/keys", jwks(&[new]));
    program.signal("HUP");
    assert_sent_away(of_old);
    assert_eq!(status(address, &by_old), 401);
    assert_eq!(status(address, &by_new), 200);
    of_new.settle();

    program.signal("TERM");
    drop(of_new);
    let ended = program.wait();
    for told in ["the keys have changed", "the old keys stay"] {
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
}
