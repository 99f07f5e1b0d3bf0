"""Reading a state from Python: balances, open orders, depth, digest. Never used on the hot path."""

import hashlib

import numpy as np

from engine.expiry import age_of
from engine.levels import next_level
from engine.state import (
    ACCOUNT,
    ASSET,
    BALANCE,
    EXPIRES,
    ICEBERG,
    INSTRUMENT,
    PAIRED,
    State,
    account_at,
    instrument_at,
    level_at,
    order_at,
    side_at,
    state_at,
    terms_at,
)
from ringbuf.codes import OrderType
from ringbuf.jit import kernel_of, outline
from ringbuf.records import offset_of

MARKET = int(OrderType.MARKET)

OPEN_ORDER = np.dtype(
    [
        ("order_id", "<i8"),
        ("account", "<i8"),
        ("client_id", "<i8"),
        ("side", "<i8"),
        ("price_ticks", "<i8"),
        ("leaves_lots", "<i8"),
        ("order_type", "<i8"),
        ("tif", "<i8"),
        ("stp_flags", "<i8"),
        # 0 where the order has no such terms
        ("stop_price_ticks", "<i8"),
        ("display_lots", "<i8"),
        ("slice_lots", "<i8"),
        ("expire_ts_ns", "<i8"),
        ("age", "<i8"),  # each has one: see engine.expiry.age_of
        ("trail_ticks", "<i8"),
        ("pair", "<i8"),  # order id of the other one
    ]
)
_COLUMNS = len(OPEN_ORDER.names or ())
WAITING = (2, 3, 4, 5)  # queues of orders that wait for a stop price
LISTING_BYTES = offset_of(INSTRUMENT, "price_step")  # name and terms
# What a symbol's future depends on, beside its listing and its orders.
INSTRUMENT_WORDS = (
    "symbol_state",
    "last_price_ticks",
    "reference_ticks",
    "band_ppm",
    "uncross_ticks",
    "uncross_lots",
    "print_high",
    "print_low",
    "is_due",
)
# What is in use of the pools: whether one order more fits depends on it.
POOL_WORDS = ("order_count", "level_count", "reserved_levels", "node_count", "account_count", "balance_count")
BALANCE_ROW = np.dtype([("account", "<i8"), ("asset", "<i8"), ("available", "<i8"), ("frozen", "<i8")])


@outline
def _fill_row(state, slot, row):
    order = order_at(state, slot)
    terms = terms_at(state, slot)
    row[0] = order.order_id
    row[1] = account_at(state, order.account).key - 1
    row[2] = order.client_id
    row[3] = order.side
    row[4] = order.price_ticks
    row[5] = order.leaves_lots
    row[6] = order.order_type
    row[7] = order.tif
    row[8] = order.stp_flags
    if order.order_type > MARKET:
        row[9] = terms.stop_price_ticks
        row[14] = terms.trail_ticks
    if order.stp_flags & ICEBERG != 0:
        row[10] = terms.display_lots
        row[11] = terms.slice_lots
    if order.stp_flags & EXPIRES != 0:
        row[12] = terms.expire_ts_ns
    row[13] = age_of(state, slot)
    if order.stp_flags & PAIRED != 0:
        row[15] = order_at(state, terms.pair).order_id


@kernel_of("int64(int64, int64, int64, int64[:, :])")
def _list_orders(state_address, symbol, queue, rows):  # type: ignore[no-untyped-def]
    """Fill zeroed rows with one queue's orders in priority; returns how many there are (rows may be shorter)."""
    state = state_at(state_address)
    count = 0
    best = side_at(state, symbol, queue).best
    while best != 0:
        slot = level_at(state, best).head * 1
        while slot != 0:
            if count < rows.shape[0]:
                _fill_row(state, slot, rows[count])
            count += 1
            slot = order_at(state, slot).next * 1
        best = next_level(state, queue, best)
    return count


@kernel_of("int64(int64, int64, int64[:, :])")
def _list_chain(state_address, slot, rows):  # type: ignore[no-untyped-def]
    """Fill zeroed rows with the orders behind one another from a slot (hit orders); returns how many there are."""
    state = state_at(state_address)
    count = 0
    while slot != 0:
        if count < rows.shape[0]:
            _fill_row(state, slot, rows[count])
        count += 1
        slot = order_at(state, slot).next * 1
    return count


@kernel_of("int64(int64, int64, int64, int64[:, :])")
def _list_levels(state_address, symbol, side, rows):  # type: ignore[no-untyped-def]
    """Fill rows with (price, total, orders) of one side, best first; returns how many levels there are."""
    state = state_at(state_address)
    count = 0
    best = side_at(state, symbol, side).best
    while best != 0:
        level = level_at(state, best)
        if count < rows.shape[0]:
            rows[count, 0] = level.price_ticks
            rows[count, 1] = level.total_lots
            rows[count, 2] = level.count
        count += 1
        best = next_level(state, side, best)
    return count


@kernel_of("int64(int64, int64[:], int64[:])")
def _list_ages(state_address, accounts, ids):  # type: ignore[no-untyped-def]
    """Fill in the ids of the orders of these account slots, each account's oldest first; returns how many."""
    state = state_at(state_address)
    count = 0
    for account in accounts:
        slot = account_at(state, account).orders_head * 1
        while slot != 0 and count < len(ids):
            ids[count] = order_at(state, slot).order_id
            count += 1
            slot = order_at(state, slot).account_next * 1
    return count


