"""Orders as text: which terms stand together, what becomes of them, and what is malformed."""

from typing import Any

import numpy as np
import pytest

from config.instruments import build_catalog
from config.json_commands import decode, explain
from ringbuf.codes import (
    CMD_DECIMAL,
    CMD_ONE_SIDE,
    CMD_PAIRED,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_MIN,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    HAS_TRAIL,
    NO_ID,
    NO_SYMBOL,
    Op,
    OrderType,
    Reason,
    Side,
    Tif,
)
from ringbuf.records import COMMAND
from tests.config.cases import tables

CATALOG = build_catalog(tables())
ORDER: dict[str, Any] = {
    "op": "place", "account": 7, "client_id": 3, "symbol": "BTC-USDT", "side": "sell", "qty": "0.5",
}  # fmt: skip
PRICE, STOP, TRAIL = {"price": "50000"}, {"stop_price": "49000"}, {"trail": "100"}
NEEDED: dict[str, dict[str, str]] = {
    "limit": PRICE, "market": {}, "stop": STOP, "stop_limit": PRICE | STOP, "take_profit": STOP,
    "take_profit_limit": PRICE | STOP, "trailing_stop": STOP | TRAIL,
}  # fmt: skip
GTD = {"tif": "gtd", "expire_ts_ns": 5}
WITH_LIMIT = ("limit", "stop_limit", "take_profit_limit")
WAITING = ("stop", "stop_limit", "take_profit", "take_profit_limit", "trailing_stop")


def order(kind: str, **changes: Any) -> dict[str, Any]:
    return {**ORDER, "type": kind, **NEEDED[kind], **changes}


def is_taken(fields: dict[str, Any]) -> bool:
    command = decode(fields, CATALOG)
    assert (command["op"] == Op.MALFORMED) == (explain(fields, CATALOG) is not None)
    return bool(command["op"] != Op.MALFORMED)


def test_every_type_needs_exactly_its_prices() -> None:
    for kind, needed in NEEDED.items():
        assert is_taken(order(kind)), kind
        for key, value in (PRICE | STOP | TRAIL).items():
            assert not is_taken(order(kind, **{key: None if key in needed else value})), (kind, key)


@pytest.mark.parametrize("kind", list(NEEDED))
def test_every_type_takes_its_times_in_force(kind: str) -> None:
    taken = {"gtc", "gtd"}
    if kind in WITH_LIMIT or kind == "market":
        taken |= {"ioc"}
    if kind in ("limit", "market"):
        taken |= {"fok"}
    if kind == "market":
        taken -= {"gtd"}
    for tif in Tif:
        word = tif.name.lower()
        fields = order(kind, tif=word, expire_ts_ns=9 if word == "gtd" else None)
        assert is_taken(fields) == (word in taken), (kind, word)
    if "gtd" in taken:
        assert decode(order(kind, **GTD), CATALOG)["expire_ts_ns"] == 5
        assert not is_taken(order(kind, tif="gtd"))
    assert not is_taken(order(kind, expire_ts_ns=5))
    assert is_taken(order(kind, post_only=True)) == (kind == "limit")
    assert is_taken(order(kind, post_only=True, **GTD)) == (kind == "limit")


def test_a_stop_limit_carries_both_prices_and_an_iceberg_its_slice() -> None:
    command = decode(order("stop_limit", display_qty="0.1", **GTD), CATALOG)
    assert (command["order_type"], command["price_ticks"], command["stop_price_ticks"]) == (
        OrderType.STOP_LIMIT, 5_000_000, 4_900_000,
    )  # fmt: skip
    assert command["display_lots"] == 1000
    assert command["mask"] == HAS_PRICE | HAS_STOP_PRICE | HAS_QTY | HAS_DISPLAY | HAS_EXPIRE
    assert command["orig_client_id"] == NO_ID


def test_a_trail_takes_the_place_of_the_price() -> None:
    command = decode(order("trailing_stop"), CATALOG)
    assert (command["price_ticks"], command["stop_price_ticks"]) == (10_000, 4_900_000)
    assert command["mask"] == HAS_TRAIL | HAS_STOP_PRICE | HAS_QTY


@pytest.mark.parametrize("key", ["display_qty", "min_qty"])
@pytest.mark.parametrize("value", ["0", "-0.1", "0.00001", "0.5001", "x", 0.1, True, "1e30"])
def test_a_part_of_qty_is_whole_lots_above_zero_and_at_most_qty(key: str, value: Any) -> None:
    assert is_taken(order("limit", **{key: "0.5"}))
    assert is_taken(order("limit", **{key: "0.0001"}))
    assert not is_taken(order("limit", **{key: value}))


@pytest.mark.parametrize("value", ["0", "-1", "0.001", "x", 1.5])
def test_a_trail_is_whole_ticks_above_zero(value: Any) -> None:
    assert not is_taken(order("trailing_stop", trail=value))


def test_a_stop_price_off_tick_is_refused_as_such() -> None:
    command = decode(order("stop", stop_price="0.001"), CATALOG)
    assert (command["op"], command["refuse"]) == (Op.PLACE, Reason.PRICE_OFF_TICK)


