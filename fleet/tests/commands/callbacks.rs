//! Callbacks: kept under a path of this server, sent to a URL, or refused; and what is kept there
//! has its bounds.

use agnt_fleet::command::{Callback, CallbackStatus, CommandKind};
use agnt_fleet::core::CoreSettings;
use agnt_fleet::mutation::NewCommand;
use agnt_fleet::{Mutation, RefusalKind};
use serde_json::json;

use crate::asked::{answer, done, failed, issue, of_kind, row, staffed};
use crate::swarm::{Swarm, id};

fn request(url: &str, status: CallbackStatus) -> NewCommand {
    NewCommand {
        callback: Some(Callback {
            url: url.to_owned(),
            status,
        }),
        ..of_kind(CommandKind::Request)
    }
}

fn status(swarm: &Swarm) -> CallbackStatus {
    row(swarm, "c").callback.as_ref().unwrap().status
}

fn settle(swarm: &mut Swarm, status: CallbackStatus) -> Result<(), RefusalKind> {
    let command = id("c");
    let settled = swarm.execute(Mutation::SettleCallback { command, status });
    settled.map(drop).map_err(|refusal| refusal.kind)
}

#[test]
fn an_answer_is_kept_under_a_relative_path() {
    let mut swarm = staffed();
    let path = "/api/v1/callbacks/req-001";
    issue(&mut swarm, request(path, CallbackStatus::Pending)).unwrap();
    assert_eq!(status(&swarm), CallbackStatus::Pending);
    assert!(swarm.core.tables().answers.is_empty());
    answer(&mut swarm, "c", done(json!({ "n": 1 }))).unwrap();
    assert_eq!(status(&swarm), CallbackStatus::Stored);
    swarm.restart();
    let kept = &swarm.core.tables().answers[path].body;
    assert_eq!(kept["response"]["request_id"], "c");
    assert_eq!(kept["response"]["data"], json!({ "n": 1 }));
}

#[test]
fn every_end_goes_to_the_callback() {
    let path = "/api/v1/callbacks/req-001";
    let mut swarm = staffed();
    issue(&mut swarm, request(path, CallbackStatus::Pending)).unwrap();
    answer(&mut swarm, "c", failed(json!("no"))).unwrap();
    let kept = swarm.core.tables().answers[path].body.clone();
    assert_eq!(kept["response"]["status"], "failed");
    assert_eq!(kept["response"]["errors"], json!(["no"]));

    let mut swarm = staffed();
    issue(&mut swarm, request(path, CallbackStatus::Pending)).unwrap();
    swarm.pass_s(31);
    let kept = swarm.core.tables().answers[path].body.clone();
    assert_eq!(kept["response"]["status"], "timeout");
}

#[test]
fn an_absolute_url_is_sending_until_it_is_settled() {
    for end in [CallbackStatus::Delivered, CallbackStatus::Failed] {
        let mut swarm = staffed();
        let url = "https://hooks.example/done";
        issue(&mut swarm, request(url, CallbackStatus::Pending)).unwrap();
        assert_eq!(settle(&mut swarm, end), Err(RefusalKind::Conflict));
        answer(&mut swarm, "c", done(json!(1))).unwrap();
        assert_eq!(status(&swarm), CallbackStatus::Sending);
        let not_an_end = settle(&mut swarm, CallbackStatus::Stored);
        assert_eq!(not_an_end, Err(RefusalKind::Conflict));
        swarm.restart();
        assert_eq!(status(&swarm), CallbackStatus::Sending);
        assert_eq!(settle(&mut swarm, end), Ok(()));
        assert_eq!(status(&swarm), end);
        assert_eq!(settle(&mut swarm, end), Err(RefusalKind::Conflict));
        assert!(swarm.core.tables().answers.is_empty());
    }
}

#[test]
fn a_refused_url_stays_refused() {
    let mut swarm = staffed();
    issue(
        &mut swarm,
        request("http://10.0.0.1/", CallbackStatus::Refused),
    )
    .unwrap();
    answer(&mut swarm, "c", done(json!(1))).unwrap();
    assert_eq!(status(&swarm), CallbackStatus::Refused);
}

#[test]
fn what_looks_like_a_path_and_names_a_host_is_none() {
    let mut swarm = staffed();
    issue(
        &mut swarm,
        request("//hooks.example/done", CallbackStatus::Pending),
    )
    .unwrap();
    answer(&mut swarm, "c", done(json!(1))).unwrap();
    assert_eq!(status(&swarm), CallbackStatus::Sending);
}

#[test]
fn what_is_too_large_is_not_kept() {
    let mut swarm = staffed();
    let path = "/api/v1/callbacks/req-001";
    issue(&mut swarm, request(path, CallbackStatus::Pending)).unwrap();
    let large = json!("x".repeat(64 << 10));
    answer(&mut swarm, "c", done(large.clone())).unwrap();
    assert_eq!(status(&swarm), CallbackStatus::Failed);
    assert_eq!(row(&swarm, "c").result, Some(large.clone()));
    let store = |path: &str, body| Mutation::StoreAnswer {
        path: path.to_owned(),
        body,
    };
    let refusal = swarm.execute(store(path, large)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::TooLarge);
    let refusal = swarm.execute(store("nowhere", json!(1))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Invalid);
    swarm.execute(store(path, json!("x"))).unwrap();

    let long = format!("/{}", "x".repeat(1024));
    let mut swarm = staffed();
    issue(&mut swarm, request(&long, CallbackStatus::Pending)).unwrap();
    assert_eq!(status(&swarm), CallbackStatus::Refused);
    let refusal = swarm.execute(store(&long, json!(1))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Invalid);
}

#[test]
fn the_oldest_answers_go_first() {
    let mut swarm = Swarm::with(CoreSettings {
        commands_kept_max: 3,
        ..CoreSettings::default()
    });
    let mut store = |path: &str| {
        let path = path.to_owned();
        let body = json!(1);
        swarm.execute(Mutation::StoreAnswer { path, body }).unwrap();
        let mut kept: Vec<&str> = swarm
            .core
            .tables()
            .answers
            .keys()
            .map(String::as_str)
            .collect();
        kept.sort_unstable();
        kept.join(" ")
    };
    store("/b");
    store("/a");
    assert_eq!(store("/c"), "/a /b /c");
    // Kept anew, it is the newest.
    assert_eq!(store("/b"), "/a /b /c");
    assert_eq!(store("/d"), "/b /c /d");
    assert_eq!(store("/e"), "/b /d /e");
}
