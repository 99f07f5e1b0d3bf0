"""Signed requests to a running pipeline's admin API."""

import json
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from ops.run_file import PORTS
from tests.consumers.gateway.asking import Answer, Client
from tests.pipeline import Pipeline


class Admin:
    """One key at the admin API."""

    def __init__(self, running: Pipeline, scopes: str = "admin", *more: str) -> None:
        made = running.report("key", "create", "--account", "0", "--scopes", scopes, *more)
        self.port = running.base + PORTS["admin"]
        self.client = Client(self.port, made["key"], made["secret"])

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Answer:
        return ask(self.client, method, path, body, **query)


def ask(client: Client, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Answer:
    """Signed over the query string and the JSON body, as they are sent."""
    text = json.dumps(body) if body is not None else ""
    signed = urlencode({**query, "timestamp": time.time_ns() // 1_000_000})
    signed += "&" + urlencode({"signature": client.sign(signed + text)})
    connection = HTTPConnection("127.0.0.1", client.port, timeout=30)
    headers = {"X-MBX-APIKEY": client.key} | ({"Content-Type": "application/json"} if text else {})
    try:
        connection.request(method, f"/admin/v1{path}?{signed}", text or None, headers)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), json.loads(answer.read()))
    finally:
        connection.close()
