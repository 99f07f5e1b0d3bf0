"""One JSON command → its COMMAND record (a `group`: several), exactly as the interface describes commands.

Content never raises. What can't be understood becomes op MALFORMED with the account and client id where readable.
What is understood but refused for its numbers or symbol keeps its op and says why in ``refuse``, so that the engine
can put the reason in its place behind those that only it can know (duplicate id, unknown account).

An optional key whose value is null counts as absent; unknown keys are ignored.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson

from config.catalog import Catalog
from config.command_text import (
    MAX_ACCOUNT,
    Draft,
    Malformed,
    read_asset,
    read_identity,
    read_steps,
    read_symbol,
    read_target,
    read_ts_ns,
    read_whole,
    read_word,
)
from config.decimals import MAX_UNITS, split_decimal
from config.errors import ConfigError
from config.place_text import SIDES, read_member, read_place, read_replace
from config.wide_commands import WIDE_OPS, TradeOf, write_wide
from ringbuf.codes import (
    CMD_DECIMAL,
    CMD_GROUP,
    CMD_ONE_SIDE,
    GROUP_MAX,
    HAS_MIN,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    MAX_BAND_PPM,
    Op,
    Reason,
    SymbolState,
)
from ringbuf.records import COMMAND, RECORD_SIZE, offset_of

_STATES = {state.name.lower(): int(state) for state in SymbolState}

# Ops that change what the text of later commands means: the catalog has to take in their events first.
LISTING_OPS = frozenset(
    int(op) for op in (Op.LIST_ASSET, Op.LIST_INSTRUMENT, Op.CHANGE_INSTRUMENT, Op.DELIST_INSTRUMENT, Op.DELIST_ASSET)
)

_OP_OFFSET = offset_of(COMMAND, "op")

# --- one reader an op ---------------------------------------------------------------------------------------------


def _transfer(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_identity(draft, fields)
    asset = read_asset(fields, catalog, listed=draft.op == Op.DEPOSIT)
    try:
        draft.qty = asset.scale.exact(fields.get("amount"))
    except ValueError as error:
        raise Malformed(f"amount: expected a decimal string in {asset.decimals} decimals ({error})") from error
    if draft.qty <= 0:
        raise Malformed("amount: expected a value above zero")
    draft.symbol, draft.mask = asset.id, HAS_QTY


def _cancel(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_identity(draft, fields)
    read_target(draft, fields)


def _amend(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_identity(draft, fields)
    read_target(draft, fields)
    draft.flags = CMD_DECIMAL  # the text names no symbol: the engine, knowing the order, finds ticks and lots
    draft.price, draft.price_places = _decimal(draft, fields, "price", HAS_PRICE)
    draft.qty, draft.qty_places = _decimal(draft, fields, "qty", HAS_QTY)
    draft.stop, draft.stop_places = _decimal(draft, fields, "stop_price", HAS_STOP_PRICE)
    if not draft.mask:
        raise Malformed("price: missing, expected at least one of price, qty and stop_price")


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
    if fields.get("side") is not None:
        draft.side, draft.flags = read_word(fields, "side", SIDES), CMD_ONE_SIDE


def _account_only(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    draft.account = read_whole(fields, "account", 0, MAX_ACCOUNT)


def _symbol_only(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_symbol(draft, fields, catalog, required=False)


def _state(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    draft.state = read_word(fields, "state", _STATES)
    instrument = read_symbol(draft, fields, catalog, required=True)
    draft.price = read_steps(draft, fields, "reference_price", instrument, HAS_PRICE)
    if fields.get("band_ppm") is not None:
        draft.min_qty = read_whole(fields, "band_ppm", 0, MAX_BAND_PPM)
        draft.mask |= HAS_MIN


def _delist_instrument(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_symbol(draft, fields, catalog, required=True)


def _delist_asset(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    draft.symbol = read_asset(fields, catalog, listed=True).id


def _time(draft: Draft, fields: dict[str, Any], catalog: Catalog) -> None:
    read_whole(fields, "ts_ns", 0, MAX_UNITS)


_READERS: dict[str, tuple[int, Callable[[Draft, dict[str, Any], Catalog], None]]] = {
    "deposit": (int(Op.DEPOSIT), _transfer),
    "withdraw": (int(Op.WITHDRAW), _transfer),
    "place": (int(Op.PLACE), read_place),
    "replace": (int(Op.REPLACE), read_replace),
    "cancel": (int(Op.CANCEL), _cancel),
    "amend": (int(Op.AMEND), _amend),
    "mass_cancel": (int(Op.MASS_CANCEL), _mass_cancel),
    "suspend": (int(Op.SUSPEND), _account_only),
    "unsuspend": (int(Op.UNSUSPEND), _account_only),
    "halt": (int(Op.HALT), _symbol_only),
    "resume": (int(Op.RESUME), _symbol_only),
    "state": (int(Op.STATE), _state),
    "delist_instrument": (int(Op.DELIST_INSTRUMENT), _delist_instrument),
    "delist_asset": (int(Op.DELIST_ASSET), _delist_asset),
    "time": (int(Op.TIME), _time),
}

# --- a group ----------------------------------------------------------------------------------------------------------


def _members(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The commands of a group; Malformed where they are none."""
    members = fields.get("commands")
    if type(members) is not list or not 1 <= len(members) <= GROUP_MAX:
        raise Malformed(f"commands: expected a list of 1 to {GROUP_MAX}")
    if not all(isinstance(member, dict) for member in members):
        raise Malformed("commands: expected JSON objects")
    return members


