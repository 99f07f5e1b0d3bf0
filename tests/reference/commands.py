"""A command's text, checked as far as it can be without looking at orders and funds."""

import json
from collections.abc import Iterable
from typing import Any

from tests.reference.book import LIMIT_LIKE, WAITING
from tests.reference.listing import MILLION, Asset, Instrument, read_change
from tests.reference.units import MAX_63, MAX_ACCOUNT, Refused, read_integer, read_number

# Ops of an account: each carries a client id, which is used up whatever becomes of it.
ACCOUNT_OPS = ("deposit", "withdraw", "place", "replace", "cancel", "amend", "mass_cancel")
OTHER_OPS = (
    "group", "halt", "resume", "state", "suspend", "unsuspend", "bust", "time", "list_asset", "list_instrument",
    "change_instrument", "delist_instrument", "delist_asset",
)  # fmt: skip
GROUP_MAX = 16
SIDES = ("buy", "sell")
TIFS = ("gtc", "ioc", "fok", "gtd")
TIFS_OF = {
    "limit": TIFS,
    "market": ("gtc", "ioc", "fok"),
    "stop": ("gtc", "gtd"),
    "stop_limit": ("gtc", "ioc", "gtd"),
    "take_profit": ("gtc", "gtd"),
    "take_profit_limit": ("gtc", "ioc", "gtd"),
    "trailing_stop": ("gtc", "gtd"),
}
RESTS = ("gtc", "gtd")
NAMES_SYMBOL = ("place", "replace", "state", "change_instrument", "delist_instrument")  # they have to
STATES = ("open", "halted", "post_only", "cancel_only", "auction", "closed")
STPS = ("none", "cancel_taker", "cancel_maker", "cancel_both", "decrement")


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def read_line(line: dict[str, Any] | str) -> dict[str, Any]:
    """The JSON object of a line; an empty one where it is none (that is malformed, as it has no op)."""
    found: object = line
    if isinstance(line, str):
        try:
            found = json.loads(line, parse_constant=_no_constant)
        except ValueError:
            return {}
    if not isinstance(found, dict):
        return {}
    if found.get("op") in ("list_asset", "list_instrument"):
        return found
    return without_nulls(found)


def without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    """A key whose value is null is absent."""
    return {name: value for name, value in fields.items() if value is not None}


def readable(command: dict[str, Any], name: str, high: int) -> int | None:
    """An integer field where it can be read, else None."""
    try:
        return read_integer(command.get(name), 0, high)
    except Refused:
        return None


def _word(command: dict[str, Any], name: str, words: Iterable[str], default: str | None = None) -> str:
    value = command.get(name, default)
    if type(value) is not str or value not in words:
        raise Refused("malformed")
    return value


def _need(holds: bool) -> None:
    if not holds:
        raise Refused("malformed")


def check(command: dict[str, Any], assets: dict[str, Asset], instruments: dict[str, Instrument]) -> None:
    """Raise malformed where the text is wrong by itself, or by the units of what it names."""
    op = _word(command, "op", ACCOUNT_OPS + OTHER_OPS)
    if "ts_ns" in command or op == "time":
        read_integer(command.get("ts_ns"))
    if op in ACCOUNT_OPS:
        read_integer(command.get("client_id"))
    if op in ACCOUNT_OPS or op in ("suspend", "unsuspend", "group"):
        read_integer(command.get("account"), 0, MAX_ACCOUNT)
    if op in NAMES_SYMBOL or (op in ("mass_cancel", "halt", "resume") and "symbol" in command):
        _need(type(command.get("symbol")) is str)
    if op in ("deposit", "withdraw"):
        _check_money(command, assets)
    elif op in ("place", "replace"):
        if op == "replace":
            _check_target(command)
            _need("oco_client_id" not in command)
        _check_place(command)
        if command["symbol"] in instruments:
            _check_place_fits(instruments[command["symbol"]], command)
    elif op in ("cancel", "amend"):
        _check_target(command)
        if op == "amend":
            _need(any(name in command for name in ("price", "qty", "stop_price")))
            for name in ("price", "qty", "stop_price"):
                if name in command:
                    _need(abs(read_number(command[name]).numerator) <= MAX_63)
    elif op == "mass_cancel" and "side" in command:
        _word(command, "side", SIDES)
    elif op == "group":
        members = command.get("commands")
        _need(type(members) is list and 1 <= len(members) <= GROUP_MAX and all(isinstance(m, dict) for m in members))
    elif op == "delist_asset":
        asset = command.get("asset")
        _need(type(asset) is str and asset in assets and not assets[asset].delisted)
    elif op == "change_instrument" and command["symbol"] in instruments:
        read_change(command, instruments[command["symbol"]], assets)
    elif op == "state":
        _check_state(command)
        if "reference_price" in command and command["symbol"] in instruments:
            instruments[command["symbol"]].tick.count(command["reference_price"])
    elif op == "bust":
        read_integer(command.get("trade_seq"), 1)


