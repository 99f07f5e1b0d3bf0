"""nautilus_trader's live node, as it is, trades here: whatever it was told is what the engine says."""

from decimal import Decimal
from typing import Any

import pytest

from tests.clients.agreement import check_balances, check_fills, engines_order, numbers
from tests.clients.driving import Outcome, drive
from tests.clients.installed import missing
from tests.clients.market import Market
from tests.pipeline import Pipeline

ACCOUNT = 106
STATUS = {"NEW": "open", "ACCEPTED": "open", "FILLED": "filled", "CANCELED": "cancelled", "EXPIRED": "cancelled"}


@pytest.fixture(scope="module")
def outcome(running: Pipeline, market: Market, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if why := missing("nautilus"):
        pytest.skip(why)
    return drive("nautilus", running, market, ACCOUNT, tmp_path_factory.mktemp("driver"))


def check(running: Pipeline, order: dict[str, Any]) -> None:
    """An order as the node had it against the engine's."""
    found = engines_order(running, order["orderId"])
    assert (found["account"], found["side"]) == (ACCOUNT, order["side"].lower())
    assert found["status"] == STATUS[order["status"]]
    assert (Decimal(order["qty"]), Decimal(order["filled"])) == (Decimal(found["qty"]), Decimal(found["filled"]))
    check_fills(found, order["fills"])


def test_it_knows_the_instrument_and_hears_of_its_market(outcome: Outcome) -> None:
    calls = outcome.calls
    terms = {name: Decimal(value) for name, value in calls["instrument"].items()}
    assert terms == {
        "tick": Decimal("0.01"),
        "lot": Decimal("0.0001"),
        "maker": Decimal("0.0001"),
        "taker": Decimal("0.0002"),
    }
    assert calls["request_trade_ticks"] == "answered"
    assert Decimal(calls["subscribe_quote_ticks"]["bid"]) < Decimal(calls["subscribe_quote_ticks"]["ask"])
    assert Decimal(calls["subscribe_trade_ticks"]["price"]) > 0


def test_the_strategys_orders_are_filled_as_the_engine_filled_them(running: Pipeline, outcome: Outcome) -> None:
    orders = outcome.calls["submit_order MARKET"]
    assert sorted(order["side"] for order in orders) == ["BUY"] * 8 + ["SELL"] * 8
    for order in [*orders, outcome.calls["submit_order LIMIT IOC"]]:
        assert order["status"] == "FILLED"
        check(running, order)


def test_orders_rest_are_cancelled_and_refused(running: Pipeline, outcome: Outcome) -> None:
    calls = outcome.calls
    check(running, calls["submit_order LIMIT"])
    assert (calls["submit_order LIMIT"]["status"], calls["submit_order LIMIT that stays"]["status"]) == (
        "CANCELED", "ACCEPTED",
    )  # fmt: skip
    assert calls["submit_order LIMIT without funds"]["status"] in ("REJECTED", "DENIED")
    check(running, calls["submit_order LIMIT that stays"])


def test_its_balances_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    check_balances(running, ACCOUNT, outcome.calls["account"])


def test_its_book_is_the_engines(outcome: Outcome) -> None:
    assert numbers(outcome.calls["subscribe_order_book_deltas"]) == numbers(outcome.book)
