"""Records made by the Python client are those that the same command becomes as text."""

from typing import Any

import numpy as np
import pytest

from client.python.commands import amend, cancel, group, mass_cancel, place, replace
from config.instruments import build_catalog
from config.json_commands import decode_all
from ringbuf.codes import CMD_DECIMAL, GROUP_MAX, OrderType, Side, Stp, Tif
from tests.config.cases import tables

CATALOG = build_catalog(tables())
ORDER: dict[str, Any] = {"op": "place", "account": 7, "client_id": 3, "symbol": "BTC-USDT", "side": "sell"}
MINE = (7, 3, 0, Side.SELL)


def text(**fields: Any) -> np.ndarray:
    records, wrong = decode_all(ORDER | fields, CATALOG)
    assert wrong is None
    return records


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        (place(*MINE, 5000, price_ticks=100), {"type": "limit", "price": "1", "qty": "0.5"}),
        (
            place(*MINE, 5000, price_ticks=100, display_lots=10, tif=Tif.GTD, expire_ts_ns=9, post_only=True),
            {"type": "limit", "price": "1", "qty": "0.5", "display_qty": "0.001", "tif": "gtd", "expire_ts_ns": 9,
             "post_only": True},
        ),
        (
            place(*MINE, 5000, price_ticks=100, min_lots=1, tif=Tif.IOC, stp=Stp.NONE),
            {"type": "limit", "price": "1", "qty": "0.5", "min_qty": "0.0001", "tif": "ioc", "stp": "none"},
        ),
        (
            place(7, 3, 0, Side.BUY, None, OrderType.MARKET, quote_budget=1_000_000),
            {"type": "market", "side": "buy", "quote_budget": "1"},
        ),
        (
            place(*MINE, 5000, OrderType.TRAILING_STOP, stop_price_ticks=90, trail_ticks=5, oco_client_id=0),
            {"type": "trailing_stop", "stop_price": "0.9", "trail": "0.05", "qty": "0.5", "oco_client_id": 0},
        ),
        (
            place(*MINE, 5000, OrderType.TAKE_PROFIT_LIMIT, stop_price_ticks=90, price_ticks=80),
            {"type": "take_profit_limit", "stop_price": "0.9", "price": "0.8", "qty": "0.5"},
        ),
        (
            replace(place(*MINE, 5000, price_ticks=100), orig_client_id=0),
            {"op": "replace", "orig_client_id": 0, "type": "limit", "price": "1", "qty": "0.5"},
        ),
        (cancel(7, 3, order_id=9), {"op": "cancel", "order_id": 9}),
        (mass_cancel(7, 3), {"op": "mass_cancel", "symbol": None, "side": None}),
        (mass_cancel(7, 3, 0, Side.SELL), {"op": "mass_cancel"}),
    ],
)  # fmt: skip
def test_a_record_is_what_its_text_becomes(record: np.ndarray, fields: dict[str, Any]) -> None:
    assert record.tobytes() == text(**fields).tobytes()


def test_an_amend_is_in_ticks_and_lots() -> None:
    record = amend(7, 3, orig_client_id=2, price_ticks=100, stop_price_ticks=90)
    read = text(op="amend", orig_client_id=2, price="100", stop_price="90")
    read["flags"] &= ~np.uint8(CMD_DECIMAL)
    assert record.tobytes() == read.tobytes()


def test_a_group_is_its_orders_with_the_flag_that_it_goes_on() -> None:
    orders = [place(7, 10 + at, 0, Side.BUY, 5000, price_ticks=100) for at in range(GROUP_MAX)]
    members = [{**ORDER, "client_id": 10 + at, "side": "buy", "type": "limit", "price": "1", "qty": "0.5"}
               for at in range(GROUP_MAX)]  # fmt: skip
    assert group(*orders).tobytes() == text(op="group", commands=members).tobytes()
    for wrong in ([], [*orders, orders[0]]):
        with pytest.raises(ValueError, match="1 to 16"):
            group(*wrong)


def test_a_target_is_named_one_way() -> None:
    for target in ({}, {"order_id": 1, "orig_client_id": 1}):
        with pytest.raises(ValueError, match="one of"):
            cancel(7, 3, **target)
