"""Two accounts trade over plain HTTP on a running pipeline; what they are told is what `query` says."""

import http.client
import json
import os
import random
import signal
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.consumers.gateway.asking import Answer, Client, queried
from tests.consumers.gateway.keys import client_of
from tests.pipeline import Pipeline, eventually, pipeline

MAKER, TAKER, LONER = 7, 8, 9
FUNDS = {"USDT": "1000000", "BTC": "100"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    limits = "[gateway]\nweight_per_minute = 1000000\norders_per_10s = 10000\n"
    with pipeline(tmp_path_factory.mktemp("trading"), config=limits, web=True) as made:
        made.up()
        deposits = [
            {"op": "deposit", "account": account, "asset": asset, "amount": amount, "client_id": number}
            for account in (MAKER, TAKER, LONER)
            for number, (asset, amount) in enumerate(FUNDS.items(), 1)
        ]
        made.report("send", *map(json.dumps, deposits))
        yield made


@pytest.fixture(scope="module")
def maker(running: Pipeline) -> Client:
    return client_of(running, MAKER)


@pytest.fixture(scope="module")
def taker(running: Pipeline) -> Client:
    return client_of(running, TAKER)


@pytest.fixture(scope="module")
def loner(running: Pipeline) -> Client:
    return client_of(running, LONER)


def ok(answer: Answer) -> Any:
    assert answer.status == 200, answer
    return answer.body


def place(client: Client, side: str, kind: str = "LIMIT", in_body: bool = False, **terms: Any) -> Answer:
    if kind == "LIMIT":
        terms.setdefault("timeInForce", "GTC")
    return client.signed("POST", "/api/v3/order", in_body, symbol="BTCUSDT", side=side, type=kind, **terms)


def stored(running: Pipeline, order_id: int) -> dict[str, Any]:
    return queried(running, "order", str(order_id))


def end_all(client: Client) -> None:
    client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")


def test_an_order_is_found_filled_and_paid_for(running: Pipeline, maker: Client, taker: Client) -> None:
    rests = ok(place(maker, "SELL", quantity="1", price="50000.00", newClientOrderId="first"))
    assert (rests["status"], rests["clientOrderId"], rests["fills"]) == ("NEW", "first", [])
    filled = ok(place(taker, "BUY", in_body=True, quantity="0.4", price="50001", timeInForce="IOC"))
    assert (filled["status"], filled["executedQty"], filled["cummulativeQuoteQty"]) == (
        "FILLED", "0.4000", "20000.000000",
    )  # fmt: skip
    [fill] = filled["fills"]
    assert (fill["price"], fill["qty"], fill["commissionAsset"]) == ("50000.00", "0.4000", "BTC")
    seen = ok(maker.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="first"))
    assert (seen["orderId"], seen["status"], seen["executedQty"]) == (rests["orderId"], "PARTIALLY_FILLED", "0.4000")
    asked = stored(running, rests["orderId"])
    assert (asked["filled"], asked["leaves"], asked["status"]) == ("0.4000", "0.6000", "partly_filled")
    fees = {}
    for client, order, asset in ((maker, rests, "USDT"), (taker, filled, "BTC")):
        [trade] = ok(client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", orderId=order["orderId"]))
        assert (trade["id"], trade["price"], trade["qty"]) == (fill["tradeId"], "50000.00", "0.4000")
        assert trade["commissionAsset"] == asset
        [shown] = stored(running, order["orderId"])["fills"]
        assert (shown["fee"], shown["fee_asset"]) == (trade["commission"], asset)
        fees[client.key] = Decimal(trade["commission"])
        balances = {row["asset"]: row for row in ok(client.signed("GET", "/api/v3/account"))["balances"]}
        account = MAKER if client is maker else TAKER
        for name, held in queried(running, "balance", str(account)).items():
            assert (balances[name]["free"], balances[name]["locked"]) == (held["available"], held["frozen"])
    assert fees[maker.key] == Decimal("20000") * 100 / 10**6 and fees[taker.key] == Decimal("0.4") * 200 / 10**6
    gone = ok(maker.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="first"))
    assert (gone["status"], gone["origClientOrderId"]) == ("CANCELED", "first")
    assert (gone["executedQty"], gone["origQty"]) == ("0.4000", "1.0000")
    assert stored(running, rests["orderId"])["status"] == "cancelled"
    assert ok(maker.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")) == []


@pytest.mark.parametrize(
    ("kind", "terms", "engine", "shown"),
    [
        ("LIMIT", {"price": "60000", "quantity": "0.5", "icebergQty": "0.1"}, "limit", {"icebergQty": "0.1000"}),
        ("LIMIT_MAKER", {"price": "60000", "quantity": "0.5"}, "limit", {}),
        ("STOP_LOSS", {"stopPrice": "1000", "quantity": "0.5"}, "stop", {"stopPrice": "1000.00", "price": "0.00"}),
        ("STOP_LOSS", {"trailingDelta": 100, "quantity": "0.5"}, "trailing_stop", {"stopPrice": "49500.00"}),
        (
            "STOP_LOSS_LIMIT",
            {"stopPrice": "1000", "price": "900", "quantity": "0.5", "timeInForce": "GTC"},
            "stop_limit",
            {"stopPrice": "1000.00", "price": "900.00"},
        ),
        ("TAKE_PROFIT", {"stopPrice": "70000", "quantity": "0.5"}, "take_profit", {"stopPrice": "70000.00"}),
        (
            "TAKE_PROFIT_LIMIT",
            {"stopPrice": "70000", "price": "70001", "quantity": "0.5", "timeInForce": "GTC"},
            "take_profit_limit",
            {"stopPrice": "70000.00", "price": "70001.00"},
        ),
    ],
)
def test_each_type_rests_as_the_engines_own(
    running: Pipeline, maker: Client, kind: str, terms: dict[str, Any], engine: str, shown: dict[str, Any]
) -> None:
    placed = ok(place(maker, "SELL", kind, newOrderRespType="RESULT", selfTradePreventionMode="EXPIRE_BOTH", **terms))
    assert (placed["type"], placed["status"], placed["selfTradePreventionMode"]) == (kind, "NEW", "EXPIRE_BOTH")
    assert shown.items() <= placed.items()
    seen = ok(maker.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"]))
    same = ("type", "status", "price", "origQty", "timeInForce", "side", "selfTradePreventionMode")
    assert {name: seen[name] for name in same} == {name: placed[name] for name in same}
    assert seen["isWorking"] == (engine == "limit")
    assert stored(running, placed["orderId"])["order_type"] == engine
    end_all(maker)


def test_market_orders_by_quantity_and_by_what_they_cost(maker: Client, taker: Client) -> None:
    for price in ("50000", "50010"):
        ok(place(maker, "SELL", quantity="0.1", price=price))
        ok(place(maker, "BUY", quantity="0.1", price=str(int(price) - 100)))
    bought = ok(place(taker, "BUY", "MARKET", quoteOrderQty="7500"))
    assert (bought["executedQty"], bought["status"], bought["origQuoteOrderQty"]) == ("0.1499", "FILLED", "7500")
    assert len(bought["fills"]) == 2 and Decimal(bought["cummulativeQuoteQty"]) <= 7500
    sold = ok(place(taker, "SELL", "MARKET", quoteOrderQty="6000"))
    assert sold["status"] == "FILLED" and 5990 < Decimal(sold["cummulativeQuoteQty"]) <= 6000
    swept = ok(place(taker, "SELL", "MARKET", quantity="5"))
    assert swept["status"] == "EXPIRED" and 0 < Decimal(swept["executedQty"]) < 5
    nothing = place(taker, "SELL", "MARKET", quoteOrderQty="100")
    assert (nothing.status, nothing.code) == (400, -1013)
    end_all(maker)


def test_all_or_nothing_that_got_nothing_is_expired(taker: Client) -> None:
    answer = ok(place(taker, "BUY", quantity="3", price="40000", timeInForce="FOK"))
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.0000")
    assert taker.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=answer["orderId"]).code == -2013


def test_answers_come_as_short_as_they_are_asked_for(maker: Client) -> None:
    short = ok(place(maker, "SELL", quantity="0.1", price="60000", newOrderRespType="ACK"))
    assert set(short) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    middle = ok(place(maker, "SELL", quantity="0.1", price="60000", newOrderRespType="RESULT"))
    assert middle["status"] == "NEW" and "fills" not in middle
    default = ok(place(maker, "SELL", "LIMIT_MAKER", quantity="0.1", price="60000"))
    assert set(default) == set(short)
    end_all(maker)


def test_a_name_stands_for_one_open_order_and_may_be_used_again_when_that_has_ended(maker: Client) -> None:
    first = ok(place(maker, "SELL", quantity="0.1", price="60000", newClientOrderId="mine"))
    again = place(maker, "SELL", quantity="0.1", price="60000", newClientOrderId="mine")
    assert (again.status, again.code) == (400, -2010)
    ok(maker.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=first["orderId"]))
    second = ok(place(maker, "SELL", quantity="0.1", price="60001", newClientOrderId="mine"))
    assert second["orderId"] > first["orderId"]
    seen = ok(maker.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="mine"))
    assert seen["orderId"] == second["orderId"]
    old = ok(maker.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=first["orderId"]))
    assert (old["clientOrderId"], old["status"]) == ("mine", "CANCELED")
    end_all(maker)


