"""The ops whose records are views of their own: bust, list_asset, list_instrument, change_instrument."""

from collections.abc import Callable
from typing import Any

import numpy as np

from config.catalog import Catalog, fill_list_asset, fill_list_instrument
from config.command_text import find_symbol, read_ts_ns, read_whole
from config.decimals import MAX_UNITS
from config.instruments import check_asset, check_change, check_instrument
from ringbuf.codes import NO_ACCOUNT, NO_SYMBOL, EventType, Op, Reason
from ringbuf.records import COMMAND_BUST, COMMAND_LIST_INSTRUMENT

TradeOf = Callable[[int], np.void | None]  # sequence → the EVENT record there, None where there is none

WIDE_OPS = frozenset(("bust", "list_asset", "list_instrument", "change_instrument"))


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


def write_wide(op: str, fields: dict[str, Any], catalog: Catalog, trade_of: TradeOf | None, out: np.ndarray) -> None:
    """Write one of WIDE_OPS to ``out`` (one-element COMMAND array). Raises Malformed, ConfigError."""
    ts_ns = read_ts_ns(fields)
    out.view(np.uint8)[:] = 0
    if op == "bust":
        trade_seq = read_whole(fields, "trade_seq", 1, MAX_UNITS)
        fill_bust(out, trade_seq, trade_of(trade_seq) if trade_of is not None else None)
    elif op == "list_asset":
        fill_list_asset(out, *check_asset(fields, catalog, op))
    elif op == "list_instrument":
        symbol, base, quote, terms = check_instrument(fields, catalog, op)
        fill_list_instrument(out, symbol, base.id, quote.id, terms)
    else:
        _write_change(fields, catalog, out)
    out["ts_ns"] = ts_ns


def _write_change(fields: dict[str, Any], catalog: Catalog, out: np.ndarray) -> None:
    """All terms again: those given, over those that the instrument has."""
    instrument = find_symbol(fields, catalog)
    if instrument is None:
        row = out.view(COMMAND_LIST_INSTRUMENT)
        row["op"], row["refuse"] = Op.CHANGE_INSTRUMENT, Reason.UNKNOWN_SYMBOL
        return
    terms = check_change(fields, instrument, "change_instrument")
    fill_list_instrument(out, instrument.symbol, instrument.base, instrument.quote, terms, Op.CHANGE_INSTRUMENT)
