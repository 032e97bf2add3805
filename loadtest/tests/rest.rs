//! `agnt-load rest` against a small server of the agent API that is right, and against ones that are
//! wrong in one way each: what is wrong must be found, and a stall must show in the latencies.

#![allow(clippy::unwrap_used)] // a test ends where it fails

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_agnt-load");

/// How a server is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// It shows another agent than the one asked for.
    OtherAgent,
    /// It has had enough after some requests.
    TooMany,
    /// It acknowledges tasks and forgets them.
    Forgetful,
    /// It closes some connections instead of answering.
    Closing,
    /// Its pages lack their last agent.
    ShortPages,
    /// It answers nobody for half a second, once.
    Stalling,
}

/// What the server remembers.
#[derive(Debug)]
struct State {
    fault: Fault,
    agents: Mutex<Vec<String>>,
    tasks: Mutex<Vec<String>>,
    asked: AtomicU32,
    gets: AtomicU32,
}

/// Starts a server that lives as long as the test.
fn serve(fault: Fault) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(State {
        fault,
        agents: Mutex::default(),
        tasks: Mutex::default(),
        asked: AtomicU32::new(0),
        gets: AtomicU32::new(0),
    });
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let state = Arc::clone(&state);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                tokio::spawn(async move {
                    let stream = TokioIo::new(stream);
                    drop(
                        http1::Builder::new()
                            .serve_connection(stream, service)
                            .await,
                    );
                });
            }
        });
    });
    address
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let asked = state.asked.fetch_add(1, Ordering::Relaxed);
    match state.fault {
        Fault::TooMany if asked > 100 && head.method == Method::GET => {
            return Ok(response(429, &json!({"message": "slower"})));
        }
        Fault::Closing if asked % 50 == 49 && head.method == Method::GET => {
            return Err(std::io::Error::other("enough"));
        }
        // Some way into the second that is measured, which begins after two tenths.
        Fault::Stalling
            if head.method == Method::GET && state.gets.fetch_add(1, Ordering::Relaxed) == 80 =>
        {
            // The whole thread, so everybody waits.
            thread::sleep(Duration::from_millis(500));
        }
        _ => {}
    }
    let path = head.uri.path().strip_prefix("/api/v1").unwrap().to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (status, body) = match (head.method.as_str(), parts.as_slice()) {
        ("POST", ["agents"]) => {
            let id = body["agent_id"].as_str().unwrap().to_owned();
            state.agents.lock().unwrap().push(id);
            (201, json!({}))
        }
        ("GET", ["agents"]) => (200, page(&state, head.uri.query().unwrap())),
        ("GET", ["agents", id]) if state.fault == Fault::OtherAgent => {
            (200, json!({"agent_id": format!("{id}0")}))
        }
        ("GET", ["agents", id]) | ("POST", ["agents", id, "heartbeat"]) => {
            (200, json!({"agent_id": id}))
        }
        ("DELETE", ["agents", _]) => (204, Value::Null),
        ("POST", ["tasks"]) => {
            let id = body["task_id"].as_str().unwrap().to_owned();
            state.tasks.lock().unwrap().push(id.clone());
            (201, json!({"id": id}))
        }
        ("GET", ["tasks", id]) => {
            let knows = state.tasks.lock().unwrap().iter().any(|task| task == id);
            match knows && state.fault != Fault::Forgetful {
                true => (200, json!({"id": id})),
                false => (404, json!({"message": "no such task"})),
            }
        }
        other => panic!("{other:?}"),
    };
    Ok(response(status, &body))
}

fn page(state: &State, query: &str) -> Value {
    let number = |name: &str| -> usize {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name));
        value.unwrap().parse().unwrap()
    };
    let (page, limit) = (number("page="), number("limit="));
    let agents = state.agents.lock().unwrap();
    let on_page = agents.iter().skip((page - 1) * limit).take(limit);
    let mut shown: Vec<Value> = on_page.map(|id| json!({"id": id})).collect();
    if state.fault == Fault::ShortPages {
        shown.pop();
    }
    json!({"agents": shown, "pagination": {"page": page, "limit": limit, "total": agents.len()}})
}

fn response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let body = if status == 204 {
        String::new()
    } else {
        body.to_string()
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status.try_into().unwrap();
    response
}

/// Runs `agnt-load rest` for a moment; its output and what it wrote as JSON. A run during which the
/// machine stood still measured something else, and is repeated.
fn rest(fault: Fault, options: &[&str]) -> (Output, Value) {
    let is_measured = |report: &Value| {
        let has_stalled = report["unsent"] != 0 || report["window_s"].as_f64() > Some(1.5);
        report.is_object() && (fault == Fault::Stalling || !has_stalled)
    };
    for _ in 0..4 {
        let (output, report) = rest_once(fault, options);
        if is_measured(&report) {
            return (output, report);
        }
    }
    rest_once(fault, options)
}

