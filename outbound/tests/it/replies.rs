//! Receivers that answer badly: elsewhere, late, without end, or no HTTP at all.

use std::sync::Arc;

use agnt_outbound::{Failure, Fault, Outcome};

use crate::receiver::{Manner, OK, Receiver, header};
use crate::sender::{sender, settings, start};

/// Enough for every answer that comes at all.
const PATIENT_MS: u64 = 30_000;
/// For bodies that never end, after heads that come.
const BODY_MS: u64 = 8_000;
/// For answers that never come.
const SHORT_MS: u64 = 2_000;

/// One delivery to a receiver of this manner, with a second attempt.
async fn deliver_to(manner: Manner, attempt_ms: u64) -> (Receiver, Outcome) {
    let receiver = Receiver::start("127.0.0.1", manner).await;
    let mut settings = settings(&[&receiver.address.to_string()]);
    settings.limits.attempt_ms = attempt_ms;
    settings.limits.retries_max = 1;
    // Two attempts that keep their time fit into this; one that doesn't expires instead.
    settings.limits.delivery_ms = 3 * PATIENT_MS;
    let sender = start(settings, Arc::default());
    let outcome = sender.deliver(&receiver.url(), b"{\"a\":1}").await;
    (receiver, outcome)
}

#[tokio::test]
async fn a_request_is_what_it_is_to_be() {
    let mut receiver = Receiver::start("127.0.0.1", Manner::Writes(OK)).await;
    let sender = sender(&[&receiver.address.to_string()], Arc::default());
    let url = format!("{}?task=task-001&x=%20", receiver.url());
    assert_eq!(sender.deliver(&url, b"{\"a\":1}").await.result, Ok(200));
    let request = String::from_utf8(receiver.requests.recv().await.unwrap()).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("POST /hook?task=task-001&x=%20 HTTP/1.1\r\n"),
        "{head}"
    );
    assert_eq!(
        header(head, "host"),
        Some(receiver.address.to_string().as_str())
    );
    assert_eq!(header(head, "content-length"), Some("7"));
    assert_eq!(header(head, "connection"), Some("close"));
    assert_eq!(body, "{\"a\":1}");

    let target = sender.outbound.judge(&url).unwrap();
    let health = sender.outbound.poll(&target).await.unwrap();
    assert!(health.is_healthy());
    let request = String::from_utf8(receiver.requests.recv().await.unwrap()).unwrap();
    assert!(
        request.starts_with("GET /hook?task=task-001&x=%20 HTTP/1.1\r\n"),
        "{request}"
    );
    assert_eq!(header(&request, "x-agnt-signature"), None);
    assert!(request.ends_with("\r\n\r\n"));
}

