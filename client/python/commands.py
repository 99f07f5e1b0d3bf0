"""COMMAND records of what an account asks, in ticks, lots and minor units: for EntryClient and LaneClient.

Every function returns one record (shape (1,)), `group` as many as it was given. What may stand together is in
docs/orders.md; nothing is checked here, the engine doubts every field. A term that is None is not given.
"""

import numpy as np

from ringbuf.codes import (
    CMD_GROUP,
    CMD_ONE_SIDE,
    CMD_PAIRED,
    CMD_POST_ONLY,
    GROUP_MAX,
    HAS_BUDGET,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_MIN,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    HAS_TRAIL,
    NO_ID,
    NO_SYMBOL,
    Op,
    OrderType,
    Side,
    Stp,
    Tif,
)
from ringbuf.records import COMMAND


def _command(op: Op, account: int, client_id: int, symbol: int = NO_SYMBOL) -> np.ndarray:
    command = np.zeros(1, COMMAND)
    command["op"], command["account"], command["client_id"], command["symbol"] = op, account, client_id, symbol
    command["orig_client_id"] = NO_ID
    return command


def _give(command: np.ndarray, **terms: tuple[int | None, int]) -> None:
    """Set each field whose value is not None, and its HAS_ bit."""
    for field, (value, bit) in terms.items():
        if value is not None:
            command[field] = value
            command["mask"] |= np.uint8(bit)


def _aim(command: np.ndarray, order_id: int | None, orig_client_id: int | None) -> np.ndarray:
    """The order that is meant: by its id, else by the client id that placed it."""
    if (order_id is None) == (orig_client_id is None):
        raise ValueError("expected one of order_id and orig_client_id")
    command["order_id"] = order_id or 0
    command["orig_client_id"] = NO_ID if orig_client_id is None else orig_client_id
    return command


def place(
    account: int,
    client_id: int,
    symbol: int,
    side: Side,
    qty_lots: int | None = None,
    order_type: OrderType = OrderType.LIMIT,
    *,
    price_ticks: int | None = None,
    stop_price_ticks: int | None = None,
    trail_ticks: int | None = None,
    tif: Tif = Tif.GTC,
    stp: Stp = Stp.CANCEL_TAKER,
    post_only: bool = False,
    display_lots: int | None = None,
    min_lots: int | None = None,
    expire_ts_ns: int | None = None,
    quote_budget: int | None = None,
    oco_client_id: int | None = None,
) -> np.ndarray:
    """A new order. `symbol` is the instrument's id; quote_budget in minor units of the quote asset."""
    command = _command(Op.PLACE, account, client_id, symbol)
    command["side"], command["order_type"], command["tif"], command["stp"] = side, order_type, tif, stp
    command["flags"] = CMD_POST_ONLY if post_only else 0
    _give(
        command,
        price_ticks=(price_ticks, HAS_PRICE),
        qty_lots=(qty_lots, HAS_QTY),
        stop_price_ticks=(stop_price_ticks, HAS_STOP_PRICE),
        display_lots=(display_lots, HAS_DISPLAY),
        expire_ts_ns=(expire_ts_ns, HAS_EXPIRE),
        quote_budget=(quote_budget, HAS_BUDGET),
        min_lots=(min_lots, HAS_MIN),
    )
    _give(command, price_ticks=(trail_ticks, HAS_TRAIL))
    if oco_client_id is not None:
        command["orig_client_id"] = oco_client_id
        command["flags"] |= np.uint8(CMD_PAIRED)
    return command


def replace(placed: np.ndarray, order_id: int | None = None, orig_client_id: int | None = None) -> np.ndarray:
    """The order of `place` instead of another one, in one step: cancel and place, or neither."""
    command = placed.copy()
    command["op"] = Op.REPLACE
    return _aim(command, order_id, orig_client_id)


def group(*placed: np.ndarray) -> np.ndarray:
    """1 to 16 orders of `place` that are all taken or none; send them with one call. Shape (n,)."""
    if not 1 <= len(placed) <= GROUP_MAX:
        raise ValueError(f"a group: expected 1 to {GROUP_MAX} orders, found {len(placed)}")
    commands = np.concatenate(placed)
    commands["flags"][:-1] |= np.uint8(CMD_GROUP)
    return commands


def amend(
    account: int,
    client_id: int,
    order_id: int | None = None,
    orig_client_id: int | None = None,
    *,
    price_ticks: int | None = None,
    qty_lots: int | None = None,
    stop_price_ticks: int | None = None,
) -> np.ndarray:
    """Other terms for an open order; qty_lots is its new remaining quantity."""
    command = _command(Op.AMEND, account, client_id)
    _give(
        command,
        price_ticks=(price_ticks, HAS_PRICE),
        qty_lots=(qty_lots, HAS_QTY),
        stop_price_ticks=(stop_price_ticks, HAS_STOP_PRICE),
    )
    return _aim(command, order_id, orig_client_id)


def cancel(account: int, client_id: int, order_id: int | None = None, orig_client_id: int | None = None) -> np.ndarray:
    """End an open order."""
    return _aim(_command(Op.CANCEL, account, client_id), order_id, orig_client_id)


def mass_cancel(account: int, client_id: int, symbol: int | None = None, side: Side | None = None) -> np.ndarray:
    """End all open orders of an account: of one symbol, of one side, of both, or all there are."""
    command = _command(Op.MASS_CANCEL, account, client_id, NO_SYMBOL if symbol is None else symbol)
    if side is not None:
        command["side"], command["flags"] = side, CMD_ONE_SIDE
    return command
