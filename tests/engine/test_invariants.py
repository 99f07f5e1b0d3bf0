"""The checks of the tables can fail: one wrong word anywhere, and they say so."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.attack_flows import FIRST, MIDDLE, SELL, VICTIM, begun, orders
from engine.core import Engine
from engine.state import Limits
from ringbuf.codes import (
    CMD_PAIRED,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    HAS_TRAIL,
    OrderType,
    Tif,
)
from tests.engine.invariants import Tables, check_everything

PRICED = HAS_PRICE | HAS_QTY
STOP = {"order_type": OrderType.STOP, "mask": HAS_QTY | HAS_STOP_PRICE, "stop_price_ticks": 9}
TRAILING = {"order_type": OrderType.TRAILING_STOP, "mask": HAS_QTY | HAS_STOP_PRICE | HAS_TRAIL, "stop_price_ticks": 5}


def busy_engine() -> Engine:
    """An engine with something in every table."""
    engine = Engine(Limits(max_orders=64, max_accounts=16, max_balances=32, max_levels=64, max_nodes=256))
    events = engine.run(
        begun(
            orders(5, FIRST, 10 + np.arange(5), SELL, MIDDLE + np.arange(5) // 2),
            orders(1, FIRST, 20, SELL, MIDDLE, 9, mask=PRICED | HAS_DISPLAY, display_lots=2),
            orders(3, FIRST, 30 + np.arange(3), SELL, MIDDLE, mask=PRICED | HAS_EXPIRE, tif=Tif.GTD, expire_ts_ns=7),
            orders(2, FIRST, 40 + np.arange(2), SELL, 0, **STOP),
            orders(2, VICTIM, 50 + np.arange(2), SELL, 3, **TRAILING),
            orders(1, FIRST, 60, SELL, 0, **STOP, flags=CMD_PAIRED, orig_client_id=10),
        )
    )
    assert not np.any(events["reason"]), events
    return engine


def test_a_busy_engine_is_in_order() -> None:
    check_everything(busy_engine())


def _order(name: str, value: int, at: int = 2) -> Callable[[Tables], None]:
    def spoil(tables: Tables) -> None:
        tables.orders[tables.used[at]][name] = value

    return spoil


def _first(table: str, name: str, change: int) -> Callable[[Tables], None]:
    def spoil(tables: Tables) -> None:
        rows = getattr(tables, table)
        used = np.flatnonzero(rows["key"]) if table in ("accounts", "balances") else [1]
        rows[name][used[0]] += change

    return spoil


def _instrument(name: str, change: int) -> Callable[[Tables], None]:
    def spoil(tables: Tables) -> None:
        tables.instruments[name][0] += change

    return spoil


def _cell(table: str) -> Callable[[Tables], None]:
    def spoil(tables: Tables) -> None:
        cells = getattr(tables, table)
        at = int(np.flatnonzero(cells)[0])
        cells[(at + len(cells) // 2) % len(cells)], cells[at] = cells[at], 0

    return spoil


def _swap_heap(tables: Tables) -> None:
    first = tables.orders[tables.expiring[0]]
    slot = int(np.flatnonzero(tables.orders["order_id"] == first["order_id"])[0])
    tables.terms[slot]["expire_ts_ns"] = 100


def _unpair(tables: Tables) -> None:
    tables.terms["pair"][tables.used[-1]] = tables.used[1]


SPOILS: dict[str, Callable[[Tables], None]] = {
    "an order's next": _order("next", 0, at=0),
    "an order's prev": _order("prev", 3),
    "an order's level": _order("level", 3),
    "an order's price": _order("price_ticks", 1),
    "an order's quantity": _order("leaves_lots", 7),
    "an order's id": _order("order_id", 999),
    "an order's client id": _order("client_id", 999),
    "an order's account": _order("account", 1),
    "an account's chain": _order("account_next", 0),
    "an order that is gone": _order("order_id", 0),
    "a level's total": _first("levels", "total_lots", 1),
    "a level's count": _first("levels", "count", 1),
    "a level's page": _first("levels", "leaf", 1),
    "a level's price": _first("levels", "price_ticks", 1),
    "a page's children": _first("nodes", "bits", 1),
    "a page's prefix": _first("nodes", "prefix", 1),
    "an account's open orders": _first("accounts", "open_orders", 1),
    "an account's debts": _first("accounts", "debts", 1),
    "an account's number": _first("accounts", "key", 1),
    "what is available": _first("balances", "available", 1),
    "what is frozen": _first("balances", "frozen", 1),
    "a balance's key": _first("balances", "key", 1 << 32),
    "a symbol's best": _instrument("sell_best", 1),
    "a symbol's levels": _instrument("sell_levels", 1),
    "a symbol's orders": _instrument("open_orders", 1),
    "a symbol's trailing stops": _instrument("trail_count", 1),
    "a symbol's hit orders": _instrument("hits_head", 1),
    "the prints that are looked at": _instrument("print_above", 2**62),
    "the cell of an order id": _cell("ids"),
    "the cell of a client id": _cell("clients"),
    "the end of an order": _swap_heap,
    "a pair": _unpair,
}


@pytest.mark.parametrize("what", SPOILS)
def test_one_wrong_word_is_found(what: str) -> None:
    engine = busy_engine()
    SPOILS[what](Tables(engine))
    with pytest.raises((AssertionError, IndexError)):
        check_everything(engine)


@pytest.mark.parametrize(
    "name",
    ["order_count", "level_count", "node_count", "reserved_levels", "account_count", "balance_count", "busted_count"],
)
def test_one_wrong_count_is_found(name: str) -> None:
    engine = busy_engine()
    engine.state.record[name] += 1
    with pytest.raises(AssertionError):
        check_everything(engine)
