//! A name that leads elsewhere the next time it is asked gains nothing: each attempt looks it up
//! once, and goes where that one answer led.
//!
//! 127.0.0.2 stands for an address that is allowed, 127.0.0.1 for one that isn't.

use std::io::ErrorKind;
use std::sync::Arc;

use agnt_outbound::{Failure, Fault, RefusedTarget};

use crate::receiver::{Manner, OK, Receiver};
use crate::sender::{Names, Sender, sender};

const BUSY: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

struct Scene {
    allowed: Receiver,
    canary: Receiver,
    sender: Sender,
    names: Arc<Names>,
    url: String,
}

async fn scene(reply: &'static str, answers: &[&[&str]]) -> Scene {
    // A port that is free at both addresses.
    let (allowed, canary, port) = loop {
        let allowed = Receiver::start("127.0.0.2", Manner::Writes(reply)).await;
        let port = allowed.address.port();
        let canary = Receiver::start_at(&format!("127.0.0.1:{port}"), Manner::Writes(OK)).await;
        match canary {
            Ok(canary) => break (allowed, canary, port),
            Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
        }
    };
    let names = Arc::new(Names::default().lead("turning.example", answers));
    let opened = format!("127.0.0.2:{port}");
    Scene {
        allowed,
        canary,
        sender: sender(&["turning.example:*", &opened], Arc::clone(&names)),
        names,
        url: format!("http://turning.example:{port}/hook"),
    }
}

fn is_refused(result: &Result<u16, Failure>) -> bool {
    matches!(
        result,
        Err(Failure::Fault(Fault::Refused(
            RefusedTarget::Address { .. }
        )))
    )
}

#[tokio::test]
async fn a_name_that_turns_inward_between_attempts_is_refused_there() {
    let scene = scene(BUSY, &[&["127.0.0.2"], &["127.0.0.1"]]).await;
    let outcome = scene.sender.deliver(&scene.url, b"{}").await;
    assert!(is_refused(&outcome.result), "{outcome:?}");
    assert_eq!((outcome.attempts, scene.names.lookups()), (2, 2));
    assert_eq!((scene.allowed.hits(), scene.canary.hits()), (1, 0));
}

#[tokio::test]
async fn an_attempt_asks_once_and_goes_where_that_answer_led() {
    let scene = scene(OK, &[&["127.0.0.2"], &["127.0.0.1"]]).await;
    let outcome = scene.sender.deliver(&scene.url, b"{}").await;
    assert_eq!((outcome.result, scene.names.lookups()), (Ok(200), 1));
    assert_eq!((scene.allowed.hits(), scene.canary.hits()), (1, 0));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_spoils_the_whole_answer() {
    let mixed: [&[&str]; 3] = [
        &["127.0.0.2", "127.0.0.1"],
        &["127.0.0.1", "127.0.0.2"],
        &["127.0.0.2", "::ffff:127.0.0.1"],
    ];
    for answer in mixed {
        let scene = scene(OK, &[answer]).await;
        let outcome = scene.sender.deliver(&scene.url, b"{}").await;
        assert!(is_refused(&outcome.result), "{answer:?}: {outcome:?}");
        assert_eq!((scene.allowed.hits(), scene.canary.hits()), (0, 0));
    }
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_tried_again_and_given_up() {
    let scene = scene(OK, &[&[]]).await;
    let outcome = scene.sender.deliver(&scene.url, b"{}").await;
    assert_eq!(outcome.result, Err(Failure::Fault(Fault::Unresolved)));
    assert_eq!((outcome.attempts, scene.names.lookups()), (4, 4));
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_does_not_answer() {
    // Nobody listens at 127.0.0.3.
    let scene = scene(OK, &[&["127.0.0.3", "127.0.0.2"]]).await;
    let opened = scene.allowed.address.port();
    let names = Arc::clone(&scene.names);
    let sender = sender(
        &["turning.example:*", &format!("127.0.0.2/31:{opened}")],
        names,
    );
    assert_eq!(sender.deliver(&scene.url, b"{}").await.result, Ok(200));
    assert_eq!(scene.allowed.hits(), 1);
}
