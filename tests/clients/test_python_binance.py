"""python-binance as it is trades here: whatever it was told is what the engine says."""

from decimal import Decimal
from typing import Any

import pytest

from tests.clients.agreement import check_balances, check_fills, check_order, engines_order, fills_by_order
from tests.clients.driving import Outcome, drive
from tests.clients.installed import missing
from tests.clients.market import Market
from tests.pipeline import Pipeline

ACCOUNT = 101
PLACED = (
    "order_market_buy",
    "order_market_buy by quoteOrderQty",
    "order_market_sell",
    "order_limit_sell that takes",
)


@pytest.fixture(scope="module")
def outcome(running: Pipeline, market: Market, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if why := missing("python_binance"):
        pytest.skip(why)
    return drive("python_binance", running, market, ACCOUNT, tmp_path_factory.mktemp("driver"))


def test_every_call_is_answered(outcome: Outcome) -> None:
    assert outcome.errors == {}


def test_orders_that_trade_are_filled_as_the_engine_filled_them(running: Pipeline, outcome: Outcome) -> None:
    for name in PLACED:
        told = outcome.calls[name]
        assert told["status"] == "FILLED"
        check_order(running, ACCOUNT, told)
    assert outcome.calls["order_market_buy"]["executedQty"] == "0.0500"


def test_an_order_that_rests_is_found_and_cancelled(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    rests = calls["order_limit_buy"]
    assert (calls["get_order"]["status"], calls["cancel_order"]["status"]) == ("NEW", "CANCELED")
    assert [order["orderId"] for order in calls["get_open_orders"]] == [rests["orderId"]]
    check_order(running, ACCOUNT, calls["get_order of what is cancelled"])


def test_names_waiting_orders_and_lists_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    named, by_name = calls["create_order named"], calls["get_order by name"]
    assert (by_name["orderId"], by_name["clientOrderId"]) == (named["orderId"], "mine-1")
    replaced = calls["cancel_replace_order"]
    assert (replaced["cancelResult"], replaced["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert engines_order(running, named["orderId"])["status"] == "cancelled"
    stop = calls["create_order STOP_LOSS_LIMIT"]["orderId"]
    waiting = engines_order(running, stop)
    assert (waiting["stop_price"], waiting["status"]) == ("42000.00", "waiting")
    legs = [order["orderId"] for order in calls["order_oco_sell"]["orders"]]
    assert [engines_order(running, leg).get("oco_order_id") for leg in legs] == legs[::-1]
    check_order(running, ACCOUNT, replaced["newOrderResponse"])


def test_all_orders_and_trades_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    for order in calls["get_all_orders"]:
        check_order(running, ACCOUNT, order)
    trades = fills_by_order(calls["get_my_trades"])
    assert trades.keys() >= {calls[name]["orderId"] for name in PLACED}
    for number, fills in trades.items():
        check_fills(engines_order(running, number), fills)


def test_what_is_refused_is_raised_with_binances_codes(outcome: Outcome) -> None:
    refusals = [outcome.calls[name] for name in ("an order without funds", "a price between ticks")]
    assert [refusal["raised"] for refusal in refusals] == ["BinanceAPIException"] * 2
    assert ["-2010" in refusals[0]["text"], "-1013" in refusals[1]["text"]] == [True, True]


def test_user_data_is_what_happened(running: Pipeline, outcome: Outcome) -> None:
    told = outcome.calls["user_socket"]
    check_order(running, ACCOUNT, told["bought"])
    reports = [message for message in told["messages"] if message["e"] == "executionReport"]
    of_placed = [report["x"] for report in reports if report["i"] == told["placed"]["orderId"]]
    assert of_placed == ["NEW", "CANCELED"]
    traded = [report for report in reports if report["x"] == "TRADE"]
    assert {report["i"] for report in traded} == {told["bought"]["orderId"]}
    check_fills(engines_order(running, told["bought"]["orderId"]), [(r["L"], r["l"], r["n"]) for r in traded])
    last: dict[str, tuple[Any, Any]] = {}
    for message in told["messages"]:
        if message["e"] == "outboundAccountPosition":
            last.update({row["a"]: (row["f"], row["l"]) for row in message["B"]})
    check_balances(running, ACCOUNT, last)


def test_the_depth_cache_is_the_engines_book(outcome: Outcome) -> None:
    cache = outcome.calls["DepthCacheManager"]
    assert {side: cache[side] for side in ("bids", "asks")} == outcome.book
    assert cache["updates"] >= 10


def test_market_data_is_of_the_market(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    assert [row["symbol"] for row in calls["get_exchange_info"]["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert calls["get_symbol_info"]["status"] == "TRADING"
    bids, asks = calls["get_order_book"]["bids"], calls["get_order_book"]["asks"]
    assert Decimal(bids[0][0]) < 50000 < Decimal(asks[0][0])
    assert len(bids) == len(asks) == 20
    known = {trade["id"] for trade in calls["get_recent_trades"] + calls["get_historical_trades"]}
    assert len(known) >= 5 and len(calls["get_aggregate_trades"]) == 5
    assert calls["get_klines"] and calls["get_historical_klines"]
    assert calls["trade_socket"]["s"] == calls["kline_socket"]["s"] == "BTCUSDT"
    assert calls["multiplex_socket"]["stream"] == "btcusdt@bookTicker"
