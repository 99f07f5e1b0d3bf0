"""The WebSocket API on a running pipeline: what it answers is what REST answers of the same gateway."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.consumers.gateway.asking import Client, gateway_port
from tests.consumers.gateway.keys import OTHER, OWNER, client_of, fund
from tests.consumers.gateway.sockets import Talk, run, talk
from tests.pipeline import Pipeline, eventually, pipeline

PATH = "/ws-api/v3"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    limits = "[gateway]\norders_per_10s = 1000\nweight_per_minute = 100000\n"
    with pipeline(tmp_path_factory.mktemp("wsapi"), config=limits, web=True) as made:
        made.up()
        fund(made, OWNER, OTHER)
        yield made


@pytest.fixture(scope="module")
def logged(running: Pipeline) -> Client:
    """A client of the owner's account whose key is Ed25519, as a session needs it."""
    private = Ed25519PrivateKey.generate()
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    path = running.data / "public.pem"
    path.write_bytes(private.public_key().public_bytes(encoding, form))
    scopes = ("--account", str(OWNER), "--scopes", "read,trade", "--ed25519", str(path))
    made = running.report("key", "create", *scopes)
    client = Client(gateway_port(running), made["key"], private=private)
    eventually(lambda: client.signed("GET", "/api/v3/rateLimit/order").status == 200, "the key is known")
    return client


def stamped(**params: Any) -> dict[str, Any]:
    return {"timestamp": time.time_ns() // 1_000_000, **params}


def signed(client: Client, **params: Any) -> dict[str, Any]:
    """Params with key, time and signature, as Binance wants them signed here: sorted by name."""
    given = {"apiKey": client.key, **stamped(**params)}
    words = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    text = "&".join(f"{name}={words[name]}" for name in sorted(words))
    return given | {"signature": client.sign(text)}


def result(answer: Any) -> Any:
    assert answer["status"] == 200, answer
    return answer["result"]


async def place(one: Talk, client: Client, side: str, price: str, qty: str = "1", **more: Any) -> Any:
    terms = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "price": price, "quantity": qty}
    return result(await one.ask("order.place", signed(client, **terms, **more)))


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("ping", "/api/v3/ping", {}),
        ("exchangeInfo", "/api/v3/exchangeInfo", {"symbols": ["BTCUSDT", "ETHUSDT"]}),
        ("exchangeInfo", "/api/v3/exchangeInfo", {"symbol": "ETHUSDT"}),
        ("depth", "/api/v3/depth", {"symbol": "BTCUSDT", "limit": 5}),
        ("trades.recent", "/api/v3/trades", {"symbol": "BTCUSDT"}),
        ("trades.historical", "/api/v3/historicalTrades", {"symbol": "BTCUSDT", "fromId": 1}),
        ("trades.aggregate", "/api/v3/aggTrades", {"symbol": "BTCUSDT", "limit": 3}),
        ("klines", "/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1d"}),
        ("uiKlines", "/api/v3/uiKlines", {"symbol": "BTCUSDT", "interval": "1M"}),
        ("avgPrice", "/api/v3/avgPrice", {"symbol": "BTCUSDT"}),
        ("ticker.24hr", "/api/v3/ticker/24hr", {"symbols": ["BTCUSDT"]}),
        ("ticker", "/api/v3/ticker", {"symbol": "BTCUSDT", "windowSize": "7d", "type": "MINI"}),
        ("ticker.price", "/api/v3/ticker/price", {}),
        ("ticker.book", "/api/v3/ticker/bookTicker", {"symbol": "BTCUSDT"}),
    ],
)
def test_what_anybody_may_ask_is_answered_as_over_rest(
    owner: Client, other: Client, method: str, path: str, params: dict[str, Any]
) -> None:
    async def main() -> None:
        async with talk(owner.port, PATH) as one:
            if not owner.get("/api/v3/trades", symbol="BTCUSDT").body:
                await place(one, owner, "SELL", "50000", "2")
                await place(one, other, "BUY", "50000", "1")
                assert await asyncio.to_thread(
                    eventually, lambda: owner.get("/api/v3/trades", symbol="BTCUSDT").body, "a print"
                )
            answer = await one.ask(method, params)
            given = {name: json.dumps(value) if isinstance(value, list) else value for name, value in params.items()}
            rest = owner.get(path, **given).body
            for moving in ("serverTime", "closeTime", "openTime"):
                if isinstance(rest, dict) and moving in rest:
                    rest[moving] = answer["result"][moving]
            assert result(answer) == rest
            limit = answer["rateLimits"][-1]
            assert (limit["rateLimitType"], limit["interval"]) == ("REQUEST_WEIGHT", "MINUTE")
            assert 0 < limit["count"] <= limit["limit"]

    run(main())