def test_a_slice_goes_with_a_limit_price_that_rests() -> None:
    for kind in NEEDED:
        for fields in ({}, GTD, {"tif": "ioc"}):
            fields = order(kind, display_qty="0.1", **fields)
            expected = kind in WITH_LIMIT and fields.get("tif") != "ioc"
            assert is_taken(fields) == expected, fields


def test_a_minimum_goes_with_what_can_trade_in_part_at_once() -> None:
    command = decode(order("limit", min_qty="0.2"), CATALOG)
    assert (command["min_lots"], command["mask"]) == (2000, HAS_PRICE | HAS_QTY | HAS_MIN)
    for kind in NEEDED:
        assert is_taken(order(kind, min_qty="0.1")) == (kind not in WAITING), kind
    assert is_taken(order("limit", min_qty="0.1", tif="ioc"))
    assert is_taken(order("limit", min_qty="0.1", **GTD))
    assert not is_taken(order("limit", min_qty="0.1", tif="fok"))
    assert not is_taken(order("limit", min_qty="0.1", post_only=True))
    assert not is_taken(order("market", min_qty="0.1", side="buy", qty=None, quote_budget="100"))


def test_a_pair_is_named_by_a_waiting_order_only() -> None:
    for kind in NEEDED:
        fields = order(kind, oco_client_id=0)
        assert is_taken(fields) == (kind in WAITING), kind
        if kind in WAITING:
            command = decode(fields, CATALOG)
            assert (command["orig_client_id"], command["flags"]) == (0, CMD_PAIRED)
    for value in (-1, "5", 2**63, 1.0, True):
        assert not is_taken(order("stop", oco_client_id=value))


def test_of_an_unknown_symbol_only_the_words_are_checked() -> None:
    unknown = {"symbol": "X", "display_qty": "0.7", "min_qty": "0.1"}
    command = decode(order("limit", **unknown), CATALOG)
    assert (command["refuse"], command["symbol"]) == (Reason.UNKNOWN_SYMBOL, NO_SYMBOL)
    assert not is_taken(order("limit", **unknown, tif="fok"))


def test_a_replace_is_a_place_with_a_target_and_without_a_pair() -> None:
    replace = order("limit", op="replace", orig_client_id=2)
    command = decode(replace, CATALOG)
    assert (command["op"], command["orig_client_id"], command["order_id"]) == (Op.REPLACE, 2, 0)
    assert (command["price_ticks"], command["qty_lots"]) == (5_000_000, 5000)
    assert decode(replace | {"orig_client_id": None, "order_id": 9}, CATALOG)["order_id"] == 9
    assert decode(replace | {"type": "stop"} | STOP | {"price": None}, CATALOG)["op"] == Op.REPLACE
    for wrong in ({"orig_client_id": None}, {"oco_client_id": 1}, {"qty": None}, {"order_id": 0}):
        assert not is_taken(replace | wrong), wrong


def test_a_replace_and_a_place_of_the_same_terms_differ_in_op_and_target_alone() -> None:
    for kind in NEEDED:
        place, replace = decode(order(kind), CATALOG), decode(order(kind, op="replace", order_id=4), CATALOG)
        place["op"], place["order_id"] = Op.REPLACE, 4
        assert place == replace


def test_an_amend_may_give_a_stop_price() -> None:
    amend = {"op": "amend", "account": 7, "client_id": 5, "orig_client_id": 3, "stop_price": "49999.10"}
    command = decode(amend, CATALOG)
    assert command["flags"] & CMD_DECIMAL
    assert (command["stop_price_ticks"], command["stop_price_places"], command["mask"]) == (499991, 1, HAS_STOP_PRICE)


def test_a_mass_cancel_takes_symbol_and_side_both_or_neither() -> None:
    cancel = {"op": "mass_cancel", "account": 7, "client_id": 5}
    found = {}
    for symbol in (None, "BTC-USDT"):
        for side in (None, "buy", "sell"):
            command = decode(cancel | {"symbol": symbol, "side": side}, CATALOG)
            found[symbol, side] = (int(command["symbol"]), int(command["flags"]), int(command["side"]))
    assert found == {
        (None, None): (NO_SYMBOL, 0, 0),
        (None, "buy"): (NO_SYMBOL, CMD_ONE_SIDE, Side.BUY),
        (None, "sell"): (NO_SYMBOL, CMD_ONE_SIDE, Side.SELL),
        ("BTC-USDT", None): (0, 0, 0),
        ("BTC-USDT", "buy"): (0, CMD_ONE_SIDE, Side.BUY),
        ("BTC-USDT", "sell"): (0, CMD_ONE_SIDE, Side.SELL),
    }
    assert decode(cancel | {"side": "both"}, CATALOG)["op"] == Op.MALFORMED


def test_terms_that_are_not_given_are_zero_in_the_record() -> None:
    command = decode(order("market"), CATALOG)
    named = {"op", "side", "order_type", "stp", "mask", "account", "client_id", "orig_client_id", "qty_lots"}
    for name in COMMAND.names or ():
        if name not in named and name != "reserved":
            assert np.all(command[name] == 0), name
