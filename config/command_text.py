"""One COMMAND while its text is being read, and the readers of single fields.

A reader raises `Malformed`, naming the field and what was expected of it; a number that is none of the instrument's
steps, or a symbol that is not listed, is remembered in the draft's ``refuse`` instead.
"""

import struct
from typing import Any

from config.catalog import Catalog, Instrument
from config.decimals import MAX_UNITS, split_decimal
from ringbuf.codes import NO_ACCOUNT, NO_ID, NO_SYMBOL, Reason
from ringbuf.records import RECORD_SIZE

# COMMAND as one struct, so that a record is written in one call.
_PACK = struct.Struct("<qq8BII9q4B4xqII")
assert _PACK.size == RECORD_SIZE

MAX_ACCOUNT = NO_ACCOUNT - 1


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


def read_identity(draft: Draft, fields: dict[str, Any]) -> None:
    """Account and client id."""
    draft.account = read_whole(fields, "account", 0, MAX_ACCOUNT)
    draft.client_id = read_whole(fields, "client_id", 0, MAX_UNITS)


def read_symbol(draft: Draft, fields: dict[str, Any], catalog: Catalog, required: bool) -> Instrument | None:
    """The instrument that is named; None where there is none."""
    value = fields.get("symbol")
    if value is None and not required:
        return None
    if type(value) is not str:
        raise Malformed("symbol: expected a string")
    instrument = catalog.find_instrument(value)
    if instrument is None:
        draft.refuse_with(Reason.UNKNOWN_SYMBOL)
    else:
        draft.symbol = instrument.id
    return instrument


def read_steps(draft: Draft, fields: dict[str, Any], key: str, instrument: Instrument | None) -> tuple[int, bool]:
    """A price (``*price``) in ticks or a quantity in lots, and whether the key was there."""
    value = fields.get(key)
    if value is None:
        return 0, False
    try:
        if instrument is None:  # nothing to measure by, the symbol is refused anyway; it still has to be a number
            split_decimal(value)
            return 0, True
        is_price = key == "price" or key == "stop_price"
        units, exact = (instrument.price_scale if is_price else instrument.qty_scale).parse(value)
    except ValueError as error:
        raise Malformed(f"{key}: expected a decimal string ({error})") from error
    if not exact:
        draft.refuse_with(Reason.PRICE_OFF_TICK if is_price else Reason.QTY_OFF_LOT)
    return units, True
