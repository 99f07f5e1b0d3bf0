"""Records between a shard and the outside: its own numbers for those of all, and back (see `layout`)."""

import numpy as np

from consumers.journal.checks import fill_checksums
from ops.shards.layout import CLIENT_ID_STEP, MAX_CLIENT_ID, Shards
from ringbuf.codes import NO_SYMBOL, EventType, Op, Reason
from ringbuf.records import COMMAND, COMMAND_BUST, EVENT, MARKET, RECORD_SIZE

_TRADES = (EventType.TRADE, EventType.BUSTED)
_LISTED = (EventType.LISTED_ASSET, EventType.LISTED_INSTRUMENT, EventType.CHANGED_INSTRUMENT)
_OF_ASSETS = (EventType.DEPOSITED, EventType.WITHDRAWN, EventType.LISTED_ASSET, EventType.DELISTED_ASSET)
OPS_WIDE = (Op.LIST_ASSET, Op.LIST_INSTRUMENT, Op.CHANGE_INSTRUMENT)  # other views of the record: names and terms
_OPS_OF_ASSETS = (Op.DEPOSIT, Op.WITHDRAW, Op.DELIST_ASSET)
_OPS_OF_ORDERS = (Op.CANCEL, Op.AMEND)  # they name no symbol to the engine


def _table(codes: tuple[int, ...]) -> np.ndarray:
    table = np.zeros(256, np.bool_)
    table[list(map(int, codes))] = True
    return table


_IS_TRADE, _IS_LISTED, _IS_OF_ASSET = _table(_TRADES), _table(_LISTED), _table(_OF_ASSETS)
_IS_BUSTED = _table((EventType.BUSTED,))
_IS_WIDE, _IS_ASSET_OP, _IS_ORDER_OP = _table(OPS_WIDE), _table(_OPS_OF_ASSETS), _table(_OPS_OF_ORDERS)


def copy_of(records: np.ndarray) -> np.ndarray:
    """One's own copy of 128-byte records, as bytes: NumPy copies records field by field, which takes far longer."""
    return np.frombuffer(bytearray(records.tobytes()), records.dtype)


def joined(parts: list[np.ndarray]) -> np.ndarray:
    """Records one behind the other, likewise."""
    return np.frombuffer(bytearray(b"".join([part.tobytes() for part in parts])), parts[0].dtype)


def selected(records: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The records where `which` holds, likewise."""
    if which.all():
        return records
    rows = np.frombuffer(records.tobytes(), np.uint8).reshape(len(records), RECORD_SIZE)
    return rows[which].reshape(-1).view(records.dtype)


def _outside(column: np.ndarray, which: np.ndarray, shards: Shards, shard: int) -> None:
    """In place: the numbers of a column where `which` holds and there is one (0 = none)."""
    there = which & (column != 0)
    np.multiply(column, shards.count, out=column, where=there)
    np.add(column, shard, out=column, where=there)


def _undouble(column: np.ndarray, which: np.ndarray) -> None:
    np.floor_divide(column, CLIENT_ID_STEP, out=column, where=which & (column > 0))


def events_outside(events: np.ndarray, shards: Shards, shard: int) -> np.ndarray:
    """A copy of a shard's EVENT records as they are told outside, but for their checksums, which who tells them fills.

    Those of sequence 0 (refusals) stay without one.
    """
    told = copy_of(events).view(EVENT)
    kinds = told["type"]
    everywhere = np.ones(len(told), np.bool_)
    _outside(told["seq"], everywhere, shards, shard)
    _outside(told["order_id"], ~_IS_LISTED[kinds], shards, shard)
    _outside(told["maker_order_id"], _IS_TRADE[kinds], shards, shard)
    _outside(told["request_id"], _IS_BUSTED[kinds], shards, shard)  # EVENT_BUST has trade_seq there
    _undouble(told["client_id"], ~_IS_LISTED[kinds])
    _undouble(told["request_id"], ~_IS_LISTED[kinds] & ~_IS_BUSTED[kinds])
    symbols = told["symbol"]
    has_symbol = (symbols != NO_SYMBOL) & ~_IS_OF_ASSET[kinds]
    np.multiply(symbols, shards.count, out=symbols, where=has_symbol)
    np.add(symbols, shard, out=symbols, where=has_symbol)
    return told


def commands_inside(commands: np.ndarray, shards: Shards) -> np.ndarray:
    """A copy of COMMAND records, all for one shard, as that shard takes them."""
    own = copy_of(commands).view(COMMAND)
    ops = own["op"]
    plain = ~_IS_WIDE[ops]
    busts = ops == Op.BUST
    symbols, orders = own["symbol"], own["order_id"]
    has_symbol = plain & ~busts & ~_IS_ASSET_OP[ops] & (symbols != NO_SYMBOL)
    np.floor_divide(symbols, shards.count, out=symbols, where=has_symbol)
    symbols[_IS_ORDER_OP[ops]] = NO_SYMBOL
    named = plain & ~busts
    np.floor_divide(orders, shards.count, out=orders, where=named)
    for name in ("client_id", "orig_client_id"):
        ids = own[name]
        given = named & (ids > 0)
        beyond = given & (ids > MAX_CLIENT_ID)
        if beyond.any():
            own["refuse"][beyond] = Reason.MALFORMED
            ids[beyond] &= MAX_CLIENT_ID
        np.multiply(ids, CLIENT_ID_STEP, out=ids, where=given)
    if busts.any():
        trades = own.view(COMMAND_BUST)["trade_seq"]
        trades[...] = np.where(busts, trades // shards.count, trades)
    return own


def market_outside(records: np.ndarray, shards: Shards, shard: int) -> np.ndarray:
    """A copy of a shard's MARKET records as subscribers outside read them; `mseq` stays the shard's own."""
    told = copy_of(records).view(MARKET)
    everywhere = np.ones(len(told), np.bool_)
    for name in ("seq", "prev"):
        _outside(told[name], everywhere, shards, shard)
    told["symbol"] = told["symbol"] * shards.count + shard
    fill_checksums(told)
    return told