def test_cancel_and_replace_says_what_became_of_each(maker: Client) -> None:
    old = ok(place(maker, "SELL", quantity="0.1", price="60000", newClientOrderId="old"))
    terms = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.2"}

    def replace(mode: str, **more: Any) -> Answer:
        asked = terms | {"cancelReplaceMode": mode} | more
        return maker.signed("POST", "/api/v3/order/cancelReplace", **asked)

    both = ok(replace("STOP_ON_FAILURE", price="61000", cancelOrigClientOrderId="old"))
    assert (both["cancelResult"], both["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert both["cancelResponse"]["orderId"] == old["orderId"]
    fresh = both["newOrderResponse"]
    stopped = replace("STOP_ON_FAILURE", price="61000", cancelOrderId=old["orderId"])
    assert (stopped.status, stopped.code) == (400, -2022)
    assert stopped.body["data"]["newOrderResult"] == "NOT_ATTEMPTED"
    partly = replace("ALLOW_FAILURE", price="62000", cancelOrderId=old["orderId"])
    assert (partly.status, partly.code) == (409, -2021)
    assert partly.body["data"]["cancelResponse"]["code"] == -2011
    restricted = replace(
        "STOP_ON_FAILURE", price="62000", cancelOrderId=fresh["orderId"], cancelRestrictions="ONLY_PARTIALLY_FILLED"
    )
    assert restricted.code == -2022
    opened = ok(maker.signed("GET", "/api/v3/openOrders"))
    assert [order["orderId"] for order in opened] == [
        fresh["orderId"], partly.body["data"]["newOrderResponse"]["orderId"],
    ]  # fmt: skip
    end_all(maker)


def test_less_of_an_order_keeps_its_place(running: Pipeline, maker: Client, taker: Client) -> None:
    first = ok(place(maker, "SELL", quantity="0.5", price="55000", newClientOrderId="large"))
    ok(place(maker, "SELL", quantity="0.5", price="55000"))
    ok(place(taker, "BUY", quantity="0.1", price="55000"))

    def amend(**more: Any) -> Answer:
        return maker.signed("PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", **more)

    changed = ok(amend(origClientOrderId="large", newQty="0.3", newClientOrderId="small"))["amendedOrder"]
    assert (changed["qty"], changed["executedQty"], changed["clientOrderId"]) == ("0.3000", "0.1000", "small")
    assert stored(running, first["orderId"])["leaves"] == "0.2000"
    bought = ok(place(taker, "BUY", quantity="0.2", price="55000"))
    assert bought["status"] == "FILLED"
    seen = ok(maker.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="small"))
    assert (seen["orderId"], seen["status"], seen["origQty"]) == (first["orderId"], "FILLED", "0.3000")
    assert amend(origClientOrderId="small", newQty="0.1").code == -2013
    second = ok(maker.signed("GET", "/api/v3/openOrders"))[-1]["orderId"]
    assert amend(orderId=second, newQty="0.5").code == -2038
    assert amend(orderId=second, newQty="0.00001").code == -1013
    assert amend(orderId=second).code == -1102
    end_all(maker)


def test_a_list_is_two_orders_of_which_one_ends_the_other(running: Pipeline, maker: Client, taker: Client) -> None:
    # A print to stand above and below of.
    ok(place(maker, "SELL", quantity="0.1", price="50000"))
    ok(place(taker, "BUY", quantity="0.1", price="50000"))
    terms = {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.3", "aboveType": "LIMIT_MAKER", "abovePrice": "51000",
        "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "49000", "belowPrice": "48900", "belowTimeInForce": "GTC",
    }  # fmt: skip
    made = ok(maker.signed("POST", "/api/v3/orderList/oco", listClientOrderId="both", **terms))
    assert (made["contingencyType"], made["listOrderStatus"], made["listClientOrderId"]) == ("OCO", "EXECUTING", "both")
    assert [order["type"] for order in made["orderReports"]] == ["LIMIT_MAKER", "STOP_LOSS_LIMIT"]
    limit, stop = (order["orderId"] for order in made["orders"])
    assert stored(running, limit)["oco_order_id"] == stop
    assert maker.signed("POST", "/api/v3/orderList/oco", listClientOrderId="both", **terms).code == -2010
    opened = ok(maker.signed("GET", "/api/v3/openOrderList"))
    assert [row["orderListId"] for row in opened] == [made["orderListId"]]
    ok(place(taker, "BUY", quantity="0.1", price="51000"))
    asked = ok(maker.signed("GET", "/api/v3/orderList", origClientOrderId="both"))
    assert asked["orders"] == made["orders"] and asked["listOrderStatus"] == "EXECUTING"
    ended = ok(maker.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=stop))
    assert (ended["status"], ended["orderListId"]) == ("EXPIRED", made["orderListId"])
    ok(place(taker, "BUY", quantity="0.2", price="51000"))
    assert ok(maker.signed("GET", "/api/v3/orderList", orderListId=limit))["listOrderStatus"] == "ALL_DONE"
    old_form = {"price": "52000", "stopPrice": "49000", "stopLimitPrice": "48900", "stopLimitTimeInForce": "GTC"}
    second = ok(maker.signed("POST", "/api/v3/order/oco", symbol="BTCUSDT", side="SELL", quantity="0.3", **old_form))
    gone = ok(maker.signed("DELETE", "/api/v3/orderList", symbol="BTCUSDT", orderListId=second["orderListId"]))
    assert gone["listOrderStatus"] == "ALL_DONE"
    assert [order["status"] for order in gone["orderReports"]] == ["CANCELED", "CANCELED"]
    every = ok(maker.signed("GET", "/api/v3/allOrderList"))
    assert [row["orderListId"] for row in every] == [made["orderListId"], second["orderListId"]]
    wrong = maker.signed("POST", "/api/v3/orderList/oco", **terms | {"belowStopPrice": "51500"})
    assert wrong.code == -2010
    assert ok(maker.signed("GET", "/api/v3/openOrders")) == []