fn rest_once(fault: Fault, options: &[&str]) -> (Output, Value) {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("rest.json");
    let output = Command::new(PROGRAM)
        .args(["rest", "--target", &format!("http://{}", serve(fault))])
        .args([
            "--seconds",
            "1",
            "--warmup-seconds",
            "0.2",
            "--agents",
            "30",
        ])
        .arg("--json")
        .arg(&json)
        .args(options)
        .output()
        .unwrap();
    let text = std::fs::read(&json).unwrap_or_default();
    let report = serde_json::from_slice(&text).unwrap_or(Value::Null);
    (output, report)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const MIX: [&str; 4] = [
    "--mix",
    "get=40,list=20,post=20,heartbeat=20",
    "--connections",
    "8",
];

#[test]
fn a_right_server_is_found_right() {
    for rate in ["500", "max"] {
        let (output, report) = rest(Fault::None, &[&MIX[..], &["--rate", rate]].concat());
        assert!(output.status.success(), "{}", said(&output));
        let kinds = report["kinds"].as_array().unwrap();
        assert_eq!(kinds.len(), 4);
        for kind in kinds {
            assert_eq!(kind["sent"], kind["right"], "{kind}");
            assert!(kind["sent"].as_u64().unwrap() > 20, "{kind}");
        }
        assert!(report["tasks_read"].as_u64().unwrap() > 20);
        let latency = &report["latency_us"];
        assert!(latency["p50"].as_u64().unwrap() <= latency["max"].as_u64().unwrap());
        assert!(report["window_answers"].as_u64().unwrap() > 200, "{report}");
    }
}

#[test]
fn what_is_wrong_is_found_and_named() {
    for (fault, expected) in [
        (Fault::OtherAgent, "was asked for"),
        (
            Fault::TooMany,
            "status 429 instead of 200: {\"message\":\"slower\"}",
        ),
        (Fault::Forgetful, "an acknowledged task"),
        (Fault::Closing, "the server closed the connection"),
        (Fault::ShortPages, "instead of page"),
    ] {
        let (output, _) = rest(fault, &[&MIX[..], &["--rate", "500"]].concat());
        assert_eq!(
            output.status.code(),
            Some(1),
            "{fault:?}: {}",
            said(&output)
        );
        assert!(
            said(&output).contains(expected),
            "{fault:?}: {}",
            said(&output)
        );
    }
}

#[test]
fn a_stall_counts_for_every_request_that_was_due_in_it() {
    let options = ["--mix", "get=1", "--connections", "1", "--rate", "200"];
    let (output, report) = rest(Fault::Stalling, &options);
    assert!(output.status.success(), "{}", said(&output));
    // A hundred of two hundred were due in the stall; counted from when it was sent, one was slow.
    let p90 = report["latency_us"]["p90"].as_u64().unwrap();
    assert!(p90 >= 100_000, "{report}");
}

#[test]
fn the_bare_server_answers_what_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answer.http");
    let given = "HTTP/1.1 202 Accepted\r\nX-Own: 7\r\nDate: never\r\nContent-Length: 4\r\n\r\nbody";
    std::fs::write(&path, given).unwrap();
    let mut child = Command::new(PROGRAM)
        .args([
            "rest",
            "bare",
            "--listen",
            "127.0.0.1:0",
            "--until-stdin-closes",
            "--answer",
        ])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "GET /any HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nbody"), "{answer}");
    let head = answer.to_ascii_lowercase();
    assert_eq!(head.matches("x-own: 7\r\n").count(), 1, "{answer}");
    assert_eq!(head.matches("content-length: 4\r\n").count(), 1, "{answer}");
    assert!(
        head.contains("date: ") && !head.contains("never"),
        "{answer}"
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn options_that_can_not_be_meant_are_refused() {
    let refused = |options: &[&str], status: i32, expected: &str| {
        let output = Command::new(PROGRAM)
            .arg("rest")
            .args(options)
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(status),
            "{options:?}: {}",
            said(&output)
        );
        assert!(
            said(&output).contains(expected),
            "{options:?}: {}",
            said(&output)
        );
    };
    let target = "http://127.0.0.1:1";
    refused(&[], 2, "--target");
    refused(
        &["--target", target, "--mix", "put=1"],
        2,
        "expected KIND=PARTS",
    );
    refused(&["--target", target, "--rate", "0"], 2, "expected `max`");
    refused(
        &["--target", target, "--connections", "0"],
        2,
        "--connections",
    );
    refused(&["--target", "http://192.0.2.1:80"], 1, "--allow-remote");
    refused(&["--target", target], 1, "connection to 127.0.0.1:1");
    refused(&["compare"], 2, "--spawn");
    refused(&["bare", "--answer", "no-such-file"], 1, "no-such-file");
}
