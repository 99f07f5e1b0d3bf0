"""Operators' commands as text: states, changes, delistings; and the catalog that follows their events."""

import tomllib
from typing import Any

import numpy as np
import orjson
import pytest

from config.catalog import LISTING_FIELDS, Catalog, fill_list_instrument
from config.instruments import build_catalog
from config.json_commands import decode, explain
from config.json_events import encode, encode_lines
from ringbuf.codes import (
    HAS_MIN,
    HAS_PRICE,
    NO_ACCOUNT,
    NO_ID,
    NO_SYMBOL,
    EventType,
    Op,
    Reason,
    SymbolState,
)
from ringbuf.records import COMMAND, COMMAND_LIST_INSTRUMENT, EVENT, EVENT_LISTED_INSTRUMENT
from tests.config.cases import tables

STATE = {"op": "state", "symbol": "BTC-USDT", "state": "auction"}
CHANGE = {"op": "change_instrument", "symbol": "BTC-USDT"}


def catalog() -> Catalog:
    return build_catalog(tables())


def test_a_state_carries_its_reference_price_and_band() -> None:
    for state in SymbolState:
        command = decode(STATE | {"state": state.name.lower()}, catalog())
        assert (command["op"], command["symbol_state"], command["symbol"], command["mask"]) == (Op.STATE, state, 0, 0)
    command = decode(STATE | {"reference_price": "50000", "band_ppm": 20_000, "ts_ns": 4}, catalog())
    assert (command["price_ticks"], command["min_lots"], command["ts_ns"]) == (5_000_000, 20_000, 4)
    assert command["mask"] == HAS_PRICE | HAS_MIN
    assert decode(STATE | {"band_ppm": 0}, catalog())["mask"] == HAS_MIN


def test_a_state_that_makes_no_sense_is_refused() -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"state": "asleep"}, {"state": None}, {"state": 4}, {"symbol": None}, {"band_ppm": -1}, {"band_ppm": "5"},
        {"band_ppm": 1_000_001}, {"reference_price": "x"}, {"reference_price": 1.5},
    )  # fmt: skip
    for changes in wrong:
        assert decode(STATE | changes, catalog())["op"] == Op.MALFORMED, changes
    assert decode(STATE | {"symbol": "X"}, catalog())["refuse"] == Reason.UNKNOWN_SYMBOL
    assert decode(STATE | {"reference_price": "0.001"}, catalog())["refuse"] == Reason.PRICE_OFF_TICK


def changed(fields: dict[str, Any], known: Catalog) -> dict[str, int]:
    """The terms that a change command carries."""
    command = np.array([decode(fields, known)])
    row = command.view(COMMAND_LIST_INSTRUMENT)[0]
    assert (row["op"], row["name"], row["base"], row["quote"]) == (Op.CHANGE_INSTRUMENT, b"BTC-USDT", 1, 0)
    return {name: int(row[name]) for name in LISTING_FIELDS}


def test_a_change_carries_all_terms_those_given_over_those_there_are() -> None:
    known = catalog()
    before = {name: getattr(known.instruments[0], name) for name in LISTING_FIELDS}
    assert changed(CHANGE | {"maker_fee_ppm": 0, "qty_max": "5", "price_min": None}, known) == before | {
        "maker_fee_ppm": 0, "qty_max_lots": 50_000,
    }  # fmt: skip
    assert changed(CHANGE | {"price_min": "1", "price_max": "2"}, known) == before | {
        "price_min_ticks": 100, "price_max_ticks": 200,
    }  # fmt: skip


@pytest.mark.parametrize("zero", [0, "0", "0.00"])
def test_zero_lifts_an_optional_limit(zero: Any) -> None:
    given = {"qty_min": "1", "qty_max": "5", "min_notional": "10", "market_collar_ppm": 5, "max_open_orders": 9}
    fields = tables()
    fields["instrument"][0] |= given
    limited, free = build_catalog(fields), catalog().instruments[0]
    terms = changed(CHANGE | dict.fromkeys(given, zero), limited)
    assert terms == {name: getattr(free, name) for name in LISTING_FIELDS}


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"qty_max": None}, {"tick_size": "0.01", "qty_max": "5"}, {"lot_size": "0.0001"}, {"base": "BTC"},
        {"quote": "USDT"}, {"price_min": "0"}, {"price_min": "300000"}, {"price_max": "0.001"}, {"maker_fee_ppm": -1},
        {"qty_min": "6", "qty_max": "5"}, {"market_collar_ppm": -1}, {"qty_max": "x"}, {"max_open_orders": False},
    ],
)  # fmt: skip
def test_a_change_that_an_instruments_file_would_be_refused_for_is_malformed(changes: dict[str, Any]) -> None:
    assert decode(CHANGE | changes, catalog())["op"] == Op.MALFORMED
    assert explain(CHANGE | changes, catalog())


def test_what_is_not_listed_is_not_changed_or_delisted() -> None:
    for op in ("change_instrument", "delist_instrument"):
        command = decode({"op": op, "symbol": "X", "qty_max": "5"}, catalog())
        assert (command["op"], command["refuse"]) == (Op[op.upper()], Reason.UNKNOWN_SYMBOL)
        assert decode({"op": op, "qty_max": "5"}, catalog())["op"] == Op.MALFORMED
    assert decode({"op": "delist_instrument", "symbol": "BTC-USDT"}, catalog())["symbol"] == 0
    assert decode({"op": "delist_asset", "asset": "BTC"}, catalog())["symbol"] == 1
    for asset in ("X", None, 1):
        assert decode({"op": "delist_asset", "asset": asset}, catalog())["op"] == Op.MALFORMED