def test_all_orders_and_all_trades_by_id_and_limit(running: Pipeline, maker: Client) -> None:
    every = ok(maker.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT"))
    ids = [order["orderId"] for order in every]
    assert ids == sorted(ids) and len(ids) > 10
    for order in every[:: len(every) // 5]:
        asked = stored(running, order["orderId"])
        assert (asked["filled"], asked["qty"]) == (order["executedQty"], order["origQty"])
        cost = sum(Decimal(fill["price"]) * Decimal(fill["qty"]) for fill in asked["fills"])
        assert Decimal(order["cummulativeQuoteQty"]) == cost
    assert ok(maker.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT", limit=3)) == every[-3:]
    assert ok(maker.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT", orderId=ids[4], limit=3)) == every[4:7]
    since = every[5]["time"]
    later = ok(maker.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT", startTime=since))
    assert later == [order for order in every if order["time"] >= since]
    trades = ok(maker.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT"))
    assert len(trades) > 3
    assert ok(maker.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", limit=2)) == trades[-2:]
    from_second = ok(maker.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", fromId=trades[1]["id"], limit=2))
    assert from_second == trades[1:3]
    assert ok(maker.signed("GET", "/api/v3/allOrders", symbol="ETHUSDT")) == []


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"quantity": "0.00001"}, -1013),
        ({"price": "50000.001"}, -1013),
        ({"price": "2000000"}, -1013),
        ({"price": "1000000000000000000"}, -1013),
        ({"quantity": "0"}, -1013),
        ({"quantity": "1e3"}, -1100),
        ({"quantity": "-1"}, -1100),
        ({"quantity": None}, -1102),
        ({"timeInForce": "GTX"}, -1115),
        ({"timeInForce": None}, -1102),
        ({"side": "HOLD"}, -1117),
        ({"type": "HOPE"}, -1116),
        ({"stopPrice": "49000"}, -1106),
        ({"symbol": "BTCEUR"}, -1121),
        ({"quantity": "90000"}, -2010),
        ({"icebergQty": "0.0001"}, -1013),
        ({"colour": "red"}, -1104),
        ({"newClientOrderId": "with a blank"}, -1100),
        ({"type": "STOP_LOSS", "timeInForce": None, "price": None, "stopPrice": "60000"}, -2010),
        ({"type": "STOP_LOSS", "timeInForce": None, "price": None}, -1102),
        ({"type": "MARKET", "timeInForce": None, "price": None, "quoteOrderQty": "5"}, -1128),
    ],
)
def test_what_is_wrong_with_an_order_is_refused_with_its_code(taker: Client, terms: dict[str, Any], code: int) -> None:
    asked = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}
    asked |= {"price": "50000"} | terms
    sent = {name: value for name, value in asked.items() if value is not None}
    answer = taker.signed("POST", "/api/v3/order", **sent)
    assert (answer.status, answer.code) == (400, code), answer.body
    if code not in (-2010,) or "stopPrice" in terms:
        assert taker.signed("POST", "/api/v3/order/test", **sent).code == code


def test_what_would_be_taken_passes_the_test_and_is_not_there(taker: Client) -> None:
    terms = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "1"}
    assert ok(taker.signed("POST", "/api/v3/order/test", **terms)) == {}
    rates = ok(taker.signed("POST", "/api/v3/order/test", computeCommissionRates="true", **terms))
    assert rates["standardCommissionForOrder"] == {"maker": "0.00010000", "taker": "0.00020000"}
    assert ok(taker.signed("GET", "/api/v3/openOrders")) == []


def test_a_number_that_another_door_took_is_stepped_over(running: Pipeline, loner: Client) -> None:
    def by_the_other_door(client_id: int) -> None:
        order = {"op": "place", "account": LONER, "client_id": client_id, "symbol": "BTC-USDT", "side": "buy"}
        running.report("send", json.dumps(order | {"type": "limit", "price": "100", "qty": "0.1"}))

    ok(place(loner, "BUY", quantity="0.1", price="101", newClientOrderId="a"))
    by_the_other_door(500)
    ok(place(loner, "BUY", quantity="0.1", price="102", newClientOrderId="b"))
    with running.stopped("gateway"):  # it can't have seen this one when it chooses its next number …
        by_the_other_door(90_000)
    os.kill(running.pid("gateway"), signal.SIGKILL)  # … nor can its successor, of a cancel
    eventually(lambda: running.restarts("gateway") == 1, "the gateway is back")
    running.report("send", json.dumps({"op": "cancel", "account": LONER, "client_id": 95_000, "orig_client_id": 500}))
    running.settled()
    ok(place(loner, "BUY", quantity="0.1", price="103", newClientOrderId="c"))
    opened = ok(loner.signed("GET", "/api/v3/openOrders"))
    assert [order["price"] for order in opened] == ["101.00", "102.00", "100.00", "103.00"]
    assert [order["clientOrderId"] for order in opened] == ["a", "b", "90000", "c"]
    assert ok(loner.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="90000"))["price"] == "100.00"


def test_names_and_orders_are_known_to_the_next_gateway_when_one_is_killed(running: Pipeline, loner: Client) -> None:
    before = running.restarts("gateway")
    for number in range(5):
        ok(place(loner, "BUY", quantity="0.1", price=str(200 + number), newClientOrderId=f"kept-{number}"))
        os.kill(running.pid("gateway"), signal.SIGKILL)
        eventually(lambda number=number: running.restarts("gateway") == before + number + 1, "the gateway is back")
        seen = loner.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=f"kept-{number}")
        assert (seen.status, seen.body.get("status")) == (200, "NEW"), seen
        again = place(loner, "BUY", quantity="0.1", price="1", newClientOrderId=f"kept-{number}")
        assert again.code == -2010, again.body
    for number in range(5):
        name = f"kept-{number}"
        gone = ok(loner.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=name))
        assert gone["price"] == f"{200 + number}.00"
    running.settled()
    found = running.report("reconcile")
    assert found["ok"], found["checks"]