def test_an_order_is_placed_found_replaced_and_cancelled(owner: Client) -> None:
    async def main() -> None:
        async with talk(owner.port, PATH) as one:
            placed = await place(one, owner, "BUY", "40000.00", "0.5", newClientOrderId="over-ws")
            assert (placed["status"], placed["clientOrderId"]) == ("NEW", "over-ws")
            found = result(await one.ask("order.status", signed(owner, symbol="BTCUSDT", origClientOrderId="over-ws")))
            assert found == owner.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"]).body
            more = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "40001.00", "quantity": "0.5"}
            swap = {"symbol": "BTCUSDT", "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": placed["orderId"]}
            swapped = result(await one.ask("order.cancelReplace", signed(owner, **swap, **more)))
            assert (swapped["cancelResult"], swapped["newOrderResult"]) == ("SUCCESS", "SUCCESS")
            failed = await one.ask("order.cancelReplace", signed(owner, **swap, **more))
            assert (failed["status"], failed["error"]["code"]) == (400, -2022), failed
            assert failed["error"]["data"]["newOrderResult"] == "NOT_ATTEMPTED"
            opened = result(await one.ask("openOrders.status", signed(owner, symbol="BTCUSDT")))
            new_id = swapped["newOrderResponse"]["orderId"]
            assert new_id in [row["orderId"] for row in opened]
            ended = result(await one.ask("order.cancel", signed(owner, symbol="BTCUSDT", orderId=new_id)))
            assert ended["status"] == "CANCELED"
            again = await one.ask("order.cancel", signed(owner, symbol="BTCUSDT", orderId=new_id))
            assert (again["status"], again["error"]["code"]) == (400, -2011)
            assert result(await one.ask("order.test", signed(owner, symbol="BTCUSDT", **more))) == {}
            await place(one, owner, "BUY", "40000.00")
            assert result(await one.ask("openOrders.cancelAll", signed(owner, symbol="BTCUSDT")))
            every = result(await one.ask("allOrders", signed(owner, symbol="BTCUSDT")))
            assert new_id in [row["orderId"] for row in every]

    run(main())


def test_a_list_is_placed_found_and_cancelled(owner: Client) -> None:
    async def main() -> None:
        async with talk(owner.port, PATH) as one:
            legs = {
                "aboveType": "LIMIT_MAKER", "abovePrice": "60000", "belowType": "STOP_LOSS", "belowStopPrice": "30000",
            }  # fmt: skip
            terms = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.1", "listClientOrderId": "pair"}
            made = result(await one.ask("orderList.place.oco", signed(owner, **terms, **legs)))
            assert made["listStatusType"] == "EXEC_STARTED" and len(made["orders"]) == 2
            found = result(await one.ask("orderList.status", signed(owner, origClientOrderId="pair")))
            assert found["orderListId"] == made["orderListId"]
            opened = result(await one.ask("openOrderLists.status", signed(owner)))
            assert made["orderListId"] in [row["orderListId"] for row in opened]
            ended = result(
                await one.ask("orderList.cancel", signed(owner, symbol="BTCUSDT", orderListId=made["orderListId"]))
            )
            assert ended["listOrderStatus"] == "ALL_DONE"
            old = {"price": "60000", "stopPrice": "30000", "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.1"}
            again = result(await one.ask("orderList.place", signed(owner, **old)))
            assert again["orderListId"] > made["orderListId"]
            result(await one.ask("openOrders.cancelAll", signed(owner, symbol="BTCUSDT")))

    run(main())


