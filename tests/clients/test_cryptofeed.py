"""cryptofeed as it is follows the market here: its book is the engine's."""

import pytest

from tests.clients.agreement import numbers
from tests.clients.driving import Outcome, drive
from tests.clients.installed import missing
from tests.clients.market import Market
from tests.clients.tls_front import tls_front
from tests.consumers.gateway.asking import gateway_port
from tests.pipeline import Pipeline

ACCOUNT = 105


@pytest.fixture(scope="module")
def outcome(running: Pipeline, market: Market, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if why := missing("cryptofeed"):
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("driver")
    with tls_front(gateway_port(running), folder) as front:
        told = {"wss_port": front.port, "certificate": str(front.certificate)}
        return drive("cryptofeed", running, market, ACCOUNT, folder, **told)


def test_every_channel_tells(outcome: Outcome) -> None:
    assert outcome.errors == {}
    assert {outcome.calls[channel]["symbol"] for channel in ("TRADES", "TICKER", "CANDLES")} == {"BTC-USDT"}


def test_its_l2_book_is_the_engines(outcome: Outcome) -> None:
    told = outcome.calls["L2_BOOK"]
    assert numbers(told) == numbers(outcome.book)
    assert told["updates"] >= 10
