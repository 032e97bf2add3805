#!/usr/bin/env python3
"""Traces as a collector gets them: check_traces.py PROGRAM.

A collector of its own takes what the server sends and reads it by OpenTelemetry's own description of OTLP.
Proves that a request, a session and a commit each have a span with its times; that a traceparent that comes is
followed, and one that says "not recorded" is; that the log names the same trace, in JSON; that a collector that is
away, slow or refuses holds nobody up, and what was lost is counted; that a commit names the requests that it
carried; and that what happened just before a drain is told too.
"""

import base64
import http.client
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE_S = 90
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.spans, self.services, self.status, self.posts = [], set(), 200, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def await_span(self, is_wanted):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for span in list(self.spans):
                if is_wanted(span):
                    return span
            time.sleep(0.02)
        raise AssertionError(f"no such span among {[span.name for span in self.spans]}")


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json"
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posts += 1
        if self.server.status == 200:
            self.take(document)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def take(self, document):
        # OTLP writes ids in hexadecimal digits, where JSON of protobuf has base64; all else is the same.
        for resource in document["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    for numbered in (span, *span["links"]):
                        for name, digits in (("traceId", 32), ("spanId", 16), ("parentSpanId", 16)):
                            if name in numbered:
                                assert re.fullmatch(f"[0-9a-f]{{{digits}}}|", numbered[name]), span
                                numbered[name] = base64.b64encode(bytes.fromhex(numbered[name])).decode()
        request = json_format.ParseDict(document, ExportTraceServiceRequest())
        for resource in request.resource_spans:
            named = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            self.server.services.add(named["service.name"])
            for scope in resource.scope_spans:
                self.server.spans += scope.spans

    def log_message(self, *_):
        pass


def start(program, folder, endpoint):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AGNT_")}
    server = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder + "/data", "--log-json",
                               "--log", "info,agnt::requests=debug", "--otlp-endpoint", endpoint],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    host, port = server.stdout.readline().strip().removeprefix("listening on http://").rsplit(":", 1)
    return server, host, int(port)


def ask(host, port, method, path, body=None, headers=()):
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    sent = json.dumps(body) if body is not None else None
    connection.request(method, path, sent, {"Content-Type": "application/json", **dict(headers)})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def attributes(span):
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}


def is_sane(span):
    taken_s = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    return 0 <= taken_s < PATIENCE_S and abs(span.start_time_unix_nano / 1e9 - time.time()) < 2 * PATIENCE_S


def recorded(program, folder):
    collector = Collector()
    server, host, port = start(program, folder, f"http://127.0.0.1:{collector.server_address[1]}")
    followed = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    assert ask(host, port, "POST", "/v1/agents", {"agent_id": "a", "capabilities": ["x"]}, followed)[0] < 300
    span = collector.await_span(lambda span: span.trace_id.hex() == TRACE)
    assert span.parent_span_id.hex() == PARENT and span.kind == span.SPAN_KIND_SERVER and is_sane(span), span
    assert attributes(span)["http.request.method"] == "POST" and span.name.startswith("POST /agents"), span
    assert attributes(span)["http.response.status_code"] in (200, 201) and collector.services == {"agnt"}

    assert ask(host, port, "GET", "/v1/agents/nobody")[0] == 404
    other = collector.await_span(lambda span: attributes(span).get("http.response.status_code") == 404)
    assert other.trace_id.hex() != TRACE and other.parent_span_id == b"" and attributes(other)["http.route"] == "/agents/{agent_id}"
    commit = collector.await_span(lambda span: span.name == "commit" and attributes(span)["agnt.requests"] >= 1)
    assert is_sane(commit) and commit.kind == commit.SPAN_KIND_INTERNAL
    linked = [(link.trace_id.hex(), link.span_id) for link in commit.links]
    assert linked == [(TRACE, span.span_id)], (linked, span)

    hidden = "0af7651916cd43dd8448eb211c80319c"
    ask(host, port, "GET", "/v1/agents", headers={"traceparent": f"00-{hidden}-{PARENT}-00"})
    viewer = socket.create_connection((host, port))
    viewer.sendall((f"GET /agents/ws?protocols=json HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"traceparent: 00-{TRACE}-{PARENT}-01\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
    assert viewer.recv(12) == b"HTTP/1.1 101"
    viewer.close()
    session = collector.await_span(lambda span: span.name == "session /agents/ws")
    assert session.trace_id.hex() == TRACE and session.parent_span_id.hex() == PARENT and is_sane(session)
    assert not any(span.trace_id.hex() == hidden for span in collector.spans)
    last = "1af7651916cd43dd8448eb211c80319c"
    late = {"agent_id": "late", "capabilities": ["x"]}
    assert ask(host, port, "POST", "/v1/agents", late, {"traceparent": f"00-{last}-{PARENT}-01"})[0] < 300
    server.send_signal(signal.SIGTERM)
    _, log = server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 0
    # A batch whose answer came too late is sent again, and told twice then.
    told = {span.name for span in collector.spans if span.trace_id.hex() == last}
    assert told == {"POST /agents"}, (told, "what came just before the drain was lost")
    assert any(link.trace_id.hex() == last for span in collector.spans for link in span.links)
    lines = [json.loads(line) for line in log.splitlines()]
    traced = [line["fields"] for line in lines if line["target"] == "agnt::requests"]
    assert any(line["trace_id"] == TRACE and line["span_id"] == span.span_id.hex() for line in traced), traced
    print("ok: requests, sessions and commits are told of, as OTLP says, and the log names the same traces")


def away(program, folder):
    collector = Collector()
    collector.status = 503
    server, host, port = start(program, folder, f"http://127.0.0.1:{collector.server_address[1]}")
    for _ in range(200):
        assert ask(host, port, "GET", "/v1/agents")[0] == 200
    deadline = time.monotonic() + PATIENCE_S
    lost = 0
    while not lost and time.monotonic() < deadline:
        told = ask(host, port, "GET", "/metrics")[1]
        lost = int(re.search(r'agnt_spans_total{result="lost"} (\d+)', told)[1])
        time.sleep(0.1)
    assert lost > 0 and collector.posts >= 2
    server.send_signal(signal.SIGTERM)
    _, log = server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 0 and log.count("spans can't be sent") == 1, log[-2000:]
    print("ok: a collector that refuses holds nobody up, and what is lost is counted")


for check in (recorded, away):
    with tempfile.TemporaryDirectory() as name:
        check(os.path.abspath(sys.argv[1]), name)