#[tokio::test]
async fn nobody_follows_a_redirect() {
    let replies = [
        (
            301,
            "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:9/\r\n\r\n",
        ),
        (
            302,
            "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            307,
            "HTTP/1.1 307 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            308,
            "HTTP/1.1 308 Found\r\nLocation: //127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        ),
    ];
    for (status, reply) in replies {
        let (receiver, outcome) = deliver_to(Manner::Writes(reply), PATIENT_MS).await;
        assert_eq!(outcome.result, Err(Failure::Redirected { status }));
        assert_eq!((outcome.attempts, receiver.hits()), (1, 1));
    }
}

#[tokio::test]
async fn a_silent_receiver_costs_its_time_and_no_more() {
    let (receiver, outcome) = deliver_to(Manner::WritesAndWaits(""), SHORT_MS).await;
    assert_eq!(outcome.result, Err(Failure::Fault(Fault::TimedOut)));
    assert_eq!((outcome.attempts, receiver.hits()), (2, 2));
    let (_, outcome) = deliver_to(Manner::WritesAndWaits("HTTP/1.1 200 OK\r\nX: "), SHORT_MS).await;
    assert_eq!(outcome.result, Err(Failure::Fault(Fault::TimedOut)));
}

#[tokio::test]
async fn an_answer_counts_even_if_its_body_never_ends() {
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    let (_, outcome) = deliver_to(Manner::WritesAndWaits(head), BODY_MS).await;
    assert_eq!((outcome.attempts, outcome.result), (1, Ok(200)));

    let piece: &str = Box::leak("x".repeat(4096).into_boxed_str());
    let (receiver, outcome) = deliver_to(Manner::WritesForEver(head, piece), PATIENT_MS).await;
    assert_eq!((outcome.attempts, outcome.result), (1, Ok(200)));
    // What the kernel buffers on its way lies between what was read and what was written.
    assert!(
        receiver.written_bytes() < 16 << 20,
        "{}",
        receiver.written_bytes()
    );

    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n";
    let (_, outcome) = deliver_to(Manner::WritesForEver(huge, piece), PATIENT_MS).await;
    assert_eq!((outcome.attempts, outcome.result), (1, Ok(200)));
}

#[tokio::test]
async fn a_head_without_end_is_no_answer() {
    let lines = (
        "HTTP/1.1 200 OK\r\n",
        "X-Long: 0123456789012345678901234567890123456789\r\n",
    );
    let (_, outcome) = deliver_to(Manner::WritesForEver(lines.0, lines.1), PATIENT_MS).await;
    assert_eq!(outcome.result, Err(Failure::Fault(Fault::Malformed)));
    let (_, outcome) = deliver_to(
        Manner::WritesForEver("HTTP/1.1 200 OK\r\nX: ", "xxxxxxxx"),
        PATIENT_MS,
    )
    .await;
    assert_eq!(outcome.result, Err(Failure::Fault(Fault::Malformed)));
    let early = "HTTP/1.1 100 Continue\r\n\r\n";
    let (_, outcome) = deliver_to(Manner::WritesForEver(early, early), SHORT_MS).await;
    assert!(outcome.result.is_err(), "{outcome:?}");
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    let (_, outcome) = deliver_to(Manner::Writes("SSH-2.0-OpenSSH_9.9\r\n"), PATIENT_MS).await;
    assert_eq!(outcome.result, Err(Failure::Fault(Fault::Malformed)));
    let (receiver, outcome) = deliver_to(Manner::Closes, PATIENT_MS).await;
    assert_eq!(outcome.result, Err(Failure::Fault(Fault::Lost)));
    assert_eq!(receiver.hits(), 2);
    let (_, outcome) = deliver_to(Manner::Writes("HTTP/1.1 200 OK\r\nX: cut"), PATIENT_MS).await;
    assert_eq!(outcome.result, Err(Failure::Fault(Fault::Lost)));
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let receiver = Receiver::start("127.0.0.1", Manner::Closes).await;
    let sender = sender(&["127.0.0.1:*"], Arc::default());
    // Bound and not listening: the kernel refuses connections, and nobody else takes the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = socket.local_addr().unwrap();
    assert_ne!(closed, receiver.address);
    let target = sender.outbound.judge(&format!("http://{closed}/")).unwrap();
    let polled = sender.outbound.poll(&target).await;
    assert_eq!(
        polled.unwrap_err().to_string(),
        Fault::Unreachable.to_string()
    );
}

#[tokio::test]
async fn a_stalled_receiver_holds_up_nobody_else() {
    let stalled = Receiver::start("127.0.0.1", Manner::WritesAndWaits("")).await;
    let well = Receiver::start("127.0.0.1", Manner::Writes(OK)).await;
    let mut settings = settings(&["127.0.0.1:*"]);
    settings.limits.attempt_ms = 300_000;
    settings.limits.delivery_ms = 900_000;
    let sender = start(settings, Arc::default());
    let stalled_told: Vec<_> = (0..20)
        .map(|_| sender.send(&stalled.url(), b"{}").unwrap())
        .collect();
    for _ in 0..20 {
        assert_eq!(sender.deliver(&well.url(), b"{}").await.result, Ok(200));
    }
    // Its first attempts are still under way, and no others were begun.
    assert!(
        stalled_told
            .into_iter()
            .all(|mut told| told.try_recv().is_err())
    );
    assert!(stalled.hits() <= 4);
}
