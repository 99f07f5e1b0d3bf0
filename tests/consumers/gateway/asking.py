"""Plain HTTP requests to a gateway, as a client without any package sends them."""

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ops.verbs import query
from tests.pipeline import Pipeline


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> int:
        """Binance's error code, 0 where it is none."""
        return int(self.body.get("code", 0)) if isinstance(self.body, dict) else 0


@dataclass(frozen=True)
class Client:
    """One key at one gateway; without a key, anybody. `secret`: of an HMAC key; `private`: an Ed25519 one."""

    port: int
    key: str = ""
    secret: str = ""
    private: Ed25519PrivateKey | None = None

    def ask(
        self, method: str, path: str, query: str = "", body: str = "", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, exactly as it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = dict(headers or {})
        if self.key:
            sent["X-MBX-APIKEY"] = self.key
        if body:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path + (f"?{query}" if query else ""), body or None, sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), json.loads(answer.read()))
        finally:
            connection.close()

    def get(self, path: str, **params: Any) -> Answer:
        """Without a signature."""
        return self.ask("GET", path, urlencode(params))

    def signed(self, method: str, path: str, in_body: bool = False, **params: Any) -> Answer:
        """With timestamp (unless given) and signature, in the query string or the form body."""
        text = urlencode({"timestamp": time.time_ns() // 1_000_000} | params)
        signed = text + "&" + urlencode({"signature": self.sign(text)})
        return self.ask(method, path, body=signed) if in_body else self.ask(method, path, signed)

    def sign(self, text: str) -> str:
        """The signature over a text."""
        if self.private is not None:
            return base64.b64encode(self.private.sign(text.encode())).decode()
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def queried(running: Pipeline, *question: str) -> dict[str, Any]:
    """What the verb `query` answers, once every consumer has caught up; in this process, as starting one takes long."""
    running.settled()
    parser = argparse.ArgumentParser()
    query.add_arguments(parser)
    args = parser.parse_args(question)
    args.data = running.data
    return query.ANSWERS[args.question](args)


def gateway_port(running: Pipeline) -> int:
    """Where a pipeline's gateway listens."""
    return running.base + 10
