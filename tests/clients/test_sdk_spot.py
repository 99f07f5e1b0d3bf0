"""binance-sdk-spot as it is trades here: whatever it was told is what the engine says."""

import pytest

from tests.clients.agreement import check_balances, check_fills, check_order, engines_order, fills_by_order
from tests.clients.driving import Outcome, drive
from tests.clients.installed import missing
from tests.clients.market import Market
from tests.pipeline import Pipeline

ACCOUNT = 103


@pytest.fixture(scope="module")
def outcome(running: Pipeline, market: Market, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if why := missing("sdk_spot"):
        pytest.skip(why)
    return drive("sdk_spot", running, market, ACCOUNT, tmp_path_factory.mktemp("driver"))


def test_every_call_is_answered(outcome: Outcome) -> None:
    assert outcome.errors == {}


def test_orders_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    assert calls["new_order MARKET"]["status"] == "FILLED"
    check_order(running, ACCOUNT, calls["new_order MARKET"])
    assert (calls["get_order"]["status"], calls["delete_order"]["status"]) == ("NEW", "CANCELED")
    rests, waits = calls["new_order LIMIT"]["orderId"], calls["new_order TAKE_PROFIT"]["orderId"]
    assert [order["orderId"] for order in calls["get_open_orders"]] == [rests, waits]
    assert [order["orderId"] for order in calls["delete_open_orders"]] == [waits]
    assert engines_order(running, waits)["stop_price"] == "66000.00"
    for order in calls["all_orders"]:
        check_order(running, ACCOUNT, order)
    assert calls["a cancel of nothing"]["raised"] == "BadRequestError"


def test_trades_and_balances_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    trades = fills_by_order(outcome.calls["my_trades"])
    assert trades.keys() == {outcome.calls["new_order MARKET"]["orderId"]}
    for number, fills in trades.items():
        check_fills(engines_order(running, number), fills)
    told = {row["asset"]: (row["free"], row["locked"]) for row in outcome.calls["get_account"]["balances"]}
    check_balances(running, ACCOUNT, told)


def test_every_stream_tells_of_the_symbol(outcome: Outcome) -> None:
    streams = {name: call for name, call in outcome.calls.items() if name.startswith("stream ")}
    assert len(streams) == 8
    assert {call["s"] for name, call in streams.items() if name != "stream partial_book_depth"} == {"BTCUSDT"}
    partial = streams["stream partial_book_depth"]
    assert len(partial["bids"]) == len(partial["asks"]) == 5


def test_the_websocket_api_takes_orders_and_tells_of_them(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    placed = calls["ws order_place"]
    assert (calls["ws order_status"]["status"], calls["ws order_cancel"]["status"]) == ("NEW", "CANCELED")
    assert engines_order(running, placed["orderId"])["status"] == "cancelled"
    reports = calls["ws user_data_stream_subscribe_signature"]
    assert [(report["i"], report["x"]) for report in reports] == [
        (placed["orderId"], "NEW"),
        (placed["orderId"], "CANCELED"),
    ]
    told = {row["asset"]: (row["free"], row["locked"]) for row in calls["ws account_status"]["balances"]}
    check_balances(running, ACCOUNT, told)
