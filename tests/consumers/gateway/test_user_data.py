"""What the user data stream tells of an account, on a running pipeline: fold it, and it is what `query` says."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import aiohttp
import numpy as np
import pytest

from client.python import commands
from client.python.entry_client import EntryClient
from config.api_keys import revoke_key
from ringbuf.codes import Side
from tests.consumers.gateway.asking import Answer, Client, gateway_port, queried
from tests.consumers.gateway.keys import OTHER, OWNER, client_of, fund
from tests.faults.moments import traced, why_not
from tests.pipeline import Pipeline, eventually, pipeline

PATIENCE_S = 60.0
# Rings that a flow goes round in a moment.
CONFIG = """
[gateway]
orders_per_10s = 10000
[engine]
max_events = 512
[ring]
capacity = 2048
market_capacity = 256
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("user"), config=CONFIG, web=True) as made:
        made.up()
        fund(made, OWNER, OTHER)
        yield made


class Heard:
    """A listener's messages, in a loop of its own."""

    def __init__(self, client: Client, token: str = "") -> None:
        """token: its listen key; without one it asks for one."""
        self.client = client
        self._token = token
        self.messages: list[dict[str, Any]] = []
        self.closed = False

    async def during(self, act: Callable[[], Any], until: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Listen, act in another thread once that has begun, go on until the messages suffice."""
        token = self._token or self.client.ask("POST", "/api/v3/userDataStream").body["listenKey"]
        url = f"http://127.0.0.1:{self.client.port}/ws/{token}"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            acting = asyncio.create_task(asyncio.to_thread(act))
            async with asyncio.timeout(PATIENCE_S):
                while not until(self.messages):
                    message = await socket.receive()
                    if message.type != aiohttp.WSMsgType.TEXT:
                        self.closed = True
                        break
                    self.messages.append(json.loads(message.data))
                return await acting

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["e"] == kind]


def listen(client: Client, act: Callable[[], Any], until: Callable[[list[dict[str, Any]]], Any]) -> tuple[Heard, Any]:
    heard = Heard(client)
    return heard, asyncio.run(heard.during(act, until))


def ok(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return answer.body


def place(client: Client, side: str, kind: str = "LIMIT", **terms: Any) -> Any:
    if kind == "LIMIT":
        terms.setdefault("timeInForce", "GTC")
    return ok(client.signed("POST", "/api/v3/order", symbol="BTCUSDT", side=side, type=kind, **terms))


def said_of(messages: list[dict[str, Any]], execution: str, count: int = 1) -> bool:
    return sum(message.get("x") == execution for message in messages) >= count


def test_an_order_is_told_from_its_acceptance_to_its_end(running: Pipeline, owner: Client, other: Client) -> None:
    def act() -> list[int]:
        rests = place(owner, "SELL", quantity="1", price="50000", newClientOrderId="told")
        bought = place(other, "BUY", "MARKET", quantity="0.4")
        ok(
            owner.signed(
                "DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=rests["orderId"], newClientOrderId="the-cancel"
            )
        )
        return [rests["orderId"], bought["fills"][0]["tradeId"]]

    def enough(messages: list[dict[str, Any]]) -> bool:
        return said_of(messages, "CANCELED") and messages[-1]["e"] == "outboundAccountPosition"

    heard, (order_id, trade_id) = listen(owner, act, enough)
    reports = heard.of("executionReport")
    assert [report["x"] for report in reports] == ["NEW", "TRADE", "CANCELED"]
    assert {report["i"] for report in reports} == {order_id}
    assert [report["X"] for report in reports] == ["NEW", "PARTIALLY_FILLED", "CANCELED"]
    assert [(report["c"], report["C"]) for report in reports] == [("told", ""), ("told", ""), ("the-cancel", "told")]
    trade = reports[1]
    assert (trade["t"], trade["l"], trade["L"], trade["z"], trade["m"]) == (
        trade_id, "0.4000", "50000.00", "0.4000", True,
    )  # fmt: skip
    assert (trade["n"], trade["N"], trade["Z"]) == ("2.000000", "USDT", "20000.000000")
    positions = heard.of("outboundAccountPosition")
    held = {row["a"]: row for position in positions for row in position["B"]}
    for name, asked in queried(running, "balance", str(OWNER)).items():
        assert (held[name]["f"], held[name]["l"]) == (asked["available"], asked["frozen"])


def test_money_that_comes_and_goes_is_told(running: Pipeline, owner: Client) -> None:
    moves = [
        {"op": "deposit", "account": OWNER, "asset": "ETH", "amount": "5", "client_id": 100_000},
        {"op": "withdraw", "account": OWNER, "asset": "ETH", "amount": "2", "client_id": 100_001},
    ]
    heard, _ = listen(
        owner,
        lambda: running.report("send", *map(json.dumps, moves)),
        lambda messages: sum(message["e"] == "outboundAccountPosition" for message in messages) == 2,
    )
    assert [(row["a"], row["d"]) for row in heard.of("balanceUpdate")] == [
        ("ETH", "5.00000000"), ("ETH", "-2.00000000"),
    ]  # fmt: skip
    assert heard.of("outboundAccountPosition")[-1]["B"] == [{"a": "ETH", "f": "3.00000000", "l": "0.00000000"}]


def test_a_list_is_told_when_it_stands_and_when_it_is_over(owner: Client, other: Client) -> None:
    terms = {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.3", "aboveType": "LIMIT_MAKER", "abovePrice": "51000",
        "belowType": "STOP_LOSS", "belowStopPrice": "49000", "listClientOrderId": "a-list",
    }  # fmt: skip

    def act() -> Any:
        made = ok(owner.signed("POST", "/api/v3/orderList/oco", **terms))
        place(other, "BUY", quantity="0.3", price="51000")
        return made

    heard, made = listen(owner, act, lambda messages: said_of(messages, "TRADE") and "B" in messages[-1])
    states = heard.of("listStatus")
    assert [(state["l"], state["L"], state["C"]) for state in states] == [
        ("EXEC_STARTED", "EXECUTING", "a-list"), ("ALL_DONE", "ALL_DONE", "a-list"),
    ]  # fmt: skip
    assert [row["i"] for row in states[0]["O"]] == [row["orderId"] for row in made["orders"]]
    ends = [(row["i"], row["x"]) for row in heard.of("executionReport") if row["x"] in ("EXPIRED", "TRADE")]
    limit, stop = (row["orderId"] for row in made["orders"])
    assert ends == [(stop, "EXPIRED"), (limit, "TRADE")]


def test_a_stop_that_triggers_is_told_to_work_now(owner: Client, other: Client) -> None:
    def act() -> None:
        place(other, "BUY", quantity="1", price="48000")
        place(owner, "SELL", "STOP_LOSS_LIMIT", quantity="0.2", stopPrice="48500", price="48400", timeInForce="GTC")
        place(owner, "SELL", "MARKET", quantity="0.1")  # prints 48000

    def of_stop(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [message for message in messages if message.get("o") == "STOP_LOSS_LIMIT"]

    heard, _ = listen(owner, act, lambda messages: len(of_stop(messages)) == 2)
    assert [(row["x"], row["X"], row["w"]) for row in of_stop(heard.messages)] == [
        ("NEW", "NEW", False), ("NEW", "NEW", True),
    ]  # fmt: skip
    for client in (owner, other):
        client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")


def test_a_listen_key_lives_through_a_kill_and_ends_when_it_is_told_to(running: Pipeline, owner: Client) -> None:
    token = owner.ask("POST", "/api/v3/userDataStream").body["listenKey"]
    assert owner.ask("POST", "/api/v3/userDataStream").body["listenKey"] == token
    before = running.restarts("gateway")
    os.kill(running.pid("gateway"), signal.SIGKILL)
    eventually(lambda: running.restarts("gateway") == before + 1, "the gateway is back")
    assert owner.ask("PUT", "/api/v3/userDataStream", f"listenKey={token}").status == 200
    heard, _ = listen(
        owner,
        lambda: owner.ask("DELETE", "/api/v3/userDataStream", f"listenKey={token}"),
        lambda messages: False,
    )
    assert heard.closed
    assert owner.ask("PUT", "/api/v3/userDataStream", f"listenKey={token}").code == -1125
    assert owner.ask("DELETE", "/api/v3/userDataStream", f"listenKey={token}").code == -1125


def test_nobody_else_prolongs_ends_or_makes_up_a_listen_key(running: Pipeline, owner: Client, other: Client) -> None:
    token = owner.ask("POST", "/api/v3/userDataStream").body["listenKey"]
    for method in ("PUT", "DELETE"):
        assert other.ask(method, "/api/v3/userDataStream", f"listenKey={token}").code == -1125
        assert owner.ask(method, "/api/v3/userDataStream").code == -1102
    assert Client(gateway_port(running)).ask("POST", "/api/v3/userDataStream").code == -2014
    assert owner.ask("GET", f"/ws/{'x' * 64}").code == -1125


def test_who_listens_with_a_revoked_key_is_let_go(running: Pipeline) -> None:
    gone = client_of(running, OWNER)
    heard, _ = listen(gone, lambda: revoke_key(running.data, gone.key), lambda messages: False)
    assert heard.closed


def test_a_random_trade_flow_folds_to_what_the_books_say(running: Pipeline, owner: Client, other: Client) -> None:
    before = {row["asset"]: row for row in ok(owner.signed("GET", "/api/v3/account"))["balances"]}

    def act() -> None:
        for number in range(30):
            place(owner, "SELL" if number % 3 else "BUY", quantity="0.1", price=str(49000 + number * 7))
            place(other, "BUY" if number % 2 else "SELL", quantity="0.07", price=str(49000 + number * 9))
        ok(owner.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT"))
        place(owner, "BUY", quantity="0.0123", price="1", newClientOrderId="the-last")

    heard, _ = listen(
        owner, act, lambda messages: any(message.get("c") == "the-last" for message in messages) and "B" in messages[-1]
    )
    held = {row["a"]: row for message in heard.of("outboundAccountPosition") for row in message["B"]}
    for name, asked in queried(running, "balance", str(OWNER)).items():
        told = (held[name]["f"], held[name]["l"]) if name in held else (before[name]["free"], before[name]["locked"])
        assert told == (asked["available"], asked["frozen"])
    last: dict[int, dict[str, Any]] = {}
    for report in heard.of("executionReport"):
        old = last.get(report["i"])
        assert old is None or Decimal(report["z"]) == Decimal(old["z"]) + Decimal(report["l"])
        last[report["i"]] = report
    for order in ok(owner.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT")):
        if order["orderId"] in last:
            report = last[order["orderId"]]
            assert (report["X"], report["z"], report["Z"]) == (
                order["status"], order["executedQty"], order["cummulativeQuoteQty"],
            )  # fmt: skip
    assert len(last) == 31


def test_who_is_connected_hears_of_what_follows_even_if_the_gateway_is_slow_to_go_on(
    running: Pipeline, owner: Client
) -> None:
    if missing := why_not():
        pytest.skip(missing)

    def act() -> None:
        client = EntryClient(running.endpoint)
        client.send(commands.place(OWNER, 190_000, 0, Side.BUY, 1, price_ticks=100_00))
        client.send(commands.cancel(OWNER, 190_001, orig_client_id=190_000))
        answered = 0
        while answered < 2:
            answered += client.own_answers(client.receive(1000))
        client.close()

    late = "inject=write,writev,sendto,sendmsg:delay_exit=300ms"  # its answer, "connected", is out, and it not back yet
    heard = Heard(owner, owner.ask("POST", "/api/v3/userDataStream").body["listenKey"])
    with traced(running.pid("gateway"), running.data / "logs" / "strace-gateway", "-e", late):
        asyncio.run(heard.during(act, lambda messages: said_of(messages, "CANCELED")))
    assert said_of(heard.messages, "NEW")


def test_a_gateway_that_stood_still_while_both_rings_went_round_knows_all_of_it(
    running: Pipeline, owner: Client, other: Client
) -> None:
    def act() -> None:
        with running.stopped("gateway"):
            client = EntryClient(running.endpoint)
            for first in range(200_000, 203_000, 100):
                batch = []
                for number in range(first, first + 100, 2):
                    price = 100_00 + number % 400
                    batch.append(commands.place(OWNER, number, 0, Side.BUY, 1 + number % 3, price_ticks=price))
                    batch.append(commands.cancel(OWNER, number + 1, orig_client_id=number))
                kept = 20 if first == 202_900 else 0  # orders that nobody cancels
                sent = np.concatenate([*batch[: 100 - 2 * kept], *batch[100 - 2 * kept :: 2]])
                client.send(sent)
                answered = 0
                while answered < len(sent):
                    answered += client.own_answers(client.receive(1000))
            client.close()
        place(owner, "BUY", quantity="0.0001", price="99", newClientOrderId="after")

    heard, _ = listen(
        owner, act, lambda messages: any(message.get("c") == "after" for message in messages) and "B" in messages[-1]
    )
    reports = heard.of("executionReport")
    assert sum(report["x"] == "NEW" for report in reports) == 1501
    assert sum(report["x"] == "CANCELED" for report in reports) == 1480
    running.settled()
    asked = queried(running, "depth", "BTC-USDT")
    found = ok(owner.get("/api/v3/depth", symbol="BTCUSDT", limit=5000))
    assert (found["bids"], found["asks"]) == (asked["bids"], asked["asks"])
    assert len(ok(owner.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT"))) == 22
    held = {row["a"]: row for message in heard.of("outboundAccountPosition") for row in message["B"]}
    balance = queried(running, "balance", str(OWNER))["USDT"]
    assert (held["USDT"]["f"], held["USDT"]["l"]) == (balance["available"], balance["frozen"])
    assert "overtaken" in (running.data / "logs" / "gateway.log").read_text()


def test_a_listen_key_is_a_stream_among_those_of_the_market(owner: Client) -> None:
    """As binance-connector and binance-sdk-spot ask for it: SUBSCRIBE, on a connection that has other streams."""

    async def act() -> list[dict[str, Any]]:
        token = owner.ask("POST", "/api/v3/userDataStream").body["listenKey"]
        url = f"http://127.0.0.1:{owner.port}/stream"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:

            async def until(fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
                async with asyncio.timeout(PATIENCE_S):
                    while not fits(found := json.loads((await socket.receive()).data)):
                        pass
                return found

            found = []
            wanted = ["ethusdt@bookTicker", token]
            await socket.send_json({"method": "SUBSCRIBE", "params": wanted, "id": 1})
            found.append(await until(lambda message: message.get("id") == 1))
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
            found.append(await until(lambda message: message.get("id") == 2))
            placed = await asyncio.to_thread(place, owner, "SELL", quantity="1", price="70000")
            report = await until(lambda message: message.get("stream") == token)
            assert report["data"]["i"] == placed["orderId"]
            found.append(report)
            ended = await asyncio.to_thread(owner.ask, "DELETE", "/api/v3/userDataStream", f"listenKey={token}")
            assert ended.status == 200
            found.append(await until(lambda message: message.get("data", {}).get("e") == "listenKeyExpired"))
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 3})
            found.append(await until(lambda message: message.get("id") == 3))
            await socket.send_json({"method": "SUBSCRIBE", "params": [token], "id": 4})
            found.append(await until(lambda message: message.get("id") == 4))
        return found

    subscribed, listed, report, expired, left, refused = asyncio.run(act())
    assert subscribed["result"] is None
    assert listed["result"] == ["ethusdt@bookTicker", report["stream"]]
    assert (report["data"]["e"], report["data"]["x"]) == ("executionReport", "NEW")
    assert expired["data"]["listenKey"] == expired["stream"] == report["stream"]
    assert left["result"] == ["ethusdt@bookTicker"]
    assert refused["error"]["code"] == 2


def test_a_connection_may_ask_for_a_listen_key_in_its_address(owner: Client) -> None:
    """As nautilus_trader does, alone or among streams of the market; told combined or not, as the address says."""

    async def act() -> None:
        token = owner.ask("POST", "/api/v3/userDataStream").body["listenKey"]
        addresses = (
            f"stream?streams={token}",
            f"stream?streams=ethusdt@bookTicker/{token}",
            f"ws/ethusdt@trade/{token}",
        )
        async with aiohttp.ClientSession() as session:
            sockets = [await session.ws_connect(f"http://127.0.0.1:{owner.port}/{each}") for each in addresses]
            for socket in sockets:  # so that each is surely served
                await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
                assert token in json.loads((await socket.receive()).data)["result"]
            placed = await asyncio.to_thread(place, owner, "SELL", quantity="1", price="70000")
            for socket, combined in zip(sockets, (True, True, False), strict=True):
                async with asyncio.timeout(PATIENCE_S):
                    told = {}
                    while told.get("e") != "executionReport":
                        found = json.loads((await socket.receive()).data)
                        told = found.get("data", {}) if combined else found
                assert told["i"] == placed["orderId"]
                assert not combined or found["stream"] == token

    asyncio.run(act())
