"""In schemathesis' own environment: what the admin API's OpenAPI document allows and forbids, signed and sent.

Prints one JSON object: by operation how often each status was answered, and what schemathesis found wrong.
"""

import hashlib
import hmac
import json
import sys
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SIGNED_WITH = ("timestamp", "signature")


def main() -> None:
    """`port`, `key`, `secret`, `seed` and `examples` (of each operation and mode) as a JSON object."""
    asked = json.loads(sys.argv[1])
    base = f"http://127.0.0.1:{asked['port']}"
    schema = schemathesis.openapi.from_dict(unsigned(requests.get(f"{base}/openapi.json", timeout=60).json()))
    statuses: dict[str, Counter[int]] = {}
    wrong: dict[str, str] = {}
    session = requests.Session()
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            name = f"{operation.label} {mode.value}"
            counts = statuses.setdefault(name, Counter())
            checks = [*CHECKS, negative_data_rejection] if mode is GenerationMode.NEGATIVE else CHECKS
            try:
                attack(operation.as_strategy(generation_mode=mode), session, base, asked, counts, checks)
            except Unsatisfiable:
                if mode is GenerationMode.POSITIVE:
                    raise
                counts.clear()  # it has nothing that could be wrong
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  whatever it is, it is told
                wrong[name] = f"{type(error).__name__}: {error} {getattr(error, 'exceptions', '')}"[:2000]
    print(json.dumps({"statuses": {name: dict(counts) for name, counts in statuses.items()}, "wrong": wrong}))


def unsigned(document: dict[str, Any]) -> dict[str, Any]:
    """The document without key and signature: those are ours, and right."""
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["security"] = []
            operation["parameters"] = [each for each in operation["parameters"] if each["name"] not in SIGNED_WITH]
    document["components"].pop("securitySchemes")
    return document


def attack(
    strategy: Any, session: requests.Session, base: str, asked: dict[str, Any], counts: Counter[int], checks: list[Any]
) -> None:
    """So many examples of one operation."""

    @seed(asked["seed"])
    @settings(
        max_examples=asked["examples"],
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def each(case: Any) -> None:
        prepared = signed(session, case.as_transport_kwargs(base_url=base), asked)
        answer = session.send(prepared, timeout=60)
        counts[answer.status_code] += 1
        case.validate_response(answer, checks=checks)

    each()


def signed(session: requests.Session, terms: dict[str, Any], asked: dict[str, Any]) -> requests.PreparedRequest:
    """With our key, the time, and the signature over what is really sent."""
    names = ("method", "url", "params", "headers", "data", "json", "cookies", "files")
    request = requests.Request(**{name: terms[name] for name in names if name in terms})
    request.cookies = request.cookies or {}
    prepared = session.prepare_request(request)
    scheme, host, path, query, _ = urlsplit(str(prepared.url))
    fields = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in SIGNED_WITH]
    text = urlencode([*fields, ("timestamp", time.time_ns() // 1_000_000)], quote_via=quote)
    body = prepared.body or b""
    message = text.encode() + (body.encode() if isinstance(body, str) else body)
    signature = hmac.new(asked["secret"].encode(), message, hashlib.sha256).hexdigest()
    prepared.url = urlunsplit((scheme, host, path, f"{text}&signature={signature}", ""))
    prepared.headers["X-MBX-APIKEY"] = asked["key"]
    return prepared


if __name__ == "__main__":
    main()
