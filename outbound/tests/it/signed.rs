//! A signature is what another program makes of the same key, time and body.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::receiver::{Manner, OK, Receiver, header};
use crate::sender::{KEY, NOW_S, sender};

/// How a receiver checks a delivery, as the crate's documentation says, in Python.
const CHECK: &str = r"
import hashlib, hmac, sys
key, signature, now = sys.argv[1].encode(), sys.argv[2], int(sys.argv[3])
body = sys.stdin.buffer.read()
pairs = [pair.split('=', 1) for pair in signature.split(',')]
time = next(value for name, value in pairs if name == 't')
code = hmac.new(key, time.encode() + b'.' + body, hashlib.sha256).hexdigest()
fits = any(hmac.compare_digest(code, value) for name, value in pairs if name == 'v1')
sys.exit(0 if fits and abs(now - int(time)) <= 300 else 1)
";

fn is_genuine(key: &str, signature: &str, body: &[u8]) -> bool {
    let mut python = Command::new("python3")
        .args(["-c", CHECK, key, signature, &NOW_S.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(body).unwrap();
    python.wait().unwrap().success()
}

#[tokio::test]
async fn a_receiver_can_tell_what_is_genuine() {
    let mut receiver = Receiver::start("127.0.0.1", Manner::Writes(OK)).await;
    let sender = sender(&[&receiver.address.to_string()], Arc::default());
    let body = "{\"request_id\":\"req-001\",\"note\":\"grüße\"}".as_bytes();
    assert_eq!(sender.deliver(&receiver.url(), body).await.result, Ok(200));
    let request = receiver.requests.recv().await.unwrap();
    let end = request
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(request[..end].to_vec()).unwrap();
    let signature = header(&head, "x-agnt-signature").unwrap();
    let received = &request[end + 4..];
    assert_eq!(received, body);
    assert_eq!(header(&head, "x-agnt-delivery"), Some("req-001"));
    assert_eq!(header(&head, "idempotency-key"), Some("req-001"));

    assert!(is_genuine(KEY, signature, received));
    assert!(!is_genuine(KEY, signature, &received[1..]));
    assert!(!is_genuine("another key", signature, received));
    let later = signature.replace(&NOW_S.to_string(), &(NOW_S + 1).to_string());
    assert!(!is_genuine(KEY, &later, received));
}
