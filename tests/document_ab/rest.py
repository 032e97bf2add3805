"""A client of the REST API over one connection: requests as words, answers as values."""

import http.client
import json
import re
import uuid

from failed import Failed, check, check_equal

PATIENCE_S = 90


def check_moment(text, what):
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
    check(isinstance(text, str) and re.fullmatch(pattern, text), f"{what} is no moment: {text!r}")


def check_uuid(text, what):
    try:
        uuid.UUID(text)
    except (AttributeError, TypeError, ValueError):
        raise Failed(f"{what} is no UUID: {text!r}") from None


class Answer:
    """What came back."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()

    def value(self):
        try:
            return json.loads(self.text)
        except ValueError:
            raise Failed(f"no JSON: {self.text[:200]!r}") from None

    def __str__(self):
        return f"{self.status} {self.text[:400]}"


class Rest:
    """One connection; `headers` go with every request."""

    def __init__(self, address, **headers):
        host, port = address.rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        self.headers = headers

    def ask(self, words, body=None, headers=None):
        """`ask("POST /v1/tasks", {...})`; a body that is text or bytes goes out as it is."""
        method, path = words.split(" ", 1)
        given = {**self.headers, **(headers or {})}
        if body is not None:
            given.setdefault("Content-Type", "application/json")
            if not isinstance(body, str | bytes):
                body = json.dumps(body)
            if isinstance(body, str):
                body = body.encode()
        self.connection.request(method, path, body, given)
        return Answer(self.connection.getresponse())

    def expect(self, status, words, body=None, headers=None):
        """What the answer says, or its text if it says no JSON, once it has this status."""
        answer = self.ask(words, body, headers)
        check(answer.status == status, f"{words}: expected {status}, found {answer}")
        if not answer.text:
            return None
        return answer.value()

    def refused(self, status, code, words, body=None, headers=None):
        """The error of an answer, in its document's form: A's whole, or what is inside B's."""
        error = self.expect(status, words, body, headers)
        path = words.split(" ", 1)[1]
        if path.startswith("/api/v1/"):
            error = (error or {}).get("error", {})
            check_moment(error.get("timestamp"), "error.timestamp")
            check(error.get("correlation_id"), f"no correlation_id in {error}")
            found = error.get("code")
        else:
            check_uuid(error.get("trace_id"), "trace_id")
            found = error.get("error_code")
        check_equal(found, code, f"code of {words} {error}")
        check(error.get("message"), f"no message in {error}")
        return error

    def close(self):
        self.connection.close()
