"""Binance's parameters of a new order, and the `place` that they become."""

from types import SimpleNamespace
from typing import Any

import pytest

from config.catalog import Catalog
from config.instruments import load_instruments
from config.json_commands import explain
from consumers.gateway.book import BID
from consumers.gateway.errors import ApiError
from consumers.gateway.lists import read_oco, read_old_oco
from consumers.gateway.market import Market, MarketRow
from consumers.gateway.params import Params
from consumers.gateway.terms import lots_worth, read_terms
from ringbuf.records import MARKET
from tests.pipeline import INSTRUMENTS

CATALOG: Catalog = load_instruments(INSTRUMENTS)
LAST = 50_000_00  # ticks


@pytest.fixture
def market() -> Market:
    made = Market(SimpleNamespace(catalog=CATALOG), 0)  # type: ignore[arg-type]
    made.ticker = MarketRow._make([0] * len(MARKET.names or ()))._replace(price_ticks=LAST)
    return made


def terms(market: Market, **given: Any) -> dict[str, Any]:
    params = Params({"symbol": "BTCUSDT", "side": "SELL", "quantity": "1"} | given)
    params.symbol()
    found = read_terms(params, market)
    params.refuse_unread()
    wrong = explain(found.command | {"account": 1, "client_id": 1}, CATALOG)
    assert wrong is None, wrong
    return found.command


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ({"type": "LIMIT", "timeInForce": "FOK", "price": "1"}, {"type": "limit", "tif": "fok", "price": "1"}),
        ({"type": "LIMIT_MAKER", "price": "1"}, {"type": "limit", "post_only": True}),
        ({"type": "MARKET"}, {"type": "market", "qty": "1"}),
        ({"type": "STOP_LOSS", "stopPrice": "49999.99"}, {"type": "stop", "stop_price": "49999.99"}),
        ({"type": "STOP_LOSS", "stopPrice": "50000.01", "side": "BUY"}, {"type": "stop", "side": "buy"}),
        ({"type": "TAKE_PROFIT", "stopPrice": "50000.01"}, {"type": "take_profit"}),
        ({"type": "TAKE_PROFIT", "stopPrice": "49999.99", "side": "BUY"}, {"type": "take_profit"}),
        (
            {"type": "STOP_LOSS_LIMIT", "stopPrice": "40000", "price": "1", "timeInForce": "IOC"},
            {"type": "stop_limit", "tif": "ioc", "stop_price": "40000"},
        ),
        (
            {"type": "STOP_LOSS", "trailingDelta": "100"},
            {"type": "trailing_stop", "trail": "500.00", "stop_price": "49500.00"},
        ),
        (
            {"type": "STOP_LOSS", "trailingDelta": "2000", "side": "BUY"},
            {"type": "trailing_stop", "trail": "10000.00", "stop_price": "60000.00"},
        ),
        (
            {"type": "LIMIT", "timeInForce": "GTC", "price": "1", "icebergQty": "0.01"},
            {"display_qty": "0.01", "qty": "1"},
        ),
        (
            {"type": "MARKET", "side": "BUY", "quantity": None, "quoteOrderQty": "12.5"},
            {"quote_budget": "12.5", "type": "market"},
        ),
        ({"type": "MARKET", "selfTradePreventionMode": "DECREMENT"}, {"stp": "decrement"}),
        ({"type": "MARKET"}, {"stp": "cancel_taker"}),
    ],
)
def test_each_type_becomes_the_engines_own(market: Market, given: dict[str, Any], command: dict[str, Any]) -> None:
    assert command.items() <= terms(market, **given).items()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"type": "STOP_LOSS", "stopPrice": "50000"}, -2010),
        ({"type": "TAKE_PROFIT", "stopPrice": "50000"}, -2010),
        ({"type": "STOP_LOSS", "stopPrice": "49000", "trailingDelta": "100"}, -1128),
        ({"type": "STOP_LOSS", "trailingDelta": "9"}, -1013),
        ({"type": "STOP_LOSS_LIMIT", "stopPrice": "49000", "price": "1", "timeInForce": "FOK"}, -1115),
        ({"type": "TAKE_PROFIT", "trailingDelta": "100"}, -1102),
        ({"type": "LIMIT_MAKER", "price": "1", "timeInForce": "GTC"}, -1106),
        ({"type": "LIMIT", "timeInForce": "IOC", "price": "1", "icebergQty": "0.5"}, -1115),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "1", "icebergQty": "2"}, -1013),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "1", "icebergQty": "0.0001"}, -1013),
        ({"type": "MARKET", "quantity": None}, -1102),
        ({"type": "MARKET", "quantity": None, "quoteOrderQty": "0.0000001", "side": "BUY"}, -1111),
        ({"type": "MARKET", "quantity": None, "quoteOrderQty": "0", "side": "BUY"}, -1013),
        ({"type": "MARKET", "quantity": None, "quoteOrderQty": "100"}, -1013),
    ],
)
def test_what_the_engine_has_not_or_a_filter_forbids_is_refused(
    market: Market, given: dict[str, Any], code: int
) -> None:
    with pytest.raises(ApiError) as refused:
        terms(market, **given)
    assert refused.value.code == code, refused.value


def test_a_sale_worth_an_amount_takes_whole_lots_of_the_best_bids_first(market: Market) -> None:
    for price, lots in ((50_000_00, 10), (49_999_99, 5), (40_000_00, 1000)):
        market.book.set(BID, price, lots)
    unit = market.instrument.tick_lot_quote_units
    first, second = 10 * 50_000_00 * unit, 5 * 49_999_99 * unit
    assert lots_worth(market, first) == 10
    assert lots_worth(market, first - 1) == 9
    assert lots_worth(market, first + second + 40_000_00 * unit * 7 + 1) == 22
    assert lots_worth(market, 1 << 60) == 1015
    assert lots_worth(market, 1) == 0


NEW_FORM = {
    "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "51000", "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "49000", "belowPrice": "48900", "belowTimeInForce": "GTC",
}  # fmt: skip


def test_both_forms_of_a_list_become_the_same_two_orders(market: Market) -> None:
    old = {"side": "SELL", "quantity": "1", "price": "51000", "stopPrice": "49000", "stopLimitPrice": "48900"}
    made = [read_oco(params, market) for params in (
        Params(NEW_FORM), read_old_oco(Params(old | {"stopLimitTimeInForce": "GTC"})),
    )]  # fmt: skip
    assert [leg.command for leg in made[0]] == [leg.command for leg in made[1]]
    assert [leg.kind for leg in made[0]] == ["LIMIT_MAKER", "STOP_LOSS_LIMIT"]
    buy = {"side": "BUY", "price": "49000", "stopPrice": "51000", "quantity": "1"}
    assert [leg.kind for leg in read_oco(read_old_oco(Params(buy)), market)] == ["LIMIT_MAKER", "STOP_LOSS"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"abovePrice": "49500"}, -2010),
        ({"belowStopPrice": "49999", "abovePrice": "50000"}, -2010),
        ({"aboveType": "STOP_LOSS"}, -1116),
        ({"belowType": None}, -1102),
        ({"quantity": None}, -1102),
        ({"belowTimeInForce": None}, -1102),
        ({"aboveTimeInForce": "GTC"}, -1106),
    ],
)
def test_a_list_whose_orders_do_not_fit_is_refused(market: Market, changes: dict[str, Any], code: int) -> None:
    with pytest.raises(ApiError) as refused:
        read_oco(Params(NEW_FORM | changes), market)
    assert refused.value.code == code, refused.value
