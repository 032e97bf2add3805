"""A certificate that is replaced: by its files alone and on demand, under load, with good and with
bad ones. No connection is dropped for it."""

import os
import ssl
import threading
import time

from certificates import fingerprint
from server import Server, eventually
from websocket import WebSocket, connect, positions, trusting

DONE = 'agnt_certificate_reloads_total{result="done"}'
FAILED = 'agnt_certificate_reloads_total{result="failed"}'

VIEWERS = 20


def run(folder, authority):
    first, second, third = (authority.server(f"renewal-{number}") for number in range(3))
    certificate, key = folder / "shown.pem", folder / "shown.key"
    put(first, certificate, key)
    context = trusting(authority.certificate)
    with Server("--tls-cert", certificate, "--tls-key", key) as server:
        traffic = Traffic(server, context)
        assert shown(server, authority) == fingerprint(first[0])
        put(second, certificate, key)
        eventually(
            "the new certificate is shown",
            lambda: shown(server, authority) == fingerprint(second[0]),
        )
        # Neither what is no certificate, nor one whose key is another's.
        certificate.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        eventually("the bad file was seen", lambda: server.metric(FAILED, context) >= 1)
        assert shown(server, authority) == fingerprint(second[0])
        failed = server.metric(FAILED, context)
        certificate.write_bytes(third[0].read_bytes())
        eventually("the mismatch was seen", lambda: server.metric(FAILED, context) > failed)
        assert shown(server, authority) == fingerprint(second[0])
        eventually(
            "the log says what stays",
            lambda: any("tls_cert" in line and "old one stays" in line for line in server.log),
        )
        key.write_bytes(third[1].read_bytes())
        eventually(
            "the third is shown", lambda: shown(server, authority) == fingerprint(third[0])
        )
        # On demand: also if nothing has changed.
        done = server.metric(DONE, context)
        server.signal("SIGHUP")
        eventually("SIGHUP was heard", lambda: server.metric(DONE, context) > done)
        traffic.end()


def put(pair, certificate, key):
    """Puts a certificate and its key in place, each as a whole."""
    for source, target in zip(pair, (certificate, key)):
        fresh = target.with_suffix(".new")
        fresh.write_bytes(source.read_bytes())
        os.replace(fresh, target)


def shown(server, authority):
    """The fingerprint of the certificate that a new connection is shown."""
    connection = connect(server.address, trusting(authority.certificate))
    der = connection.getpeercert(binary_form=True)
    connection.close()
    pem = ssl.DER_cert_to_PEM_cert(der)
    path = authority.folder / "shown.pem"
    path.write_text(pem)
    return fingerprint(path)


class Traffic:
    """A publisher, viewers and a REST client on connections that are kept; new ones come as well."""

    def __init__(self, server, context):
        self.server, self.context = server, context
        self.is_over = False
        self.failures = []
        self.counts = [0] * (VIEWERS + 2)
        self.publisher = self.session("publisher")
        self.viewers = [self.session("viewer") for _ in range(VIEWERS)]
        works = [lambda at=at: self.view(at) for at in range(VIEWERS)]
        works += [self.publish, self.ask, self.come_and_go]
        self.threads = [threading.Thread(target=self.guard, args=(work,)) for work in works]
        for thread in self.threads:
            thread.start()

    def session(self, role):
        connection = connect(self.server.address, self.context)
        return WebSocket(connection, f"protocols=binary&role={role}")

    def guard(self, work):
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has failed
            self.failures.append(repr(error))

    def publish(self):
        tick = 0
        while not self.is_over:
            tick += 1
            self.publisher.send(2, positions([(1, float(tick))]))
            time.sleep(0.02)
        # What the viewers wait for.
        for _ in range(5):
            self.publisher.send(2, positions([(1, -1.0)]))
            time.sleep(0.1)

    def view(self, at):
        while not self.is_over:
            self.viewers[at].binary()
            self.counts[at] += 1

    def ask(self):
        connection = connect(self.server.address, self.context)
        while not self.is_over:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"alive\n"):
                part = connection.recv(4096)
                assert part, "the connection was dropped"
                answer += part
            self.counts[VIEWERS] += 1
            time.sleep(0.005)

    def come_and_go(self):
        while not self.is_over:
            connect(self.server.address, self.context).close()
            self.counts[VIEWERS + 1] += 1
            time.sleep(0.02)

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(30)
        assert not self.failures, self.failures
        assert min(self.counts) > 10, self.counts
