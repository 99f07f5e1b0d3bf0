"""What each event does to whose money: events in, entries (account, asset, changes) out. Pure.

The rules are those of docs/architecture.md, "Funds in events": the event alone is enough, no order is
remembered. An entry changes one account's available and frozen amount of one asset; the fee accounts
are account ``FEES``. For every event but deposited and withdrawn, the entries of an asset sum to zero.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.catalog import IS_LISTING, Catalog
from ringbuf.codes import NO_ACCOUNT, EventType, Side
from ringbuf.records import EVENT, EVENT_LISTED_INSTRUMENT

FEES = NO_ACCOUNT  # the fee accounts stand beside the clients' under the one number no client has

I64 = NDArray[np.int64]

# Parts of a trade, in the order in which they are booked (KIND of an entry).
KIND_OTHER = 0  # freezing and freeing
KIND_PAID = 1  # what left the party, in the asset that it gave
KIND_RECEIVED = 2  # what reached it, its fee already taken off
KIND_FEE = 3  # what the fee account got
KIND_DEPOSIT = 4
KIND_WITHDRAWAL = 5
KIND_NAMES = ("other", "paid", "received", "fee", "deposit", "withdrawal")


class InstrumentTable:
    """Columns of the listed instruments by symbol id, folded from ``listed`` events.

    Ids are given once and never change, so a whole batch's listings may be folded before its trades.
    """

    def __init__(self) -> None:
        self.base: I64 = np.zeros(0, np.int64)
        self.quote: I64 = np.zeros(0, np.int64)
        self.lot_base_units: I64 = np.zeros(0, np.int64)
        self.tick_lot_quote_units: I64 = np.zeros(0, np.int64)

    @classmethod
    def of(cls, catalog: Catalog) -> "InstrumentTable":
        """The columns of all that a catalog knows."""
        made = cls()
        for column in ("base", "quote", "lot_base_units", "tick_lot_quote_units"):
            setattr(made, column, np.array([getattr(row, column) for row in catalog.instruments], np.int64))
        return made

    def fold(self, events: NDArray[np.void]) -> None:
        """Take in every instrument listed among `events` (EVENT records)."""
        found = events[events["type"] == EventType.LISTED_INSTRUMENT]
        if not len(found):
            return
        listed = np.ascontiguousarray(found).view(EVENT_LISTED_INSTRUMENT)
        size = max(int(listed["symbol"].max()) + 1, len(self.base))
        grown = {}
        for column in ("base", "quote", "lot_base_units", "tick_lot_quote_units"):
            grown[column] = np.zeros(size, np.int64)
            grown[column][: len(self.base)] = getattr(self, column)
            grown[column][listed["symbol"]] = listed[column]
        self.base, self.quote = grown["base"], grown["quote"]
        self.lot_base_units, self.tick_lot_quote_units = grown["lot_base_units"], grown["tick_lot_quote_units"]


class Entries(NamedTuple):
    """Changes in the order in which they are booked; columns of one length.

    `event` is the index into the batch, `gross` what was paid, received or levied before fees.
    """

    event: I64
    account: I64
    asset: I64
    d_available: I64
    d_frozen: I64
    gross: I64
    kind: I64


def listed_events(events: NDArray[np.void]) -> NDArray[np.void]:
    """A batch's listings and what changes or ends them: each consumer keeps them in its store for the next start."""
    return events[IS_LISTING[events["type"]]]


def expand(events: NDArray[np.void], instruments: InstrumentTable) -> Entries:
    """Entries of a batch of events (EVENT), in booking order.

    Raises IndexError when a symbol was never listed: the stream is then not the one the table is from.
    """
    assert events.dtype == EVENT
    kinds = events["type"]
    parts: list[tuple[I64, ...]] = []
    _expand_cash(events, kinds, parts)
    _expand_freezes(events, kinds, instruments, parts)
    _expand_trades(events, np.flatnonzero(kinds == EventType.TRADE), instruments, parts, 1)
    _expand_trades(events, np.flatnonzero(kinds == EventType.BUSTED), instruments, parts, -1)
    if not parts:
        none = np.zeros(0, np.int64)
        return Entries(none, none, none, none, none, none, none)
    rank, *columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(rank, kind="stable")
    return Entries(rank[order] >> 3, *(column[order] for column in columns))


