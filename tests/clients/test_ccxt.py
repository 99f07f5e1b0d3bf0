"""ccxt and ccxt.pro as they are trade here: whatever they were told is what the engine says."""

from decimal import Decimal
from typing import Any

import pytest

from tests.clients.agreement import check_balances, check_fills, engines_order, numbers
from tests.clients.driving import Outcome, drive
from tests.clients.installed import missing
from tests.clients.market import Market
from tests.pipeline import Pipeline

ACCOUNT = 104
STATUS = {"open": "open", "partly_filled": "open", "waiting": "open", "filled": "closed", "cancelled": "canceled"}
FILLED = (
    "create_market_buy_order",
    "create_market_buy_order_with_cost",
    "create_market_sell_order",
    "create_order IOC",
    "create_order FOK",
)
RESTING = ("postOnly", "iceberg", "stop", "stopLossPrice", "takeProfitPrice", "trailing", "named")


@pytest.fixture(scope="module")
def outcome(running: Pipeline, market: Market, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if why := missing("ccxt"):
        pytest.skip(why)
    return drive("ccxt", running, market, ACCOUNT, tmp_path_factory.mktemp("driver"))


def exact(number: Any) -> Decimal:
    """What ccxt, whose numbers are floats, means."""
    return Decimal(str(number))


def check(running: Pipeline, order: dict[str, Any]) -> dict[str, Any]:
    """A unified order against the engine's."""
    found = engines_order(running, order["id"])
    assert found["account"] == ACCOUNT
    assert order["status"] == STATUS[found["status"]], (order, found)
    assert (order["symbol"], order["side"]) == ("BTC/USDT", found["side"])
    assert (exact(order["amount"]), exact(order["filled"])) == (Decimal(found["qty"]), Decimal(found["filled"]))
    assert exact(order["cost"]) == found["paid"]
    if "price" in found:
        assert exact(order["price"]) == Decimal(found["price"])
    return found


def test_every_call_is_answered(outcome: Outcome) -> None:
    assert outcome.errors == {}


def test_markets_and_market_data_are_there(outcome: Outcome) -> None:
    calls = outcome.calls
    market = calls["load_markets"]["BTC/USDT"]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.0001)
    assert (market["active"], market["spot"]) == (True, True)
    assert len(calls["fetch_order_book"]["bids"]) == len(calls["fetch_order_book"]["asks"]) == 20
    assert len(calls["fetch_trades"]) == 5
    assert set(calls["fetch_tickers"]) == set(calls["fetch_last_prices"]) == {"BTC/USDT", "ETH/USDT"}
    assert calls["watch_trades"][0]["symbol"] == calls["watch_ticker"]["symbol"] == "BTC/USDT"


def test_orders_that_trade_are_filled_as_the_engine_filled_them(running: Pipeline, outcome: Outcome) -> None:
    for name in FILLED:
        told = outcome.calls[name]
        assert told["status"] == "closed", name
        check_fills(check(running, told), [(t["price"], t["amount"], t["fee"]["cost"]) for t in told["trades"]])


def test_orders_that_rest_and_wait_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    placed = [calls[f"create_order {name}"]["id"] for name in RESTING]
    assert sorted(order["id"] for order in calls["fetch_open_orders at the end"]) == sorted(placed)
    assert sorted(order["id"] for order in calls["cancel_all_orders"]) == sorted(placed)
    engines = {name: engines_order(running, number) for name, number in zip(RESTING, placed, strict=True)}
    assert {each["status"] for each in engines.values()} == {"cancelled"}
    assert engines["iceberg"]["display_qty"] == "0.0200"
    assert [engines[name]["stop_price"] for name in ("stop", "stopLossPrice", "takeProfitPrice")] == [
        "42000.00", "41500.00", "65000.00",
    ]  # fmt: skip
    assert engines["trailing"]["order_type"] == "trailing_stop"


def test_an_edited_order_takes_the_place_of_the_first(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    first, edited = calls["create_limit_buy_order"], calls["edit_order"]
    assert (calls["fetch_order"]["status"], calls["fetch_order"]["id"]) == ("open", first["id"])
    assert [order["id"] for order in calls["fetch_open_orders"]] == [first["id"]]
    assert first["id"] != edited["id"]
    assert {engines_order(running, order["id"])["status"] for order in (first, edited)} == {"cancelled"}
    assert (engines_order(running, edited["id"])["qty"], engines_order(running, edited["id"])["price"]) == (
        "0.0200", "40100.00",
    )  # fmt: skip


def test_histories_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    for order in calls["fetch_orders"]:
        check(running, order)
    assert {order["id"] for order in calls["fetch_closed_orders"]} >= {calls[name]["id"] for name in FILLED}
    trades: dict[str, list[tuple[Any, Any, Any]]] = {}
    for trade in calls["fetch_my_trades"]:
        trades.setdefault(trade["order"], []).append((trade["price"], trade["amount"], trade["fee"]["cost"]))
    assert trades.keys() == {calls[name]["id"] for name in FILLED}
    for number, fills in trades.items():
        check_fills(engines_order(running, number), fills)


def test_what_is_refused_is_raised_as_what_it_is(outcome: Outcome) -> None:
    told = {name: call for name, call in outcome.calls.items() if isinstance(call, dict)}
    refusals = {name: call["raised"] for name, call in told.items() if "raised" in call}
    assert refusals == {
        "an order without funds": "InsufficientFunds",
        "an order that nobody knows": "OrderNotFound",
        "post only that would take": "OrderImmediatelyFillable",
    }


def test_the_account_is_watched(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    orders = [order for heard in calls["watch_orders"]["heard"] for order in heard]
    assert calls["watch_orders"]["bought"] in {order["id"] for order in orders}
    trades = [trade for heard in calls["watch_my_trades"]["heard"] for trade in heard]
    assert calls["watch_my_trades"]["bought"] in {trade["order"] for trade in trades}
    assert {"BTC", "USDT"} <= set(calls["watch_balance"]["heard"][-1]["total"])
    by_socket = calls["create_order_ws"]
    assert (by_socket["fetched"]["status"], by_socket["cancelled"]["status"]) == ("open", "canceled")
    check(running, by_socket["cancelled"])


def test_balances_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    told = outcome.calls["pro fetch_balance"]
    check_balances(running, ACCOUNT, {name: (told["free"][name], told["used"][name]) for name in told["total"]})


def test_the_watched_book_is_the_engines(outcome: Outcome) -> None:
    told = outcome.calls["watch_order_book"]
    assert numbers(told["book"]) == numbers(outcome.book)
    assert told["updates"] >= 10