@kernel_of("int64(int64, int64, int64[:])")
def _list_trailing(state_address, symbol, ids):  # type: ignore[no-untyped-def]
    """Fill in the ids of a symbol's trailing stops, oldest first; returns how many."""
    state = state_at(state_address)
    count = 0
    slot = instrument_at(state, symbol).trail_head * 1
    while slot != 0 and count < len(ids):
        ids[count] = order_at(state, slot).order_id
        count += 1
        slot = terms_at(state, slot).trail_next * 1
    return count


def _orders_in(state: State, symbol: int, queues: tuple[int, ...]) -> np.ndarray:
    parts = []
    for queue in queues:
        count = _list_orders(state.address, symbol, queue, np.zeros((0, _COLUMNS), np.int64))
        rows = np.zeros((count, _COLUMNS), np.int64)
        _list_orders(state.address, symbol, queue, rows)
        parts.append(rows)
    return np.ascontiguousarray(np.concatenate(parts)).view(OPEN_ORDER).reshape(-1)


def open_orders(state: State, symbol: int) -> np.ndarray:
    """OPEN_ORDER rows of a symbol's book: bids in priority, then asks."""
    return _orders_in(state, symbol, (0, 1))


def waiting_orders(state: State, symbol: int) -> np.ndarray:
    """OPEN_ORDER rows of a symbol's waiting orders: hit ones that have not entered yet, then queue by queue."""
    head = int(state.view("instruments", INSTRUMENT, symbol + 1)[symbol]["hits_head"])
    rows = np.zeros((_list_chain(state.address, head, np.zeros((0, _COLUMNS), np.int64)), _COLUMNS), np.int64)
    _list_chain(state.address, head, rows)
    return np.concatenate([rows.view(OPEN_ORDER).reshape(-1), _orders_in(state, symbol, WAITING)])


def depth_of(state: State, symbol: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(bids, asks) as (price_ticks, total_lots), best first."""
    sides = []
    for side in (0, 1):
        rows = np.zeros((_list_levels(state.address, symbol, side, np.zeros((0, 3), np.int64)), 3), np.int64)
        _list_levels(state.address, symbol, side, rows)
        sides.append([(int(price), int(total)) for price, total, _ in rows])
    return sides[0], sides[1]


def balances_of(state: State) -> tuple[np.ndarray, np.ndarray]:
    """(BALANCE_ROW sorted by account and asset, fees per asset id)."""
    accounts = state.view("accounts", ACCOUNT, int(state.record["account_mask"]) + 1)
    cells = state.view("balances", BALANCE, int(state.record["balance_mask"]) + 1)
    used = cells[cells["key"] != 0]
    rows = np.zeros(len(used), BALANCE_ROW)
    keys = used["key"] - 1
    rows["account"] = accounts["key"][keys >> 32] - 1
    rows["asset"] = keys & 0xFFFFFFFF
    rows["available"] = used["available"]
    rows["frozen"] = used["frozen"]
    rows = rows[
        np.lexsort((rows["asset"], rows["account"]))
    ]  # sorting the records themselves takes thirty times as long
    assets = state.view("assets", ASSET, int(state.record["asset_count"]))
    return rows, assets["fees"].copy()


def suspended_of(state: State) -> list[int]:
    """Accounts that may place nothing, ascending."""
    accounts = state.view("accounts", ACCOUNT, int(state.record["account_mask"]) + 1)
    found: list[int] = np.sort(accounts["key"][(accounts["key"] != 0) & (accounts["suspended"] != 0)] - 1).tolist()
    return found


def state_digest(state: State) -> str:
    """SHA-256 over everything that decides what comes next, whatever its place in memory.

    Sequence, time, what the pools hold; listings; accounts with their orders by age; balances, busted trades, lanes;
    the books in priority, what waits, what trails.
    """
    digest = hashlib.sha256()
    for name in ("seq", "ts_ns", "instrument_count", "asset_count", *POOL_WORDS):
        digest.update(int(state.record[name]).to_bytes(8, "little"))
    assets = state.view("assets", ASSET, int(state.record["asset_count"]))
    for name in ("name", "decimals", "supply", "fees", "is_delisted"):
        digest.update(np.ascontiguousarray(assets[name]).tobytes())
    accounts = state.view("accounts", ACCOUNT, int(state.record["account_mask"]) + 1)
    slots = np.flatnonzero(accounts["key"])
    slots = slots[np.argsort(accounts["key"][slots])]
    for name in ("key", "client_high", "client_window", "suspended", "debts", "open_orders"):
        digest.update(accounts[name][slots].tobytes())
    ids = np.zeros(int(state.record["order_count"]) + 1, np.int64)
    digest.update(ids[: _list_ages(state.address, slots.astype(np.int64), ids)].tobytes())
    digest.update(balances_of(state)[0].tobytes())
    busted = state.tables["busted"].view(np.int64)
    digest.update(np.sort(busted[busted != 0]).tobytes())
    digest.update(state.tables["lanes"].tobytes())
    instruments = state.view("instruments", INSTRUMENT, int(state.record["instrument_count"]))
    for symbol, instrument in enumerate(instruments):
        digest.update(instrument.tobytes()[:LISTING_BYTES])
        for name in INSTRUMENT_WORDS:
            digest.update(int(instrument[name]).to_bytes(8, "little"))
        digest.update(open_orders(state, symbol).tobytes())
        digest.update(waiting_orders(state, symbol).tobytes())
        trailing = np.zeros(int(instrument["trail_count"]) + 1, np.int64)
        digest.update(trailing[: _list_trailing(state.address, symbol, trailing)].tobytes())
    return digest.hexdigest()
