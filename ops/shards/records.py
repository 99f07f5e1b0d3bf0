"""Records between a shard and the outside: its own numbers for those of all, and back (see `layout`)."""

import numpy as np

from consumers.journal.checks import fill_checksums
from ops.shards.layout import CLIENT_ID_STEP, MAX_CLIENT_ID, Shards
from ringbuf.codes import NO_SYMBOL, EventType, Op, Reason
from ringbuf.records import COMMAND, COMMAND_BUST, EVENT, MARKET

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


def _outside(column: np.ndarray, which: np.ndarray, shards: Shards, shard: int) -> None:
    """In place: the numbers of a column where `which` holds and there is one (0 = none)."""
    column[...] = np.where(which & (column != 0), column * shards.count + shard, column)


def _undouble(column: np.ndarray, which: np.ndarray) -> None:
    column[...] = np.where(which & (column > 0), column // CLIENT_ID_STEP, column)


def events_outside(events: np.ndarray, shards: Shards, shard: int) -> np.ndarray:
    """A copy of a shard's EVENT records as they are told outside, but for their checksums, which who tells them fills.

    Those of sequence 0 (refusals) stay without one.
    """
    told = np.array(events).view(EVENT)
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
    symbols[...] = np.where(has_symbol, symbols * shards.count + shard, symbols)
    return told


def commands_inside(commands: np.ndarray, shards: Shards) -> np.ndarray:
    """A copy of COMMAND records, all for one shard, as that shard takes them."""
    own = np.array(commands).view(COMMAND)
    ops = own["op"]
    plain = ~_IS_WIDE[ops]
    busts = ops == Op.BUST
    symbols, orders = own["symbol"], own["order_id"]
    has_symbol = plain & ~busts & ~_IS_ASSET_OP[ops] & (symbols != NO_SYMBOL)
    symbols[...] = np.where(has_symbol, symbols // shards.count, symbols)
    symbols[_IS_ORDER_OP[ops]] = NO_SYMBOL
    orders[...] = np.where(plain & ~busts, orders // shards.count, orders)
    for name in ("client_id", "orig_client_id"):
        ids = own[name]
        own["refuse"][plain & ~busts & (ids > MAX_CLIENT_ID)] = Reason.MALFORMED
        ids[...] = np.where(plain & ~busts & (ids > 0), (ids & MAX_CLIENT_ID) * CLIENT_ID_STEP, ids)
    if busts.any():
        trades = own.view(COMMAND_BUST)["trade_seq"]
        trades[...] = np.where(busts, trades // shards.count, trades)
    return own


def market_outside(records: np.ndarray, shards: Shards, shard: int) -> np.ndarray:
    """A copy of a shard's MARKET records as subscribers outside read them; `mseq` stays the shard's own."""
    told = np.array(records).view(MARKET)
    everywhere = np.ones(len(told), np.bool_)
    for name in ("seq", "prev"):
        _outside(told[name], everywhere, shards, shard)
    told["symbol"] = told["symbol"] * shards.count + shard
    fill_checksums(told)
    return told
