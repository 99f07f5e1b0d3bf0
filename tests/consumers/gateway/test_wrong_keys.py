"""Every private endpoint and every method of the WebSocket API, with every kind of wrong key, and with a right one of
another account: nothing is told, nothing changes. What is asked comes from the tables that are served.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.api_keys import SCOPES
from consumers.gateway.endpoint import KEY, PUBLIC, READ, TRADE
from consumers.gateway.ws_methods import ENDPOINTS, METHODS
from tests.consumers.gateway.asking import Client
from tests.consumers.gateway.keys import OTHER, OWNER, client_of, fund
from tests.consumers.gateway.sockets import Talk, run, talk
from tests.pipeline import Pipeline, eventually, pipeline

PRIVATE = [each for each in ENDPOINTS if each.scope != PUBLIC]
OWN_METHODS = ("session.logon", "userDataStream.subscribe.signature")  # that bring a key with them
WRONG = ("none", "no key", "unknown", "revoked", "from elsewhere", "without the scope", "wrong secret",
         "Ed25519 of another", "cut signature", "no signature", "stale", "of the future", "no timestamp")  # fmt: skip
REFUSED = (-1021, -1022, -1102, -2014, -2015)
BOUGHT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "40000"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    limits = "[gateway]\nweight_per_minute = 1000000\norders_per_10s = 100000\n"
    with pipeline(tmp_path_factory.mktemp("wrong"), config=limits, web=True) as made:
        made.up()
        fund(made, OWNER, OTHER)
        yield made


@pytest.fixture(scope="module")
def wrong(running: Pipeline, owner: Client) -> dict[str, Client]:
    """A client of each kind that is wrong by its key; by scope: one for each that lacks it."""
    revoked = client_of(running, OWNER)
    running.report("key", "revoke", revoked.key)
    private = Ed25519PrivateKey.generate()
    path = running.data / "public.pem"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(private.public_key().public_bytes(serialization.Encoding.PEM, form))
    made = running.report("key", "create", "--account", str(OWNER), "--scopes", "read,trade", "--ed25519", str(path))
    found = {
        "none": Client(owner.port),
        "no key": replace(owner, key="no key!"),
        "unknown": replace(owner, key="A" * 64),
        "revoked": revoked,
        "from elsewhere": client_of(running, OWNER, "read,trade", ["10.0.0.0/8"]),
        "wrong secret": replace(owner, secret="x" * 64),
        "Ed25519 of another": Client(owner.port, made["key"], private=Ed25519PrivateKey.generate()),
    }
    for scope in (READ, TRADE):
        found[f"without {scope}"] = client_of(running, OWNER, ",".join(each for each in SCOPES if each not in (scope,)))
    right = Client(owner.port, made["key"], private=private)
    eventually(lambda: right.signed("GET", "/api/v3/account").status == 200, "the last of them is known")
    eventually(lambda: revoked.signed("GET", "/api/v3/account").status == 401, "one of them is known no more")
    return found


@pytest.fixture(scope="module")
def resting(owner: Client) -> dict[str, Any]:
    """What the owner has, by the names that requests call it by."""
    placed = owner.signed("POST", "/api/v3/order", newClientOrderId="mine", **BOUGHT)
    assert placed.status == 200, placed
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": "60000", "belowType": "STOP_LOSS", "belowStopPrice": "30000"}
    terms = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "listClientOrderId": "list", **legs}
    listed = owner.signed("POST", "/api/v3/orderList/oco", **terms)
    assert listed.status == 200, listed
    key = owner.ask("POST", "/api/v3/userDataStream")
    return {"orderId": placed.body["orderId"], "orderListId": listed.body["orderListId"],
            "listenKey": key.body["listenKey"]}  # fmt: skip


def params_of(path: str, resting: dict[str, Any]) -> dict[str, Any]:
    """With which the owner would be answered: what an order, or a question about one, needs."""
    if "userDataStream" in path:
        return {"listenKey": resting["listenKey"]}
    if path.endswith("keepPriority"):
        return {"symbol": "BTCUSDT", "orderId": resting["orderId"], "newQty": "0.5"}
    if path.endswith("cancelReplace"):
        return {**BOUGHT, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": resting["orderId"]}
    if path.endswith("orderList/oco"):
        legs = {"aboveType": "LIMIT_MAKER", "abovePrice": "61000", "belowType": "STOP_LOSS", "belowStopPrice": "31000"}
        return {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", **legs}
    if path.endswith("order/oco"):
        return {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "price": "61000", "stopPrice": "31000"}
    if path.endswith("orderList"):
        return {"symbol": "BTCUSDT", "orderListId": resting["orderListId"]}
    if path.endswith(("order", "order/test")):
        return {**BOUGHT, "orderId": resting["orderId"]}
    return {"symbol": "BTCUSDT"}


def state(owner: Client, other: Client) -> Any:
    """All that either account has and has done, as they themselves are told."""
    found = []
    for each in (owner, other):
        for path in ("/api/v3/account", "/api/v3/openOrders", "/api/v3/allOrderList"):
            body = each.signed("GET", path).body
            if isinstance(body, dict):
                body.pop("updateTime", None)
            found.append(body)
        found.append(each.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT").body)
    return found


def clients_for(kind: str, scope: str, wrong: dict[str, Client], owner: Client) -> Client:
    if kind == "without the scope":
        return wrong[f"without {READ if scope == KEY else scope}"]
    return wrong.get(kind, owner)


def sent_with(
    kind: str, client: Client, given: dict[str, Any], signed: Callable[[dict[str, Any]], str]
) -> dict[str, Any]:
    """The parameters as that kind of wrong sender sends them."""
    now = time.time_ns() // 1_000_000
    sent = {**given, "timestamp": now + {"stale": -70_000, "of the future": 70_000}.get(kind, 0)}
    if kind == "no timestamp":
        del sent["timestamp"]
    signature = signed(sent)
    if kind == "cut signature":
        signature = signature[:-1]
    return sent if kind == "no signature" else {**sent, "signature": signature}


SIGNED_ONLY = (
    "wrong secret",
    "Ed25519 of another",
    "cut signature",
    "no signature",
    "stale",
    "of the future",
    "no timestamp",
)


@pytest.mark.parametrize("kind", WRONG)
def test_rest_tells_and_does_nothing(
    kind: str, owner: Client, other: Client, wrong: dict[str, Client], resting: dict[str, Any]
) -> None:
    before = state(owner, other)
    for each in PRIVATE:
        if each.scope == KEY and kind in SIGNED_ONLY:
            continue  # these need a key alone
        client = clients_for(kind, each.scope, wrong, owner)
        sent = sent_with(kind, client, params_of(each.path, resting), lambda sent, by=client: by.sign(urlencode(sent)))
        for answer in (
            client.ask(each.method, each.path, urlencode(sent)),
            client.ask(each.method, each.path, body=urlencode(sent)),
        ):
            assert answer.code in REFUSED and answer.status in (400, 401), (kind, each.method, each.path, answer)
            assert answer.body.keys() == {"code", "msg"}
    assert state(owner, other) == before


def test_the_websocket_api_tells_and_does_nothing(
    owner: Client, other: Client, wrong: dict[str, Client], resting: dict[str, Any]
) -> None:
    before = state(owner, other)
    methods = {name: (each.scope, each.path) for name, each in METHODS.items() if each.scope != PUBLIC}
    methods |= dict.fromkeys(OWN_METHODS, (READ, ""))

    async def main() -> None:
        async with talk(owner.port, "/ws-api/v3") as one:
            for kind in WRONG:
                for method, (scope, path) in methods.items():
                    await refused(one, kind, method, scope, params_of(path, resting) if path else {})
            for method in ("userDataStream.subscribe", *methods):
                answer = await one.ask(method, {"timestamp": time.time_ns() // 1_000_000})
                assert answer["status"] == 400 and answer["error"]["code"] == -1102, (method, answer)
            assert (await one.ask("session.status"))["result"]["apiKey"] is None
            assert not one.messages, "no event was told"

    async def refused(one: Talk, kind: str, method: str, scope: str, given: dict[str, Any]) -> None:
        if scope == KEY and kind in SIGNED_ONLY:
            return
        client = clients_for(kind, scope, wrong, owner)
        named = given | ({"apiKey": client.key} if client.key else {})
        sent = sent_with(
            kind, client, named, lambda sent: client.sign("&".join(f"{n}={sent[n]}" for n in sorted(sent)))
        )
        answer = await one.ask(method, sent)
        assert answer["status"] in (400, 401) and answer["error"]["code"] in REFUSED, (kind, method, answer)
        assert "result" not in answer

    run(main())
    assert state(owner, other) == before


def test_with_a_right_key_of_another_account_nothing_of_it_is_there(
    owner: Client, other: Client, resting: dict[str, Any]
) -> None:
    """Each endpoint that is asked by an id or a name, with the owner's: as if there were none."""
    names = {str(resting["orderId"]), str(resting["orderListId"]), resting["listenKey"], "mine", "list"}
    before = state(owner, other)[:4]
    for each in PRIVATE:
        for named in ({"orderId": resting["orderId"]}, {"origClientOrderId": "mine"}):
            given = params_of(each.path, resting)
            if "orderId" in given:
                given = {name: value for name, value in given.items() if name != "orderId"} | named
            if each.path == "/api/v3/order" and each.method != "POST":
                given = {"symbol": "BTCUSDT", **named}
            answer = other.signed(each.method, each.path, **given)
            told = json.dumps(answer.body)
            if "listenKey" in given and each.method != "POST":
                assert answer.code == -1125, (each.method, each.path, answer)
            for name in names:
                assert f'"{name}"' not in told and f": {name}," not in told, (each.method, each.path, answer)
    other.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    assert state(owner, other)[:4] == before, "nothing of the owner's has changed"


def test_a_listen_key_that_is_none_opens_no_connection(owner: Client) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
    assert owner.ask("GET", f"/ws/{'A' * 64}", headers=upgrade).code == -1125


def test_the_owner_is_let_in_everywhere_with_the_same_parameters(owner: Client, resting: dict[str, Any]) -> None:
    """Else the refusals above would say nothing. Last, as it acts."""
    for each in sorted(PRIVATE, key=lambda each: each.method == "DELETE"):
        given = params_of(each.path, resting)
        if each.path == "/api/v3/order" and each.method != "POST":
            given = {"symbol": "BTCUSDT", "orderId": resting["orderId"]}
        answer = owner.signed(each.method, each.path, **given)
        assert answer.code not in REFUSED, (each.method, each.path, answer)
