"""Who is let in: signatures, clocks, scopes, addresses, revocation, limits. On a running pipeline."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from consumers.gateway.endpoint import PUBLIC, TRADE
from tests.consumers.gateway.asking import Answer, Client, gateway_port
from tests.consumers.gateway.keys import client_of
from tests.pipeline import Pipeline, eventually, pipeline

ORDER = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50000"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    limits = "[gateway]\nweight_per_minute = 1000000\norders_per_10s = 5\n"
    with pipeline(tmp_path_factory.mktemp("keys"), config=limits) as made:
        made.up()
        deposit = {"op": "deposit", "asset": "BTC", "amount": "100", "client_id": 1}
        made.report("send", *(json.dumps(deposit | {"account": account}) for account in (7, 8)))
        yield made


@pytest.fixture(scope="module")
def client(running: Pipeline) -> Client:
    return client_of(running, 7)


@pytest.fixture(scope="module")
def reader(running: Pipeline) -> Client:
    return client_of(running, 7, "read")


def refused(answer: Answer) -> tuple[int, int]:
    return answer.status, answer.code


def test_a_wrong_signature_and_a_changed_request_are_refused(client: Client) -> None:
    assert refused(replace(client, secret="x" * 64).signed("GET", "/api/v3/account")) == (400, -1022)
    text = urlencode({"symbol": "BTCUSDT", "timestamp": time.time_ns() // 1_000_000})
    signed = f"{text}&signature={client.sign(text)}"
    assert client.ask("GET", "/api/v3/openOrders", signed).status == 200
    assert refused(client.ask("GET", "/api/v3/openOrders", signed.replace("BTC", "ETH"))) == (400, -1022)
    assert refused(client.ask("GET", "/api/v3/openOrders", text)) == (400, -1102)
    assert refused(client.ask("GET", "/api/v3/openOrders", f"{text}&signature=%00%ff")) == (400, -1022)


def test_parameters_are_signed_where_they_stand_in_query_and_body_together(client: Client) -> None:
    query = urlencode({"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC"})
    body = urlencode({"quantity": "1", "price": "50000", "timestamp": time.time_ns() // 1_000_000})
    signature = client.sign(query + body)
    assert client.ask("POST", "/api/v3/order/test", query, f"{body}&signature={signature}").status == 200
    assert client.ask("POST", "/api/v3/order/test", f"{query}&signature={signature}", body).status == 200
    assert refused(client.ask("POST", "/api/v3/order/test", query, f"{body}&signature={client.sign(body)}")) == (
        400, -1022,
    )  # fmt: skip


def test_a_request_of_the_past_or_the_future_is_refused(client: Client) -> None:
    now = time.time_ns() // 1_000_000
    assert client.signed("GET", "/api/v3/openOrders", timestamp=now - 20_000, recvWindow=60_000).status == 200
    assert client.signed("GET", "/api/v3/openOrders", timestamp=now * 1000).status == 200
    for wrong in (
        {"timestamp": now - 20_000},
        {"timestamp": now + 20_000},
        {"timestamp": now - 9000, "recvWindow": 10},
    ):
        assert refused(client.signed("GET", "/api/v3/openOrders", **wrong)) == (400, -1021), wrong
    assert refused(client.signed("GET", "/api/v3/openOrders", recvWindow=60_001)) == (400, -1100)
    text = urlencode({"symbol": "BTCUSDT"})
    assert refused(client.ask("GET", "/api/v3/openOrders", f"{text}&signature={client.sign(text)}")) == (400, -1102)


def test_an_ed25519_key_signs_too(running: Pipeline, tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    pem = tmp_path / "public.pem"
    pem.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    made = running.report("key", "create", "--account", "7", "--scopes", "read", "--ed25519", str(pem))
    signer = Client(gateway_port(running), made["key"], private=private)
    eventually(lambda: signer.signed("GET", "/api/v3/account").status == 200, "the key is known")
    other = replace(signer, private=Ed25519PrivateKey.generate())
    assert refused(other.signed("GET", "/api/v3/account")) == (400, -1022)


def test_a_key_does_only_what_its_scopes_say(running: Pipeline, reader: Client) -> None:
    assert reader.signed("GET", "/api/v3/openOrders").status == 200
    assert refused(reader.signed("POST", "/api/v3/order", **ORDER)) == (401, -2015)
    assert refused(reader.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")) == (401, -2015)
    trader = client_of(running, 7, "trade")
    eventually(lambda: trader.signed("POST", "/api/v3/order/test", **ORDER).status == 200, "the key is known")
    assert refused(trader.signed("GET", "/api/v3/account")) == (401, -2015)


def test_a_key_may_be_bound_to_addresses(running: Pipeline) -> None:
    here = client_of(running, 7, "read", ["127.0.0.0/8"])
    eventually(lambda: here.signed("GET", "/api/v3/account").status == 200, "the key is known")
    elsewhere = client_of(running, 7, "read", ["10.0.0.0/8"])
    eventually(lambda: client_of(running, 7), "keys made later are known")
    assert refused(elsewhere.signed("GET", "/api/v3/account")) == (401, -2015)


def test_a_revoked_key_is_refused_within_a_second(running: Pipeline) -> None:
    client = client_of(running, 8)
    assert client.signed("GET", "/api/v3/account").status == 200
    running.report("key", "revoke", client.key)
    began = time.monotonic()
    eventually(lambda: refused(client.signed("GET", "/api/v3/account")) == (401, -2015), "it is refused", 1.0)
    assert time.monotonic() - began < 5


def private_endpoints() -> list[tuple[str, str, str]]:
    pytest.importorskip("aiohttp")
    from consumers.gateway.server import ENDPOINTS

    return [(each.method, each.path, each.scope) for each in ENDPOINTS if each.scope != PUBLIC]


@pytest.mark.parametrize(("method", "path", "scope"), private_endpoints())
def test_no_private_endpoint_lets_a_wrong_key_in(
    running: Pipeline, client: Client, reader: Client, method: str, path: str, scope: str
) -> None:
    anybody = Client(gateway_port(running))
    assert refused(anybody.signed(method, path, **ORDER)) == (401, -2014)
    assert refused(replace(client, key="no key!").signed(method, path, **ORDER)) == (401, -2014)
    assert refused(replace(client, key="A" * 64).signed(method, path, **ORDER)) == (401, -2015)
    if scope == TRADE:
        assert refused(reader.signed(method, path, **ORDER)) == (401, -2015)


def test_another_accounts_order_is_not_there(running: Pipeline, client: Client) -> None:
    own = client.signed("POST", "/api/v3/order", newClientOrderId="own", **ORDER).body
    other = client_of(running, 8)
    for named in ({"orderId": own["orderId"]}, {"origClientOrderId": "own"}):
        assert refused(other.signed("GET", "/api/v3/order", symbol="BTCUSDT", **named)) == (400, -2013)
        assert refused(other.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", **named)) == (400, -2011)
        assert refused(client.signed("GET", "/api/v3/order", symbol="ETHUSDT", **named)) == (400, -2013)
        assert refused(client.signed("DELETE", "/api/v3/order", symbol="ETHUSDT", **named)) == (400, -2011)
    for path in ("/api/v3/openOrders", "/api/v3/allOrders", "/api/v3/myTrades"):
        assert other.signed("GET", path, symbol="BTCUSDT").body == [], path
    assert client.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=own["orderId"]).body["status"] == "NEW"


def test_too_many_orders_are_429_with_the_seconds_to_wait(client: Client) -> None:
    def until_refused() -> Answer | None:
        answer = client.signed("POST", "/api/v3/order", **ORDER)
        return answer if answer.status != 200 else None

    answer = eventually(until_refused, "the limit is reached")
    assert refused(answer) == (429, -1015)
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    assert client.signed("GET", "/api/v3/openOrders").status == 200