def check_fits(instrument: Instrument, command: dict[str, Any]) -> None:
    """Malformed where a price or quantity is beyond 63 bits in this instrument's ticks or lots."""
    for name, unit in (("price", instrument.tick), ("stop_price", instrument.tick), ("qty", instrument.lot)):
        if name in command:
            unit.count(command[name])


def _check_place_fits(instrument: Instrument, command: dict[str, Any]) -> None:
    """The same for all numbers of a place; some have to be whole units, too."""
    check_fits(instrument, command)
    if "quote_budget" in command:
        budget = instrument.quote.unit.count(command["quote_budget"])
        _need(budget > 0 and budget.denominator == 1)
    if "trail" in command:
        ticks = instrument.tick.count(command["trail"])
        _need(ticks.denominator == 1 and ticks > 0)
    for name in ("display_qty", "min_qty"):
        if name in command:
            lots = instrument.lot.count(command[name])
            _need(lots.denominator == 1 and 0 < lots <= instrument.lot.count(command["qty"]))


def _check_money(command: dict[str, Any], assets: dict[str, Asset]) -> None:
    name = command.get("asset")
    if type(name) is not str or name not in assets:
        raise Refused("malformed")
    _need(command["op"] == "withdraw" or not assets[name].delisted)
    amount = assets[name].unit.count(command.get("amount"))
    _need(amount > 0 and amount.denominator == 1)


def _check_state(command: dict[str, Any]) -> None:
    _word(command, "state", STATES)
    if "reference_price" in command:
        read_number(command["reference_price"])
    if "band_ppm" in command:
        read_integer(command["band_ppm"], 0, MILLION)


def _check_target(command: dict[str, Any]) -> None:
    _need("order_id" in command or "orig_client_id" in command)
    for name, low in (("order_id", 1), ("orig_client_id", 0)):
        if name in command:
            read_integer(command[name], low)


def check_member(fields: dict[str, Any], account: int, instruments: dict[str, Instrument]) -> None:
    """The text of a group's member: a limit order that may rest, of the group's account and time."""
    _need(fields.get("op") == "place" and "ts_ns" not in fields)
    if "account" in fields:
        _need(read_integer(fields["account"]) == account)
    read_integer(fields.get("client_id"))
    _need(type(fields.get("symbol")) is str)
    _check_place(fields)
    _need(fields["type"] == "limit" and fields.get("tif", "gtc") in RESTS)
    if fields["symbol"] in instruments:
        _check_place_fits(instruments[fields["symbol"]], fields)


def _check_place(command: dict[str, Any]) -> None:
    """Which words and fields go together."""
    side = _word(command, "side", SIDES)
    order_type = _word(command, "type", TIFS_OF)
    tif = _word(command, "tif", TIFS, "gtc")
    stp = _word(command, "stp", STPS, "cancel_taker")
    post_only = command.get("post_only", False)
    _need(type(post_only) is bool)
    for name in ("price", "qty", "stop_price", "trail", "display_qty", "min_qty", "quote_budget"):
        if name in command:
            read_number(command[name])
    _need(tif in TIFS_OF[order_type])
    _need(("price" in command) == (order_type in LIMIT_LIKE))
    _need(("stop_price" in command) == (order_type in WAITING))
    _need(("trail" in command) == (order_type == "trailing_stop"))
    _need(("qty" in command) != ("quote_budget" in command))
    _need(("expire_ts_ns" in command) == (tif == "gtd"))
    if tif == "gtd":
        read_integer(command["expire_ts_ns"])
    if "oco_client_id" in command:
        _need(order_type in WAITING)
        read_integer(command["oco_client_id"])
    if post_only:
        _need(order_type == "limit" and tif in RESTS)
    if "quote_budget" in command:
        _need(order_type == "market" and side == "buy" and tif != "fok" and stp != "decrement")
    if "display_qty" in command:
        _need(order_type in LIMIT_LIKE and tif in RESTS)
    if "min_qty" in command:
        _need(order_type in ("limit", "market") and tif != "fok" and not post_only and "qty" in command)
