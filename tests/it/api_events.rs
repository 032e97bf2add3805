//! Proves that a stream of events begins where its client left off, has no hole and no repeat, goes
//! on as events come, tells of what is not kept, and ends when the server stops.

use serde_json::json;

use crate::support::program::Program;
use crate::support::rest::{EventStream, Rest};
use crate::support::server::TestServer;

fn publish(rest: &mut Rest, topic: &str, number: u64) -> u64 {
    let body = json!({"topic": topic, "data": {"number": number}});
    let published = rest.expect(202, "POST", "/api/v1/events", Some(&body));
    published["sequence"].as_u64().unwrap()
}

fn numbers(stream: &mut EventStream, count: usize) -> Vec<(u64, u64)> {
    let next = || {
        let event = stream.next().unwrap();
        let number = &event.data["publication"]["data"]["number"];
        (event.id.unwrap(), number.as_u64().unwrap())
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn a_stream_goes_on_where_its_client_left_off() {
    let server = TestServer::with(|config| config.rate_limit = 0);
    let mut rest = Rest::to(server.address);
    let sequences: Vec<u64> = (0..700)
        .map(|n| publish(&mut rest, "news.local", n))
        .collect();
    assert_eq!(sequences, (1..=700).collect::<Vec<_>>());
    // From the beginning, by the query; across several pages of the log, and on as events come.
    let mut stream = Rest::to(server.address).stream("/api/v1/events?after=0", "");
    let expected = |from: u64, to: u64| (from..=to).map(|at| (at, at - 1)).collect::<Vec<_>>();
    assert_eq!(numbers(&mut stream, 700), expected(1, 700));
    publish(&mut rest, "news.local", 700);
    assert_eq!(numbers(&mut stream, 1), [(701, 700)]);
    // From the middle, by the header, which stands over the query: a client that comes again.
    let resumed = "Last-Event-ID: 600\r\n";
    let mut stream = Rest::to(server.address).stream("/api/v1/events?after=0", resumed);
    assert_eq!(numbers(&mut stream, 101), expected(601, 701));
    // From now on, without either.
    let mut stream = Rest::to(server.address).stream("/api/v1/events", "");
    publish(&mut rest, "news.local", 701);
    assert_eq!(numbers(&mut stream, 1), [(702, 701)]);
}

#[test]
fn a_stream_has_only_what_its_topic_matches() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let target = "/api/v1/events?after=0&topic=news.*.urgent";
    let mut stream = Rest::to(server.address).stream(target, "");
    for (number, topic) in [
        "news.a.urgent",
        "news.a.calm",
        "news.urgent",
        "news.b.urgent",
    ]
    .into_iter()
    .enumerate()
    {
        publish(&mut rest, topic, number as u64);
    }
    assert_eq!(numbers(&mut stream, 2), [(1, 0), (4, 3)]);
    let page = rest.expect(200, "GET", target, None);
    assert_eq!(page["events"].as_array().unwrap().len(), 2, "{page}");
    assert_eq!((&page["next_after"], &page["head"]), (&json!(4), &json!(4)));
}

#[test]
fn a_client_from_another_log_is_told_of_the_gap() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    publish(&mut rest, "news", 0);
    let mut stream = Rest::to(server.address).stream("/v1/events?after=1000", "");
    let gap = stream.next().unwrap();
    assert_eq!((gap.id, gap.name.as_str()), (None, "gap"));
    assert_eq!(gap.data["reason"], "ahead", "{}", gap.data);
    publish(&mut rest, "news", 1);
    assert_eq!(stream.next().unwrap().id, Some(2));
    let wrong = rest.exchange(
        "GET",
        "/v1/events",
        "Accept: text/event-stream\r\nLast-Event-ID: yesterday\r\n",
        None,
    );
    assert_eq!(wrong.status, 400);
}

#[test]
fn a_stream_ends_whole_when_the_server_stops() {
    let (program, address) = Program::serve(&[]);
    let mut rest = Rest::to(address);
    let mut stream = Rest::to(address).stream("/v1/events?after=0", "");
    publish(&mut rest, "news", 0);
    assert_eq!(stream.next().unwrap().id, Some(1));
    program.signal("TERM");
    assert!(stream.next().is_none(), "the last chunk ends it");
    assert_eq!(program.wait().code, Some(0));
}
