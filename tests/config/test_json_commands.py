"""JSON commands: what they become, and what is wrong with those that are refused."""

from typing import Any

import numpy as np
import orjson
import pytest

from config.instruments import build_catalog
from config.json_commands import decode, decode_lines, explain
from ringbuf.codes import CMD_DECIMAL, NO_ACCOUNT, NO_ID, NO_SYMBOL, Op, Reason, Stp
from ringbuf.records import COMMAND
from tests.config.cases import tables

CATALOG = build_catalog(tables())
PLACE: dict[str, Any] = {
    "op": "place", "account": 7, "client_id": 3, "symbol": "BTC-USDT", "side": "buy", "type": "limit",
    "price": "50000.00", "qty": "0.5",
}  # fmt: skip
MARKET = {k: v for k, v in PLACE.items() if k != "price"} | {"type": "market"}


def test_a_place_becomes_ticks_and_lots() -> None:
    command = decode(orjson.dumps(PLACE), CATALOG)
    assert (command["op"], command["refuse"], command["stp"]) == (Op.PLACE, 0, Stp.CANCEL_TAKER)
    assert (command["price_ticks"], command["qty_lots"], command["symbol"]) == (5_000_000, 5000, 0)
    assert (command["order_id"], command["orig_client_id"]) == (0, NO_ID)


@pytest.mark.parametrize(
    "changes",
    [
        {"op": "dance"}, {"side": "up"}, {"type": "iceberg"}, {"tif": "day"}, {"stp": "all"}, {"qty": None},
        {"price": None}, {"price": 1.5}, {"price": "x"}, {"qty": "1e30"}, {"qty": True}, {"symbol": 5},
        {"post_only": 1}, {"post_only": True, "tif": "ioc"}, {"quote_budget": "5"}, {"ts_ns": -1}, {"type": "market"},
    ],
)  # fmt: skip
def test_a_malformed_place_keeps_account_and_client_id(changes: dict[str, Any]) -> None:
    command = decode(PLACE | changes, CATALOG)
    assert (command["op"], command["refuse"]) == (Op.MALFORMED, Reason.MALFORMED), changes
    assert (command["account"], command["client_id"]) == (7, 3)
    assert explain(PLACE | changes, CATALOG)


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"tif": "fok"}, True),
        ({"tif": "gtd", "expire_ts_ns": 9}, False),
        ({"qty": None, "quote_budget": "100"}, True),
        ({"quote_budget": "100"}, False),
        ({"qty": None}, False),
        ({"qty": None, "quote_budget": "100", "side": "sell"}, False),
        ({"qty": None, "quote_budget": "100", "tif": "fok"}, False),
        ({"qty": None, "quote_budget": "100", "stp": "decrement"}, False),
    ],
)
def test_market_orders_take_either_qty_or_budget(changes: dict[str, Any], good: bool) -> None:
    assert (decode(MARKET | changes, CATALOG)["op"] == Op.PLACE) == good


@pytest.mark.parametrize("line", [b"", b"[]", b"7", b"{", b'{"op":5}', b'{"op":"place","price":NaN}', b"\xff"])
def test_what_is_no_command_is_malformed_without_an_account(line: bytes) -> None:
    command = decode(line, CATALOG)
    assert (command["op"], command["account"], command["client_id"]) == (Op.MALFORMED, NO_ACCOUNT, NO_ID)


def test_refusals_of_numbers_and_symbols_keep_the_op() -> None:
    for changes, reason in (
        ({"price": "0.001", "qty": "0.00001"}, Reason.PRICE_OFF_TICK),
        ({"qty": "0.00001"}, Reason.QTY_OFF_LOT),
        ({"symbol": "X", "price": "0.001"}, Reason.UNKNOWN_SYMBOL),
    ):
        command = decode(PLACE | changes, CATALOG)
        assert (command["op"], command["refuse"]) == (Op.PLACE, reason)
    assert decode(PLACE | {"symbol": "X"}, CATALOG)["symbol"] == NO_SYMBOL


def test_an_amend_carries_decimals_because_it_names_no_symbol() -> None:
    amend = {"op": "amend", "account": 7, "client_id": 5, "orig_client_id": 3, "price": "49999.10", "qty": "0.4"}
    command = decode(amend, CATALOG)
    assert command["flags"] & CMD_DECIMAL
    assert (command["price_ticks"], command["price_places"]) == (499991, 1)
    assert (command["qty_lots"], command["qty_places"]) == (4, 1)
    for missing in ({"orig_client_id": None}, {"price": None, "qty": None}):
        assert decode(amend | missing, CATALOG)["op"] == Op.MALFORMED


@pytest.mark.parametrize("amount", ["0", "-1", "0.0000001", "x", None])
def test_a_deposit_needs_whole_minor_units_above_zero(amount: str | None) -> None:
    deposit = {"op": "deposit", "account": 7, "asset": "USDT", "amount": amount, "client_id": 1}
    assert decode(deposit, CATALOG)["op"] == Op.MALFORMED
    assert decode(deposit | {"amount": "5", "asset": "EUR"}, CATALOG)["op"] == Op.MALFORMED
    assert decode(deposit | {"amount": "5"}, CATALOG)["qty_lots"] == 5_000_000


def test_decoding_stops_after_a_listing_and_before_a_bust() -> None:
    place = orjson.dumps(PLACE)
    listing, bust = b'{"op":"list_asset","name":"ETH","decimals":8}', b'{"op":"bust","trade_seq":4}'
    change, gone = b'{"op":"change_instrument","symbol":"BTC-USDT","qty_max":5}', b'{"op":"delist_asset","asset":"BTC"}'
    out = np.zeros(20, COMMAND)
    for stopper in (listing, change, gone):
        assert decode_lines([place, stopper, place], CATALOG, out) == (2, 2)
    assert decode_lines([place, place, bust], CATALOG, out) == (2, 2)
    assert decode_lines([bust, place], CATALOG, out) == (2, 2)


def test_a_group_is_never_cut_by_the_end_of_the_room() -> None:
    group = orjson.dumps({"op": "group", "account": 7, "commands": [PLACE] * 16})
    place = orjson.dumps(PLACE)
    out = np.zeros(40, COMMAND)
    assert decode_lines([group] * 3, CATALOG, out) == (2, 32)
    assert decode_lines([place] * 9 + [group] * 3, CATALOG, out) == (10, 25)
    with pytest.raises(ValueError, match="out"):
        decode_lines([place], CATALOG, out[:15])