def test_a_suspension_is_known_to_the_next_gateway_when_one_is_killed(running: Pipeline, loner: Client) -> None:
    def can_trade() -> bool:
        return bool(ok(loner.signed("GET", "/api/v3/account"))["canTrade"])

    def next_gateway() -> None:
        before = running.restarts("gateway")
        os.kill(running.pid("gateway"), signal.SIGKILL)
        eventually(lambda: running.restarts("gateway") == before + 1, "the gateway is back")

    assert can_trade()
    running.report("send", json.dumps({"op": "suspend", "account": LONER}))
    eventually(lambda: not can_trade(), "the account is told that it is suspended")
    running.settled()
    next_gateway()
    assert not can_trade()
    assert place(loner, "BUY", quantity="0.1", price="1").code == -2010
    running.report("send", json.dumps({"op": "unsuspend", "account": LONER}))
    eventually(can_trade, "the account may trade again")
    running.settled()
    next_gateway()
    assert can_trade()
    assert {check["name"]: check["ok"] for check in running.report("reconcile")["checks"]}["suspended"]


def test_each_name_is_one_order_while_gateway_and_engine_are_killed(running: Pipeline, loner: Client) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    names = [f"once-{number}" for number in range(60)]
    kills = {name: rng.choice(("gateway", "engine")) for name in rng.sample(names, 6)}
    restarts = {process: running.restarts(process) for process in ("gateway", "engine")}

    def placed(name: str) -> bool:
        try:
            answer = place(loner, "BUY", quantity="0.001", price="300", newClientOrderId=name)
        except (ConnectionError, http.client.HTTPException):
            return False
        assert answer.status == 200 or answer.code in (-2010, -1001, -1007, -1008, -2015), answer
        return answer.status == 200 or answer.body["msg"] == "Duplicate order sent."

    for name in names:
        if name in kills:
            restarts[kills[name]] += 1
            os.kill(eventually(lambda name=name: running.pid(kills[name]), "it runs"), signal.SIGKILL)
        eventually(lambda name=name: placed(name), f"{name} is placed")
        for process, count in restarts.items():
            eventually(lambda process=process, count=count: running.restarts(process) == count, f"{process} is back")
    opened = ok(loner.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT"))
    assert [order["clientOrderId"] for order in opened if order["price"] == "300.00"] == names
    running.settled()
    found = running.report("reconcile")
    assert found["ok"], found["checks"]


def test_at_the_end_every_balance_is_what_the_books_say(running: Pipeline, maker: Client, taker: Client) -> None:
    running.settled()
    for client, account in ((maker, MAKER), (taker, TAKER)):
        balances = {row["asset"]: row for row in ok(client.signed("GET", "/api/v3/account"))["balances"]}
        for name, held in queried(running, "balance", str(account)).items():
            assert (balances[name]["free"], balances[name]["locked"]) == (held["available"], held["frozen"])
