"""One COMMAND while its text is being read, and the readers of single fields.

A reader raises `Malformed`, naming the field and what was expected of it; a number that is none of the instrument's
steps, or a symbol that is not listed, is remembered in the draft's ``refuse`` instead.
"""

import struct
from typing import Any

from config.catalog import Asset, Catalog, Instrument
from config.decimals import MAX_UNITS, split_decimal
from ringbuf.codes import NO_ACCOUNT, NO_ID, NO_SYMBOL, Reason
from ringbuf.records import RECORD_SIZE

# COMMAND as one struct, so that a record is written in one call.
_PACK = struct.Struct("<qq8BII9q4B4xqII")
assert _PACK.size == RECORD_SIZE

MAX_ACCOUNT = NO_ACCOUNT - 1
_PRICES = frozenset(("price", "stop_price", "reference_price", "trail"))  # in ticks; other steps are lots


class Malformed(Exception):
    """The text is no command; carries what is wrong, for whoever asks."""


class Draft:
    """The fields of one COMMAND while its text is being read."""

    __slots__ = (
        "account", "budget", "client_id", "display", "expire", "flags", "mask", "min_qty", "op", "order_id",
        "orig_client_id", "price", "price_places", "qty", "qty_places", "refuse", "side", "state", "stop",
        "stop_places", "stp", "symbol", "tif", "ts_ns", "type",
    )  # fmt: skip

    def __init__(self, op: int) -> None:
        self.op = op
        self.ts_ns = self.flags = self.side = self.type = self.tif = self.stp = self.mask = self.refuse = 0
        self.symbol, self.account = NO_SYMBOL, NO_ACCOUNT
        self.client_id = self.orig_client_id = NO_ID
        self.order_id = self.price = self.qty = self.stop = self.display = self.expire = self.budget = 0
        self.price_places = self.qty_places = self.stop_places = self.state = self.min_qty = 0

    def pack_into(self, buffer: Any, offset: int) -> None:
        """Write the 128 bytes of this command."""
        _PACK.pack_into(
            buffer, offset,
            self.ts_ns, 0,
            self.op, self.flags, self.side, self.type, self.tif, self.stp, self.mask, self.refuse,
            self.symbol, self.account,
            self.client_id, self.order_id, self.orig_client_id, self.price, self.qty, self.stop, self.display,
            self.expire, self.budget,
            self.price_places, self.qty_places, self.stop_places, self.state,
            self.min_qty,
            0, 0,
        )  # fmt: skip

    def refuse_with(self, reason: Reason) -> None:
        """Keep the first reason found; the readers come in the order of the reasons."""
        if not self.refuse:
            self.refuse = int(reason)


def read_whole(fields: dict[str, Any], key: str, low: int, high: int) -> int:
    """A JSON integer within the bounds."""
    value = fields.get(key)
    if type(value) is not int or not low <= value <= high:
        raise Malformed(f"{key}: expected a whole number from {low} to {high}")
    return value


def read_word(fields: dict[str, Any], key: str, words: dict[str, int], default: int | None = None) -> int:
    """The code of one of the words."""
    value = fields.get(key)
    if value is None and default is not None:
        return default
    code = words.get(value) if type(value) is str else None
    if code is None:
        raise Malformed(f"{key}: expected one of {', '.join(words)}")
    return code


def read_flag(fields: dict[str, Any], key: str) -> bool | None:
    """True or false; None where it isn't given."""
    value = fields.get(key)
    if value is not None and type(value) is not bool:
        raise Malformed(f"{key}: expected true or false")
    return value


def read_ts_ns(fields: dict[str, Any]) -> int:
    """The time that a command names; 0 where it names none."""
    return read_whole(fields, "ts_ns", 0, MAX_UNITS) if fields.get("ts_ns") is not None else 0


def read_identity(draft: Draft, fields: dict[str, Any]) -> None:
    """Account and client id."""
    draft.account = read_whole(fields, "account", 0, MAX_ACCOUNT)
    draft.client_id = read_whole(fields, "client_id", 0, MAX_UNITS)


def read_target(draft: Draft, fields: dict[str, Any]) -> None:
    """The order that a cancel, amend or replace is about."""
    if fields.get("order_id") is not None:
        draft.order_id = read_whole(fields, "order_id", 1, MAX_UNITS)
    if fields.get("orig_client_id") is not None:
        draft.orig_client_id = read_whole(fields, "orig_client_id", 0, MAX_UNITS)
    if not draft.order_id and draft.orig_client_id == NO_ID:
        raise Malformed("orig_client_id: missing, expected it or order_id")


def read_asset(fields: dict[str, Any], catalog: Catalog, listed: bool) -> Asset:
    """The asset that is named; with ``listed`` one that is not delisted."""
    name = fields.get("asset")
    asset = catalog.find_asset(name) if type(name) is str else None
    if asset is None or (listed and not asset.listed):
        raise Malformed("asset: expected a declared asset")
    return asset


def find_symbol(fields: dict[str, Any], catalog: Catalog) -> Instrument | None:
    """The instrument that is named; None where there is none, or none any more."""
    value = fields.get("symbol")
    if type(value) is not str:
        raise Malformed("symbol: expected a string")
    instrument = catalog.find_instrument(value)
    return instrument if instrument is not None and instrument.listed else None


def read_symbol(draft: Draft, fields: dict[str, Any], catalog: Catalog, required: bool) -> Instrument | None:
    """The same for the command's symbol: refused where it is unknown, None too where it isn't given."""
    if not required and fields.get("symbol") is None:
        return None
    instrument = find_symbol(fields, catalog)
    if instrument is None:
        draft.refuse_with(Reason.UNKNOWN_SYMBOL)
    else:
        draft.symbol = instrument.id
    return instrument


def read_steps(draft: Draft, fields: dict[str, Any], key: str, instrument: Instrument | None, bit: int) -> int:
    """A price in ticks or a quantity in lots, setting ``bit`` in the mask; 0 where it isn't given."""
    value = fields.get(key)
    if value is None:
        return 0
    units, exact = _steps(value, key, instrument)
    if not exact:
        draft.refuse_with(Reason.PRICE_OFF_TICK if key in _PRICES else Reason.QTY_OFF_LOT)
    draft.mask |= bit
    return units


def read_whole_steps(draft: Draft, fields: dict[str, Any], key: str, instrument: Instrument | None, bit: int) -> int:
    """The same for what is malformed where it is no whole number of steps above zero."""
    value = fields.get(key)
    if value is None:
        return 0
    units, exact = _steps(value, key, instrument)
    if instrument is not None and (not exact or units <= 0):
        raise Malformed(f"{key}: expected whole {'ticks' if key in _PRICES else 'lots'} above zero")
    draft.mask |= bit
    return units


def _steps(value: object, key: str, instrument: Instrument | None) -> tuple[int, bool]:
    """Steps, rounded down, and whether they are exact; (0, True) where there is nothing to measure by."""
    try:
        if instrument is None:  # the symbol is refused anyway; it still has to be a number
            split_decimal(value)
            return 0, True
        return (instrument.price_scale if key in _PRICES else instrument.qty_scale).parse(value)
    except ValueError as error:
        raise Malformed(f"{key}: expected a decimal string ({error})") from error
