"""One JSON command → one COMMAND record, exactly as the interface describes commands.

Content never raises. What can't be understood becomes op MALFORMED with the account and client id where readable.
What is understood but refused for its numbers or symbol keeps its op and says why in ``refuse``, so that the engine
can put the reason in its place behind those that only it can know (duplicate id, unknown account).

An optional key whose value is null counts as absent; unknown keys are ignored.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson

from config.catalog import Catalog, Instrument, fill_list_asset, fill_list_instrument
from config.command_text import (
    MAX_ACCOUNT,
    Draft,
    Malformed,
    read_identity,
    read_steps,
    read_symbol,
    read_whole,
    read_word,
)
from config.decimals import MAX_UNITS, split_decimal
from config.errors import ConfigError
from config.instruments import check_asset, check_instrument
from ringbuf.codes import (
    CMD_DECIMAL,
    CMD_POST_ONLY,
    HAS_BUDGET,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    NO_ACCOUNT,
    NO_ID,
    NO_SYMBOL,
    EventType,
    Op,
    OrderType,
    Reason,
    Side,
    Stp,
    Tif,
)
from ringbuf.records import COMMAND, COMMAND_BUST, RECORD_SIZE

TradeOf = Callable[[int], np.void | None]  # sequence → the EVENT record there, None where there is none

_SIDES = {"buy": int(Side.BUY), "sell": int(Side.SELL)}
_TYPES = {t.name.lower(): int(t) for t in OrderType if t <= OrderType.STOP_LIMIT}
_TIFS = {t.name.lower(): int(t) for t in Tif}
_STPS = {s.name.lower(): int(s) for s in Stp}

_LIMIT, _MARKET = int(OrderType.LIMIT), int(OrderType.MARKET)
_STOP, _STOP_LIMIT = int(OrderType.STOP), int(OrderType.STOP_LIMIT)
_GTC, _IOC, _FOK, _GTD = (int(t) for t in Tif)
_TIFS_OF = {
    _LIMIT: (_GTC, _IOC, _FOK, _GTD),
    _MARKET: (_GTC, _IOC, _FOK),
    _STOP: (_GTC, _GTD),
    _STOP_LIMIT: (_GTC, _IOC, _GTD),
}


# --- one reader an op ---------------------------------------------------------------------------------------------


def _transfer(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_identity(draft, fields)
    name = fields.get("asset")
    asset = catalog.find_asset(name) if type(name) is str else None
    if asset is None:
        raise Malformed("asset: expected a declared asset")
    try:
        draft.qty = asset.scale.exact(fields.get("amount"))
    except ValueError as error:
        raise Malformed(f"amount: expected a decimal string in {asset.decimals} decimals ({error})") from error
    if draft.qty <= 0:
        raise Malformed("amount: expected a value above zero")
    draft.symbol, draft.mask = asset.id, HAS_QTY


def _place(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_identity(draft, fields)
    draft.side = read_word(fields, "side", _SIDES)
    draft.type = read_word(fields, "type", _TYPES)
    draft.tif = read_word(fields, "tif", _TIFS, _GTC)
    draft.stp = read_word(fields, "stp", _STPS, int(Stp.CANCEL_TAKER))
    post_only = fields.get("post_only")
    if post_only is not None and type(post_only) is not bool:
        raise Malformed("post_only: expected true or false")
    draft.flags = CMD_POST_ONLY if post_only else 0
    instrument = read_symbol(draft, fields, catalog, required=True)
    draft.price, has_price = read_steps(draft, fields, "price", instrument)
    draft.stop, has_stop = read_steps(draft, fields, "stop_price", instrument)
    draft.qty, has_qty = read_steps(draft, fields, "qty", instrument)
    draft.display, has_display = read_steps(draft, fields, "display_qty", instrument)
    has_expire, has_budget = fields.get("expire_ts_ns") is not None, fields.get("quote_budget") is not None
    if has_expire:
        draft.expire = read_whole(fields, "expire_ts_ns", 0, MAX_UNITS)
    if has_budget:
        draft.budget = _budget(fields, instrument)
    draft.mask = (
        (HAS_PRICE if has_price else 0)
        | (HAS_STOP_PRICE if has_stop else 0)
        | (HAS_QTY if has_qty else 0)
        | (HAS_DISPLAY if has_display else 0)
        | (HAS_EXPIRE if has_expire else 0)
        | (HAS_BUDGET if has_budget else 0)
    )
    _check_terms(draft)


def _budget(fields: dict[str, Any], instrument: Instrument | None) -> int:
    """The budget in quote minor units, above zero; 0 where an unknown symbol leaves it without unit."""
    try:
        if instrument is None:
            split_decimal(fields["quote_budget"])
            return 0
        units, exact = instrument.quote_asset.scale.parse(fields["quote_budget"])
    except ValueError as error:
        raise Malformed(f"quote_budget: expected a decimal string ({error})") from error
    if not exact:
        raise Malformed("quote_budget: expected whole minor units of the quote asset")
    if units <= 0:
        raise Malformed("quote_budget: expected a value above zero")
    return units


def _check_terms(draft: Draft) -> None:
    """Which fields may stand together in a `place`."""
    mask, kind = draft.mask, draft.type
    if bool(mask & HAS_PRICE) != (kind in (_LIMIT, _STOP_LIMIT)):
        raise Malformed("price: expected on limit and stop_limit, and only there")
    if bool(mask & HAS_STOP_PRICE) != (kind in (_STOP, _STOP_LIMIT)):
        raise Malformed("stop_price: expected on stop and stop_limit, and only there")
    if draft.tif not in _TIFS_OF[kind]:
        raise Malformed("tif: not possible with this type")
    if draft.flags & CMD_POST_ONLY and (kind != _LIMIT or draft.tif not in (_GTC, _GTD)):
        raise Malformed("post_only: expected with limit and gtc or gtd only")
    if mask & HAS_BUDGET:
        if mask & HAS_QTY:
            raise Malformed("quote_budget: expected instead of qty, not with it")
        if kind != _MARKET or draft.side != Side.BUY or draft.tif == _FOK or draft.stp == Stp.DECREMENT:
            raise Malformed("quote_budget: expected on market buys without fok and decrement only")
    elif not mask & HAS_QTY:
        raise Malformed("qty: missing")
    if draft.tif == _GTD and not mask & HAS_EXPIRE:
        raise Malformed("expire_ts_ns: missing, gtd needs it")
    if draft.tif != _GTD and mask & HAS_EXPIRE:
        raise Malformed("expire_ts_ns: expected with gtd only")
    # Stops, icebergs and good-till-date are read but not traded yet.
    if mask & (HAS_STOP_PRICE | HAS_DISPLAY) or draft.tif == _GTD:
        raise Malformed("type: stop, stop_limit, gtd and display_qty are not supported")


def _target(draft: Draft, fields: dict[str, Any]) -> None:
    """The order that a cancel or amend is about."""
    if fields.get("order_id") is not None:
        draft.order_id = read_whole(fields, "order_id", 1, MAX_UNITS)
    if fields.get("orig_client_id") is not None:
        draft.orig_client_id = read_whole(fields, "orig_client_id", 0, MAX_UNITS)
    if not draft.order_id and draft.orig_client_id == NO_ID:
        raise Malformed("orig_client_id: missing, expected it or order_id")


def _cancel(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_identity(draft, fields)
    _target(draft, fields)


def _amend(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_identity(draft, fields)
    _target(draft, fields)
    draft.flags = CMD_DECIMAL  # the text names no symbol: the engine, knowing the order, finds ticks and lots
    draft.price, draft.price_places = _decimal(draft, fields, "price", HAS_PRICE)
    draft.qty, draft.qty_places = _decimal(draft, fields, "qty", HAS_QTY)
    draft.stop, draft.stop_places = _decimal(draft, fields, "stop_price", HAS_STOP_PRICE)
    if not draft.mask:
        raise Malformed("price: missing, expected at least one of price, qty and stop_price")
    # No order waits for a stop price yet.
    if draft.mask & HAS_STOP_PRICE:
        raise Malformed("stop_price: not supported")


def _decimal(draft: Draft, fields: dict[str, Any], key: str, bit: int) -> tuple[int, int]:
    """Mantissa and decimal places, setting ``bit`` in the mask where the key is there."""
    value = fields.get(key)
    if value is None:
        return 0, 0
    try:
        mantissa, places = split_decimal(value)
    except ValueError as error:
        raise Malformed(f"{key}: expected a decimal string ({error})") from error
    if not -MAX_UNITS <= mantissa <= MAX_UNITS:
        raise Malformed(f"{key}: beyond 63 bits")
    draft.mask |= bit
    return mantissa, places


def _mass_cancel(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_identity(draft, fields)
    read_symbol(draft, fields, catalog, required=False)


def _account_only(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    draft.account = read_whole(fields, "account", 0, MAX_ACCOUNT)


def _symbol_only(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_symbol(draft, fields, catalog, required=False)


def _time(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_whole(fields, "ts_ns", 0, MAX_UNITS)


_READERS: dict[str, tuple[int, Callable[[Draft, dict[str, Any], Catalog], None]]] = {
    "deposit": (int(Op.DEPOSIT), _transfer),
    "withdraw": (int(Op.WITHDRAW), _transfer),
    "place": (int(Op.PLACE), _place),
    "cancel": (int(Op.CANCEL), _cancel),
    "amend": (int(Op.AMEND), _amend),
    "mass_cancel": (int(Op.MASS_CANCEL), _mass_cancel),
    "suspend": (int(Op.SUSPEND), _account_only),
    "unsuspend": (int(Op.UNSUSPEND), _account_only),
    "halt": (int(Op.HALT), _symbol_only),
    "resume": (int(Op.RESUME), _symbol_only),
    "time": (int(Op.TIME), _time),
}

# --- the three ops that are views of their own ----------------------------------------------------------------------


def fill_bust(command: np.ndarray, trade_seq: int, trade: np.void | None) -> None:
    """Make a one-element COMMAND array the bust of ``trade`` (an EVENT record); trade_seq 0 where it is no trade."""
    row = command.view(COMMAND_BUST)
    row["op"], row["symbol"], row["account"], row["maker_account"] = Op.BUST, NO_SYMBOL, NO_ACCOUNT, NO_ACCOUNT
    if trade is None or int(trade["type"]) != EventType.TRADE:
        return
    row["trade_seq"] = trade_seq
    for name in ("side", "symbol", "account", "order_id", "maker_order_id", "price_ticks", "qty_lots", "fee",
                 "maker_fee", "maker_account"):  # fmt: skip
        row[name] = trade[name]


def _wide(
    op: str, fields: dict[str, Any], catalog: Catalog, trade_of: TradeOf | None, out: np.ndarray, at: int
) -> None:
    """Write a bust or listing to ``out[at]``."""
    ts_ns = read_whole(fields, "ts_ns", 0, MAX_UNITS) if fields.get("ts_ns") is not None else 0
    command = out[at : at + 1]
    command.view(np.uint8)[:] = 0
    if op == "bust":
        trade_seq = read_whole(fields, "trade_seq", 1, MAX_UNITS)
        fill_bust(command, trade_seq, trade_of(trade_seq) if trade_of is not None else None)
    elif op == "list_asset":
        fill_list_asset(command, *check_asset(fields, catalog, "list_asset"))
    else:
        symbol, base, quote, terms = check_instrument(fields, catalog, "list_instrument")
        fill_list_instrument(command, symbol, base.id, quote.id, terms)
    command["ts_ns"] = ts_ns


_WIDE_OPS = frozenset(("bust", "list_asset", "list_instrument"))
_OP_OFFSET = int(COMMAND.fields["op"][1])  # type: ignore[index]
_LISTINGS = (int(Op.LIST_ASSET), int(Op.LIST_INSTRUMENT))

# --- the entry points -------------------------------------------------------------------------------------------------


def _malformed(fields: object, buffer: memoryview, at: int) -> None:
    """Write MALFORMED with whatever of time, account and client id can be read."""
    draft = Draft(int(Op.MALFORMED))
    draft.refuse = int(Reason.MALFORMED)
    if isinstance(fields, dict):
        for key, attribute, high in (
            ("ts_ns", "ts_ns", MAX_UNITS),
            ("account", "account", MAX_ACCOUNT),
            ("client_id", "client_id", MAX_UNITS),
        ):
            value = fields.get(key)
            if type(value) is int and 0 <= value <= high:
                setattr(draft, attribute, value)
    draft.pack_into(buffer, at * RECORD_SIZE)


def decode_object(
    fields: object, catalog: Catalog, out: np.ndarray, at: int, trade_of: TradeOf | None = None
) -> str | None:
    """Write the command of one parsed JSON value to ``out[at]``.

    Returns None, or where the command is malformed the field and what was expected of it.
    """
    return _decode_object(fields, catalog, out, memoryview(out.view(np.uint8)), at, trade_of)


def _decode_object(
    fields: object, catalog: Catalog, out: np.ndarray, buffer: memoryview, at: int, trade_of: TradeOf | None
) -> str | None:
    try:
        if not isinstance(fields, dict):
            raise Malformed("command: expected a JSON object")
        op = fields.get("op")
        entry = _READERS.get(op) if type(op) is str else None
        if entry is None and type(op) is str and op in _WIDE_OPS:
            _wide(op, fields, catalog, trade_of, out, at)
            return None
        if entry is None:
            raise Malformed("op: expected a known op")
        draft = Draft(entry[0])
        if fields.get("ts_ns") is not None:
            draft.ts_ns = read_whole(fields, "ts_ns", 0, MAX_UNITS)
        entry[1](draft, fields, catalog)
        draft.pack_into(buffer, at * RECORD_SIZE)
    except (Malformed, ConfigError) as error:
        _malformed(fields, buffer, at)
        return str(error)
    return None


def parse_json(line: bytes | bytearray | memoryview | str) -> object:
    """The JSON value of a line; None (which is no command) where it is no JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def decode(command: object, catalog: Catalog, trade_of: TradeOf | None = None) -> np.void:
    """One command, as JSON text or as a parsed object, to a COMMAND record. Never raises on content."""
    out = np.zeros(1, COMMAND)
    fields = parse_json(command) if isinstance(command, bytes | bytearray | memoryview | str) else command
    decode_object(fields, catalog, out, 0, trade_of)
    record: np.void = out[0]
    return record


def explain(command: object, catalog: Catalog) -> str | None:
    """What is malformed about a command, naming the field; None where nothing is."""
    fields = parse_json(command) if isinstance(command, bytes | bytearray | memoryview | str) else command
    return decode_object(fields, catalog, np.zeros(1, COMMAND), 0)


def decode_lines(
    lines: Sequence[bytes | str], catalog: Catalog, out: np.ndarray, trade_of: TradeOf | None = None
) -> int:
    """Decode lines into ``out`` (contiguous COMMAND records) from the front; returns how many were decoded.

    It stops when ``out`` is full, *after* a listing (fold the `listed` event into the catalog before going on) and
    *before* a bust that isn't first (its trade may be made by the lines before: run those first).
    """
    count = min(len(lines), len(out))
    buffer = memoryview(out.view(np.uint8))
    for at in range(count):
        fields = parse_json(lines[at])
        if at and isinstance(fields, dict) and fields.get("op") == "bust":
            return at
        _decode_object(fields, catalog, out, buffer, at, trade_of)
        if buffer[at * RECORD_SIZE + _OP_OFFSET] in _LISTINGS:
            return at + 1
    return count