def test_accounts_are_answered_as_over_rest(owner: Client) -> None:
    async def main() -> None:
        async with talk(owner.port, PATH) as one:
            for method, path, params in (
                ("account.status", "/api/v3/account", {}),
                ("account.commission", "/api/v3/account/commission", {"symbol": "BTCUSDT"}),
                ("account.rateLimits.orders", "/api/v3/rateLimit/order", {}),
                ("myTrades", "/api/v3/myTrades", {"symbol": "BTCUSDT"}),
                ("allOrderLists", "/api/v3/allOrderList", {}),
            ):
                answer = result(await one.ask(method, signed(owner, **params)))
                rest = owner.signed("GET", path, **params).body
                if method == "account.rateLimits.orders":  # counted by windows of the clock
                    assert [row["limit"] for row in answer] == [row["limit"] for row in rest]
                else:
                    assert answer == rest, method

    run(main())


def test_a_session_asks_without_keys_until_it_logs_out(logged: Client, owner: Client) -> None:
    async def main() -> None:
        async with talk(logged.port, PATH) as one:
            refused = await one.ask("account.status", stamped())
            assert (refused["status"], refused["error"]["code"]) == (400, -1102)
            wrong = await one.ask("session.logon", signed(owner))
            assert wrong["error"]["code"] == -1022
            status = result(await one.ask("session.logon", signed(logged)))
            assert status["apiKey"] == logged.key and status["authorizedSince"] >= status["connectedSince"]
            assert result(await one.ask("account.status", stamped()))["uid"] == OWNER
            assert (await one.ask("account.status"))["error"]["code"] == -1102, "a timestamp is needed all the same"
            assert result(await one.ask("session.status"))["userDataStream"] is False
            assert result(await one.ask("session.logout"))["apiKey"] is None
            assert (await one.ask("account.status", stamped()))["error"]["code"] == -1102

    run(main())


def test_user_events_come_over_the_same_connection(logged: Client, owner: Client, other: Client) -> None:
    async def main() -> None:
        async with talk(logged.port, PATH) as one:
            assert (await one.ask("userDataStream.subscribe"))["status"] == 400
            result(await one.ask("session.logon", signed(logged)))
            number = result(await one.ask("userDataStream.subscribe"))["subscriptionId"]
            theirs = result(await one.ask("userDataStream.subscribe.signature", signed(other)))["subscriptionId"]
            assert number != theirs
            twice = await one.ask("userDataStream.subscribe.signature", signed(owner))
            assert twice["status"] == 400, "an account once a connection"
            assert result(await one.ask("session.subscriptions")) == [
                {"subscriptionId": number}, {"subscriptionId": theirs},
            ]  # fmt: skip
            placed = await place(one, owner, "SELL", "51000.00", "0.2")

            def told(of: int, kind: str) -> list[dict[str, Any]]:
                found = [each["event"] for each in one.messages if each["subscriptionId"] == of]
                return [event for event in found if event["e"] == kind]

            await one.until(lambda: told(number, "executionReport"), "the order")
            await one.until(lambda: told(number, "outboundAccountPosition"), "the balance")
            assert told(number, "executionReport")[0]["i"] == placed["orderId"]
            await place(one, other, "BUY", "51000.00", "0.2")
            await one.until(lambda: told(theirs, "executionReport")[1:], "the taker's trade")
            await one.until(lambda: told(number, "executionReport")[1:], "the maker's trade")
            assert [event["x"] for event in told(number, "executionReport")] == ["NEW", "TRADE"]
            result(await one.ask("session.logout"))
            assert result(await one.ask("session.subscriptions")) == [{"subscriptionId": theirs}]
            assert result(await one.ask("userDataStream.unsubscribe", {"subscriptionId": theirs})) == {}
            token = result(await one.ask("userDataStream.start", {"apiKey": owner.key}))["listenKey"]
            mine = {"apiKey": owner.key, "listenKey": token}
            assert result(await one.ask("userDataStream.ping", mine)) == {}
            assert result(await one.ask("userDataStream.stop", mine)) == {}

    run(main())


