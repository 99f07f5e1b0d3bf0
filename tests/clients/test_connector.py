"""binance-connector as it is trades here: whatever it was told is what the engine says."""

from typing import Any

import pytest

from tests.clients.agreement import check_balances, check_fills, check_order, engines_order, fills_by_order
from tests.clients.driving import Outcome, drive
from tests.clients.installed import missing
from tests.clients.market import Market
from tests.pipeline import Pipeline

ACCOUNT = 102


@pytest.fixture(scope="module")
def outcome(running: Pipeline, market: Market, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if why := missing("connector"):
        pytest.skip(why)
    return drive("connector", running, market, ACCOUNT, tmp_path_factory.mktemp("driver"))


def test_every_call_is_answered(outcome: Outcome) -> None:
    assert outcome.errors == {}


def test_orders_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    for name in ("new_order MARKET", "new_order IOC"):
        assert calls[name]["status"] == "FILLED"
        check_order(running, ACCOUNT, calls[name])
    assert (calls["get_order"]["status"], calls["cancel_order"]["status"]) == ("NEW", "CANCELED")
    assert [order["orderId"] for order in calls["get_open_orders"]] == [calls["new_order LIMIT"]["orderId"]]
    for order in calls["get_orders"]:
        check_order(running, ACCOUNT, order)
    assert "-2011" in calls["a cancel of nothing"]["text"]


def test_trades_and_balances_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    trades = fills_by_order(calls["my_trades"])
    assert trades.keys() == {calls[name]["orderId"] for name in ("new_order MARKET", "new_order IOC")}
    for number, fills in trades.items():
        check_fills(engines_order(running, number), fills)
    told = {row["asset"]: (row["free"], row["locked"]) for row in calls["account"]["balances"]}
    check_balances(running, ACCOUNT, told)


def test_a_listen_key_that_it_subscribes_to_tells_what_happens(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    reports = [message for message in calls["user_data"] if message["e"] == "executionReport"]
    rests, bought = calls["new_order LIMIT"]["orderId"], calls["new_order MARKET"]["orderId"]
    assert [report["x"] for report in reports if report["i"] == rests] == ["NEW", "CANCELED"]
    fills: list[tuple[Any, Any, Any]] = [
        (report["L"], report["l"], report["n"])
        for report in reports
        if report["i"] == bought and report["x"] == "TRADE"
    ]
    check_fills(engines_order(running, bought), fills)


def test_market_data_comes_raw_and_combined(outcome: Outcome) -> None:
    calls = outcome.calls
    assert calls["streams"]["s"] == "BTCUSDT"
    assert calls["combined streams"]["stream"].startswith("btcusdt@")
    assert [len(calls[name]) for name in ("trades", "historical_trades", "agg_trades")] == [3, 3, 3]
    assert len(calls["depth"]["bids"]) == len(calls["depth"]["asks"]) == 10


def test_the_websocket_api_takes_orders(running: Pipeline, outcome: Outcome) -> None:
    calls = {name: call for name, call in outcome.calls.items() if name.startswith("ws ")}
    assert [call["status"] for call in calls.values()] == [200] * 6
    placed = calls["ws new_order"]["result"]
    assert [order["orderId"] for order in calls["ws get_open_orders"]["result"]] == [placed["orderId"]]
    assert engines_order(running, placed["orderId"])["status"] == "cancelled"
    told = {row["asset"]: (row["free"], row["locked"]) for row in calls["ws account"]["result"]["balances"]}
    check_balances(running, ACCOUNT, told)
