"""The server under test: behind TLS and credentials, with a file of settings that is changed while it runs."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import time
import uuid

import httpx

sys.path.append(str(pathlib.Path(__file__).parent.parent / "tls"))

from certificates import Authority, fingerprint  # noqa: E402 - it lies in another folder

PATIENCE_S = 30
PATH = "/api/visualisation/agents/ws"
STREAM = "change"


class Server:
    """The program, its files, and whoever may change all of them."""

    def __init__(self, program, folder, certificates):
        self.folder, self.data = pathlib.Path(folder), str(pathlib.Path(folder) / "data")
        self.authority = Authority(folder, "authority")
        self.pairs = [self.authority.server(f"server-{number}") for number in range(certificates)]
        self.shown = [fingerprint(certificate).replace(":", "").lower() for certificate, _ in self.pairs]
        self.certificate, self.key = self.folder / "shown.pem", self.folder / "shown.key"
        self.secret = os.urandom(32).hex()
        (self.folder / "secret").write_text(self.secret)
        self.settings = {
            "listen": "127.0.0.1:0", "data_dir": self.data, "tls_cert": str(self.certificate), "tls_key": str(self.key),
            "jwt_hs256_secret_file": str(self.folder / "secret"), "rate_limit": 1_000_000,
            "connections_per_credential": 1000,
            # A machine that is busy with other things shall not have viewers skip what is old.
            "staleness_max_ms": 60_000,
        }
        self.file = self.folder / "agnt.toml"
        self.put_certificate(0)
        self.put_settings()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AGNT_")}
        made = [program, "key", "create", "--name", "operator", "--scopes", "admin", "--data-dir", self.data]
        self.operator_key = subprocess.run(made, env=self.environment, check=True, capture_output=True,
                                           text=True).stdout.strip()
        self.log = open(self.folder / "log", "w")  # noqa: SIM115 - it is closed at the end
        self.process = subprocess.Popen([program, "serve", "--config", self.file], env=self.environment,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on https://"), (line, self.told())
        self.authorities = line.split("://")[1].strip()
        self.operator = httpx.AsyncClient(base_url=f"https://{self.authorities}", verify=self.trust, timeout=PATIENCE_S,
                                          headers={"Authorization": f"Bearer {self.operator_key}"})

    @property
    def trust(self):
        """Whom clients trust; each has one of its own, for they set in it what they speak."""
        return ssl.create_default_context(cafile=self.authority.certificate)

    def told(self):
        """What it has logged."""
        return (self.folder / "log").read_text()

    async def end(self):
        """Ends it in order."""
        await self.operator.aclose()
        self.process.terminate()
        code = await asyncio.to_thread(self.process.wait, PATIENCE_S)
        self.log.close()
        assert code == 0, (code, self.told()[-2000:])

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def hang_up(self):
        """Asks for a reload by signal."""
        self.process.send_signal(signal.SIGHUP)

    def put_certificate(self, number):
        """Puts one certificate and its key in the place of the other, each file as a whole."""
        for source, target in zip(self.pairs[number], (self.certificate, self.key)):
            replace(target, source.read_text())

    def put_settings(self, behind="", **changes):
        """Writes the file of settings, whole at once; `behind` is what does not belong there."""
        self.settings |= changes
        lines = [f"{name} = {json.dumps(value)}" for name, value in self.settings.items()]
        replace(self.file, "\n".join([*lines, behind]) + "\n")

    async def shown_certificate(self):
        """The fingerprint of the certificate that a new connection is shown."""
        host, port = self.authorities.split(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=self.trust)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return hashlib.sha256(der).hexdigest()

    async def rate_limit(self):
        """The limit on requests that answers name."""
        answer = await self.operator.get("/v1/agents")
        return int(answer.headers["X-RateLimit-Limit"])

    async def counted(self, sample):
        """A number of /metrics."""
        answer = await self.operator.get("/metrics")
        for line in answer.text.splitlines():
            if line.startswith(sample + " "):
                return float(line.split(" ")[1])
        raise AssertionError(f"no {sample} in /metrics")

    async def make_key(self, *scopes):
        """A new API key."""
        made = await self.operator.post("/admin/keys", json={"name": "test", "scopes": list(scopes)})
        assert made.status_code == 201, made.text
        return Credential("key", made.json()["key"], made.json()["id"])

    def make_token(self, *scopes):
        """A new token, made by hand (RFC 7515, HMAC with SHA-256)."""
        identity, now = str(uuid.uuid4()), int(time.time())
        claims = {"sub": "someone", "scope": " ".join(scopes), "iat": now, "exp": now + 3600, "jti": identity}
        parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        message = ".".join(parts)
        digest = hmac.new(self.secret.encode(), message.encode(), hashlib.sha256).digest()
        return Credential("token", f"{message}.{encoded(digest)}", identity)

    async def revoke(self, credential):
        """Ends a credential; when the answer came that says so."""
        if credential.kind == "key":
            answer = await self.operator.delete(f"/admin/keys/{credential.identity}")
        else:
            answer = await self.operator.post("/admin/revocations", json={"token_id": credential.identity})
        assert answer.is_success, answer.text
        return time.monotonic()


class Credential:
    """A key or a token, and the name by which it is revoked."""

    def __init__(self, kind, text, identity):
        self.kind, self.text, self.identity = kind, text, identity

    @property
    def headers(self):
        return {"X-API-Key": self.text} if self.kind == "key" else {"Authorization": f"Bearer {self.text}"}


def replace(path, text):
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.write_text(text)
    os.replace(fresh, path)


def encoded(part):
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


async def eventually(what, look):
    """Looks again and again until it is true; for how many seconds."""
    began = time.monotonic()
    while time.monotonic() < began + PATIENCE_S:
        if await look():
            return time.monotonic() - began
        await asyncio.sleep(0.02)
    raise AssertionError(f"this never came true: {what}")
