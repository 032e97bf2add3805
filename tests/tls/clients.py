"""Certificates of clients: who must show one and doesn't, or shows a wrong one, gets no answer."""

import ssl

from certificates import Authority
from server import Server
from websocket import WebSocket, connect, trusting

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def run(folder, authority):
    certificate, key = authority.server("asks-for-clients")
    trusted, stranger = Authority(folder, "clients"), Authority(folder, "strangers")
    cases = [
        ("right", trusted.client("right"), True),
        ("of another authority", stranger.client("stranger"), False),
        ("expired", trusted.client("expired", days=-1), False),
        ("for servers", trusted.server("server-only"), False),
        ("signed by itself", (stranger.certificate, stranger.key), False),
    ]
    flags = ["--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", trusted.certificate]
    for mode, is_welcome_without in [("required", False), ("optional", True)]:
        with Server(*flags, "--tls-client-auth", mode) as server:
            for name, client, is_good in [("none", None, is_welcome_without), *cases]:
                context = trusting(authority.certificate, client)
                assert is_answered(server, context) == is_good, (mode, name)
            # The same for sessions.
            context = trusting(authority.certificate, cases[0][1])
            WebSocket(connect(server.address, context), "protocols=binary")
            # TLS 1.2 as well, where the refusal comes within the handshake.
            for name, client, is_good in cases:
                context = trusting(authority.certificate, client)
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                assert is_answered(server, context) == is_good, (mode, name, "TLS 1.2")


def is_answered(server, context):
    """Whether a request is answered. A refusal may show in the handshake or, by TLS 1.3, behind it."""
    try:
        connection = connect(server.address, context)
        connection.sendall(REQUEST)
        answer = b""
        while part := connection.recv(4096):
            answer += part
    except (ssl.SSLError, ConnectionError):
        return False
    if not answer:
        return False
    assert answer.endswith(b"alive\n"), answer
    return True