def _write_group(fields: dict[str, Any], catalog: Catalog, buffer: memoryview, at: int) -> tuple[int, str | None]:
    """Write a group's members from ``at`` on; how many, and what is wrong with the first that is malformed.

    Raises Malformed where it can't be read as a group.
    """
    account = read_whole(fields, "account", 0, MAX_ACCOUNT)
    ts_ns = read_ts_ns(fields)
    members = _members(fields)
    wrong = None
    for index, member in enumerate(members):
        try:
            draft = read_member(member, account, ts_ns, catalog)
        except Malformed as error:
            wrong = wrong or f"commands[{index}].{error}"
            draft = _refused(Op.PLACE, {"account": account, "ts_ns": ts_ns, "client_id": member.get("client_id")})
        if index < len(members) - 1:
            draft.flags |= CMD_GROUP
        draft.pack_into(buffer, (at + index) * RECORD_SIZE)
    return len(members), wrong


# --- the entry points -------------------------------------------------------------------------------------------------


def _refused(op: Op, fields: object) -> Draft:
    """A malformed command with whatever of time, account and client id can be read."""
    draft = Draft(int(op))
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
    return draft


def _write(
    fields: object, catalog: Catalog, out: np.ndarray, buffer: memoryview, at: int, trade_of: TradeOf | None
) -> tuple[int, str | None]:
    """Write one command to ``out[at]`` and after; how many records, and where it is malformed, the field and why."""
    try:
        if not isinstance(fields, dict):
            raise Malformed("command: expected a JSON object")
        op = fields.get("op")
        entry = _READERS.get(op) if type(op) is str else None
        if entry is None:
            if op == "group":
                return _write_group(fields, catalog, buffer, at)
            if type(op) is not str or op not in WIDE_OPS:
                raise Malformed("op: expected a known op")
            write_wide(op, fields, catalog, trade_of, out[at : at + 1])
            return 1, None
        draft = Draft(entry[0])
        draft.ts_ns = read_ts_ns(fields)
        entry[1](draft, fields, catalog)
        draft.pack_into(buffer, at * RECORD_SIZE)
    except (Malformed, ConfigError) as error:
        _refused(Op.MALFORMED, fields).pack_into(buffer, at * RECORD_SIZE)
        return 1, str(error)
    return 1, None


def parse_json(line: bytes | bytearray | memoryview | str) -> object:
    """The JSON value of a line; None (which is no command) where it is no JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def decode_all(command: object, catalog: Catalog, trade_of: TradeOf | None = None) -> tuple[np.ndarray, str | None]:
    """The COMMAND records of one command (JSON text or a parsed object): one, or the 1 to 16 of a `group`.

    With them None, or where (part of) it is malformed, the field and what was expected of it. Content never raises.
    """
    out = np.zeros(GROUP_MAX, COMMAND)
    fields = parse_json(command) if isinstance(command, bytes | bytearray | memoryview | str) else command
    count, wrong = _write(fields, catalog, out, memoryview(out.view(np.uint8)), 0, trade_of)
    return out[:count], wrong


def decode(command: object, catalog: Catalog, trade_of: TradeOf | None = None) -> np.void:
    """The COMMAND record of a command that is one record; a `group` of more is MALFORMED here, see `decode_all`."""
    records, _ = decode_all(command, catalog, trade_of)
    if len(records) > 1:
        records, _ = decode_all(None, catalog)
    record: np.void = records[0]
    return record


def explain(command: object, catalog: Catalog) -> str | None:
    """What is malformed about a command, naming the field; None where nothing is."""
    return decode_all(command, catalog)[1]


def decode_lines(
    lines: Sequence[bytes | str], catalog: Catalog, out: np.ndarray, trade_of: TradeOf | None = None
) -> tuple[int, int]:
    """Decode lines into ``out`` (contiguous COMMAND records, at least GROUP_MAX) from the front.

    Returns how many lines were decoded, and how many records they are. It stops when ``out`` has no room for a group
    more, *after* a listing, change or delisting (fold its event into the catalog before going on) and *before* a bust
    that isn't first (its trade may be made by the lines before: run those first).
    """
    if len(out) < GROUP_MAX:
        raise ValueError(f"out: expected room for a group, {GROUP_MAX} records, found {len(out)}")
    buffer = memoryview(out.view(np.uint8))
    at = 0
    for count, line in enumerate(lines):
        if at + GROUP_MAX > len(out):
            return count, at
        fields = parse_json(line)
        if at and isinstance(fields, dict) and fields.get("op") == "bust":
            return count, at
        written, _ = _write(fields, catalog, out, buffer, at, trade_of)
        at += written
        if buffer[(at - 1) * RECORD_SIZE + _OP_OFFSET] in LISTING_OPS:
            return count + 1, at
    return len(lines), at