def test_a_revoked_key_ends_the_session_and_what_it_heard(running: Pipeline, other: Client) -> None:
    gone = client_of(running, OWNER, "read,trade")

    async def main() -> None:
        async with talk(gone.port, PATH) as one:
            result(await one.ask("userDataStream.subscribe.signature", signed(gone)))
            await asyncio.to_thread(running.report, "key", "revoke", gone.key)
            await one.until(lambda: one.messages and one.messages[-1]["event"]["e"] == "eventStreamTerminated", "end")
            assert (await one.ask("account.status", signed(gone)))["error"]["code"] == -2015

    run(main())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", -1135),
        ("[1]", -1135),
        ('"ping"', -1135),
        ('{"id": 3}', -1102),
        ('{"id": 3, "method": 4}', -1102),
        ('{"id": 3, "method": "order.invent"}', -1130),
        ('{"id": 3, "method": "depth", "params": []}', -1130),
        ('{"id": {}, "method": "ping"}', -1130),
        ('{"id": 3, "method": "depth"}', -1102),
        ('{"id": 3, "method": "depth", "params": {"symbol": {"a": 1}}}', -1100),
        ('{"id": 3, "method": "depth", "params": {"symbol": "NOPE"}}', -1121),
        ('{"id": 3, "method": "order.place", "params": {"symbol": "BTCUSDT"}}', -1102),
        ('{"id": 3, "method": "order.place", "params": {"symbol": "BTCUSDT", "apiKey": "nobody"}}', -2015),
    ],
)
def test_what_is_wrong_is_refused_and_the_connection_stays(owner: Client, text: str, code: int) -> None:
    async def main() -> None:
        async with talk(owner.port, PATH) as one:
            await one.socket.send_str(text)
            await one.until(lambda: one.answers, "an answer")
            [answer] = one.answers.values()
            assert answer["error"]["code"] == code and answer["status"] in (400, 401), answer
            assert result(await one.ask("v3/ping")) == {}

    run(main())


def test_a_wrong_signature_places_nothing_and_limits_can_be_left_out(owner: Client) -> None:
    async def main() -> None:
        async with talk(owner.port, PATH + "?returnRateLimits=false") as one:
            terms = {
                "symbol": "BTCUSDT",
                "side": "BUY",
                "type": "LIMIT",
                "timeInForce": "GTC",
                "price": "1",
                "quantity": "1",
            }
            forged = signed(owner, **terms) | {"quantity": "2"}
            answer = await one.ask("order.place", forged)
            assert (answer["status"], answer["error"]["code"]) == (400, -1022) and "rateLimits" not in answer
            old = signed(owner, **terms, timestamp=1)
            assert (await one.ask("order.place", old))["error"]["code"] == -1021
            assert "rateLimits" in await one.ask("ping", {"returnRateLimits": True})

    run(main())


def test_an_order_may_say_whether_it_wants_the_limits(owner: Client) -> None:
    """As ccxt.pro sends it, among what is signed."""

    async def main() -> None:
        async with talk(owner.port, PATH) as one:
            terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "1"}
            answers = [
                await one.ask("order.place", signed(owner, quantity="1", returnRateLimits=wanted, **terms))
                for wanted in (False, True)
            ]
            assert [answer["status"] for answer in answers] == [200, 200], answers
            assert ["rateLimits" in answer for answer in answers] == [False, True]

    run(main())