# --- the catalog, by events ------------------------------------------------------------------------------------------


def event(kind: EventType, symbol: int, seq: int = 9) -> np.ndarray:
    found = np.zeros(1, EVENT)
    found["seq"], found["type"], found["symbol"] = seq, kind, symbol
    found["account"], found["client_id"], found["request_id"] = NO_ACCOUNT, NO_ID, NO_ID
    return found


def terms_event(kind: EventType, fields: dict[str, Any], known: Catalog) -> np.ndarray:
    """A listed or changed event with the terms of a change command."""
    command = np.array([decode(fields, known)]).view(COMMAND_LIST_INSTRUMENT)
    found = event(kind, known.instrument(fields["symbol"]).id)
    row = found.view(EVENT_LISTED_INSTRUMENT)
    for name in ("name", "base", "quote", *LISTING_FIELDS):
        row[name] = command[name]
    return found


def test_a_changed_event_changes_the_catalog_and_tells_all_terms() -> None:
    known = catalog()
    change = terms_event(EventType.CHANGED_INSTRUMENT, CHANGE | {"qty_max": "5"}, known)
    old = known.instruments[0]
    assert known.fold(change[0]) and known.fold(change[0])
    assert known.instrument("BTC-USDT") is known.instruments[0]
    assert known.instruments[0].qty_max_lots == 50_000
    told = encode(change[0], known)
    assert told == {"seq": 9, "ts_ns": 0, "type": "changed"} | old.to_dict() | {"qty_max": "5.0000"}
    known.fold(terms_event(EventType.CHANGED_INSTRUMENT, CHANGE | {"qty_max": 0}, known)[0])
    assert encode(change[0], known) == told, "an event is told with the terms of its own time"


def test_what_is_delisted_is_unknown_but_can_still_be_read() -> None:
    known = catalog()
    assert known.fold_all(np.concatenate([event(EventType.DELISTED_INSTRUMENT, 0, 9)])) == 1
    place = {"op": "place", "account": 7, "client_id": 3, "symbol": "BTC-USDT", "side": "buy", "type": "limit",
             "price": "1", "qty": "1"}  # fmt: skip
    command = decode(place, known)
    assert (command["op"], command["refuse"], command["symbol"]) == (Op.PLACE, Reason.UNKNOWN_SYMBOL, NO_SYMBOL)
    for op in ("change_instrument", "delist_instrument", "state"):
        assert decode({"op": op, "symbol": "BTC-USDT", "state": "open"}, known)["refuse"] == Reason.UNKNOWN_SYMBOL
    again = {"op": "list_instrument"} | tables()["instrument"][0]
    assert decode(again, known)["op"] == Op.MALFORMED, "its name is not used again"
    told = encode(event(EventType.DELISTED_INSTRUMENT, 0)[0], known)
    assert told == {"seq": 9, "ts_ns": 0, "type": "delisted", "symbol": "BTC-USDT"}
    assert tomllib.loads(known.to_toml()).get("instrument") is None
    # A repeat of older events brings nothing back.
    known.fold(terms_event(EventType.CHANGED_INSTRUMENT, CHANGE | {"qty_max": "5"}, catalog())[0])
    known.fold(terms_event(EventType.LISTED_INSTRUMENT, CHANGE | {"qty_max": "5"}, catalog())[0])
    assert not known.instruments[0].listed


def test_a_delisted_asset_is_withdrawn_but_not_deposited_or_listed_with() -> None:
    known = catalog()
    known.fold(event(EventType.DELISTED_INSTRUMENT, 0)[0])
    known.fold(event(EventType.DELISTED_ASSET, 1)[0])
    transfer = {"account": 7, "asset": "BTC", "amount": "1", "client_id": 3}
    assert decode({"op": "deposit", **transfer}, known)["op"] == Op.MALFORMED
    assert decode({"op": "withdraw", **transfer}, known)["op"] == Op.WITHDRAW
    assert decode({"op": "delist_asset", "asset": "BTC"}, known)["op"] == Op.MALFORMED
    assert decode({"op": "list_asset", "name": "BTC", "decimals": 8}, known)["op"] == Op.MALFORMED
    listing = {"op": "list_instrument"} | tables()["instrument"][0] | {"symbol": "NEW"}
    assert decode(listing, known)["op"] == Op.MALFORMED
    told = encode(event(EventType.DELISTED_ASSET, 1)[0], known)
    assert told == {"seq": 9, "ts_ns": 0, "type": "delisted", "asset": "BTC"}


def test_events_before_what_they_are_about_are_an_error() -> None:
    for kind in (EventType.CHANGED_INSTRUMENT, EventType.DELISTED_INSTRUMENT, EventType.DELISTED_ASSET):
        with pytest.raises(ValueError, match="missing"):
            Catalog().fold(event(kind, 0)[0])


def test_a_listing_is_told_from_its_record() -> None:
    known = catalog()
    command = np.zeros(1, COMMAND)
    instrument = known.instruments[0]
    terms = {name: getattr(instrument, name) for name in LISTING_FIELDS}
    fill_list_instrument(command, instrument.symbol, instrument.base, instrument.quote, terms)
    listed = event(EventType.LISTED_INSTRUMENT, 0)
    row = listed.view(EVENT_LISTED_INSTRUMENT)
    for name in ("name", "base", "quote", *LISTING_FIELDS):
        row[name] = command.view(COMMAND_LIST_INSTRUMENT)[name]
    line = orjson.loads(encode_lines(listed, known))
    assert line == {"seq": 9, "ts_ns": 0, "type": "listed"} | instrument.to_dict()
    with pytest.raises(ValueError, match="asset"):
        encode(listed[0], Catalog())
