"""freqtrade as it is trades here by a strategy: what its own page shows is what the engine says."""

import re
from decimal import Decimal
from typing import Any

import pytest

from tests.clients.agreement import engines_order
from tests.clients.driving import Outcome, drive
from tests.clients.installed import missing
from tests.clients.market import Market
from tests.consumers.gateway.asking import queried
from tests.pipeline import Pipeline

ACCOUNT = 107


@pytest.fixture(scope="module")
def outcome(running: Pipeline, market: Market, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if why := missing("freqtrade"):
        pytest.skip(why)
    return drive("freqtrade", running, market, ACCOUNT, tmp_path_factory.mktemp("driver"))


def orders_of(outcome: Outcome) -> list[dict[str, Any]]:
    """Of all trades on its page."""
    return [order for trade in outcome.calls["trades"]["trades"] for order in trade["orders"]]


def test_it_trades_until_it_is_told_to_stop(outcome: Outcome) -> None:
    assert outcome.errors == {}
    trades = outcome.calls["trades"]["trades"]
    assert trades
    assert {(trade["is_open"], trade["exit_reason"]) for trade in trades} == {(False, "enough")}
    assert outcome.calls["count"]["current"] == 0
    assert outcome.calls["ends by SIGTERM with"] == 130  # as on Ctrl-C


def test_the_orders_on_its_page_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    market = [order for order in orders_of(outcome) if order["order_type"] == "market"]
    assert len(market) >= 8
    for order in market:
        found = engines_order(running, order["order_id"])
        assert (found["account"], found["side"], found["status"]) == (ACCOUNT, order["ft_order_side"], "filled")
        assert Decimal(str(order["filled"])) == Decimal(found["filled"])
        assert abs(Decimal(str(order["safe_price"])) - found["paid"] / Decimal(found["filled"])) < Decimal("0.01")


def test_its_stop_losses_waited_at_the_exchange(running: Pipeline, outcome: Outcome) -> None:
    said = [row[4] for row in outcome.calls["logs"]["logs"]]  # its page has no cancelled orders
    stops = [told[1] for line in said if (told := re.search(r"Cancelling stoploss .* order: (\d+)", line))]
    assert len(stops) >= 7
    for number in stops:
        found = engines_order(running, number)
        assert (found["account"], found["order_type"], found["status"]) == (ACCOUNT, "stop_limit", "cancelled")


def test_its_balances_are_the_engines(running: Pipeline, outcome: Outcome) -> None:
    engines = queried(running, "balance", str(ACCOUNT))
    told = {row["currency"]: row for row in outcome.calls["balance"]["currencies"]}
    assert {name: Decimal(str(row["balance"])) for name, row in told.items()} == {
        name: Decimal(row["available"]) for name, row in engines.items()
    }


def test_it_has_the_markets_candles_and_nothing_to_complain_of(outcome: Outcome) -> None:
    assert outcome.calls["pair_candles"]["length"] >= 1
    complaints = {row[4] for row in outcome.calls["logs"]["logs"] if row[3] in ("WARNING", "ERROR", "CRITICAL")}
    assert complaints <= {"Empty candle (OHLCV) data for pair BTC/USDT"}  # while the market has not had a whole minute