def _column(events: NDArray[np.void], name: str, at: I64) -> I64:
    return events[name][at].astype(np.int64)


def _expand_cash(events: NDArray[np.void], kinds: NDArray[np.uint8], parts: list[tuple[I64, ...]]) -> None:
    for event_type, sign, kind in (
        (EventType.DEPOSITED, 1, KIND_DEPOSIT),
        (EventType.WITHDRAWN, -1, KIND_WITHDRAWAL),
    ):
        at = np.flatnonzero(kinds == event_type)
        if not len(at):
            continue
        amount = _column(events, "qty_lots", at)
        zero = np.zeros_like(amount)
        asset = _column(events, "symbol", at)
        parts.append((at << 3, _column(events, "account", at), asset, sign * amount, zero, amount, zero + kind))


def _expand_freezes(
    events: NDArray[np.void], kinds: NDArray[np.uint8], table: InstrumentTable, parts: list[tuple[I64, ...]]
) -> None:
    frees = (
        (kinds == EventType.ACCEPTED)
        | (kinds == EventType.AMENDED)
        | (kinds == EventType.CANCELLED)
        | (kinds == EventType.TRIGGERED)
    )
    at = np.flatnonzero(frees & (events["released"] != 0))
    if not len(at):
        return
    symbol = _column(events, "symbol", at)
    released = _column(events, "released", at)
    asset = np.where(events["side"][at] == Side.BUY, table.quote[symbol], table.base[symbol])
    zero = np.zeros_like(released)
    parts.append((at << 3, _column(events, "account", at), asset, released, -released, zero, zero + KIND_OTHER))


def _expand_trades(
    events: NDArray[np.void], at: I64, table: InstrumentTable, parts: list[tuple[I64, ...]], sign: int
) -> None:
    """Six entries a trade: both give, both receive, both fees; `sign` -1 undoes it, all in available."""
    if not len(at):
        return
    symbol = _column(events, "symbol", at)
    base, quote = table.base[symbol], table.quote[symbol]
    qty = _column(events, "qty_lots", at)
    cost = qty * table.tick_lot_quote_units[symbol] * _column(events, "price_ticks", at)
    qty = qty * table.lot_base_units[symbol]
    taker_buys = events["side"][at] == Side.BUY
    taker, maker = _column(events, "account", at), _column(events, "maker_account", at)
    buyer, seller = np.where(taker_buys, taker, maker), np.where(taker_buys, maker, taker)
    fee, maker_fee = _column(events, "fee", at), _column(events, "maker_fee", at)
    buyer_fee, seller_fee = np.where(taker_buys, fee, maker_fee), np.where(taker_buys, maker_fee, fee)
    zero = np.zeros_like(qty)
    fees = zero + FEES
    if sign > 0:
        freed = np.where(taker_buys, _column(events, "released", at), cost)
        gives = ((freed - cost, -freed), (zero, -qty))
    else:
        gives = ((cost, zero), (qty, zero))
    rank = at << 3
    parts.append((rank, buyer, quote, *gives[0], sign * cost, zero + KIND_PAID))
    parts.append((rank + 1, seller, base, *gives[1], sign * qty, zero + KIND_PAID))
    parts.append((rank + 2, buyer, base, sign * (qty - buyer_fee), zero, sign * qty, zero + KIND_RECEIVED))
    parts.append((rank + 3, seller, quote, sign * (cost - seller_fee), zero, sign * cost, zero + KIND_RECEIVED))
    parts.append((rank + 4, fees, base, sign * buyer_fee, zero, sign * buyer_fee, zero + KIND_FEE))
    parts.append((rank + 5, fees, quote, sign * seller_fee, zero, sign * seller_fee, zero + KIND_FEE))
