"""Certificates of clients that ask for tokens: compared beside the secret, and never enough alone."""

import base64
import json
import subprocess
import urllib.error
import urllib.request

from certificates import Authority, fingerprint
from server import PATIENCE_S, Server
from websocket import trusting


def run(folder, authority):
    certificate, key = authority.server("gives-tokens")
    trusted = Authority(folder, "clients")
    own, other = trusted.client("agent-own"), trusted.client("agent-other")
    flags = ["--tls-cert", certificate, "--tls-key", key]
    flags += ["--tls-client-ca", trusted.certificate, "--tls-client-auth", "optional"]
    with Server(*flags) as server:
        contexts = {
            name: trusting(authority.certificate, client)
            for name, client in [("own", own), ("another's", other), ("none", None)]
        }
        asking = Asking(server, contexts)
        # The first client ends that everyone may do everything, so that it must be able to make another.
        operator = asking.client("operator", scopes=["admin"])
        status, token = asking.token("none", "operator", operator)
        assert status == 200, (status, token)
        asking.authorization = f"Bearer {token['access_token']}"
        bound = asking.client("agent-own", certificate_sha256=fingerprint(own[0]))
        free = asking.client("agent-free")
        asking.authorization = None

        for shown, secret, expected in [
            ("own", bound, 200),
            ("another's", bound, 401),
            ("none", bound, 401),
            ("own", free, 401),
            ("own", "nonsense", 401),
            ("own", None, 400),
        ]:
            status, answer = asking.token(shown, "agent-own", secret)
            assert status == expected, (shown, expected, status, answer)
        for shown in contexts:
            assert asking.token(shown, "agent-free", free)[0] == 200, shown

        # A token is a token, whichever way it is shown; a certificate alone is nobody.
        status, answer = asking.token("own", "agent-own", bound)
        asking.authorization = f"Bearer {answer['access_token']}"
        assert asking.ask("none", "GET", "/api/v1/agents")[0] == 200
        asking.authorization = None
        assert asking.ask("own", "GET", "/api/v1/agents")[0] == 401

        # What the body names must be what TLS was spoken with, and stands for nothing by itself.
        for shown, named, expected in [
            ("own", own, 200),
            ("own", other, 401),
            ("another's", own, 401),
            ("none", own, 401),
        ]:
            status, answer = asking.token(shown, "agent-own", bound, certificate=der(named[0]))
            assert status == expected, (shown, expected, status, answer)


class Asking:
    """Requests to a server, under TLS by one of several contexts."""

    def __init__(self, server, contexts):
        self.url = f"https://127.0.0.1:{server.port}"
        self.contexts = contexts
        self.authorization = None

    def ask(self, shown, method, path, body=None):
        """The status of an answer, and what it says."""
        request = urllib.request.Request(self.url + path, method=method)
        if self.authorization:
            request.add_header("Authorization", self.authorization)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            context = self.contexts[shown]
            with urllib.request.urlopen(request, context=context, timeout=PATIENCE_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def client(self, name, **more):
        """Makes a client; its secret."""
        body = {"client_id": name, "scopes": ["read"]} | more
        status, made = self.ask("none", "POST", "/admin/clients", body)
        assert status == 201, made
        return made["client_secret"]

    def token(self, shown, name, secret, **more):
        """Asks for a token."""
        pair = {"client_id": name, "client_secret": secret} | more
        return self.ask(shown, "POST", "/api/v1/auth/token", {"agent_credentials": pair})


def der(certificate):
    """A certificate as OpenSSL writes it in DER, in base64."""
    made = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-outform", "DER"], capture_output=True, check=True
    )
    return base64.b64encode(made.stdout).decode()
