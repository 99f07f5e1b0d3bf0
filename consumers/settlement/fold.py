"""What a batch adds to each day's statements and volumes. Pure: events and entries in, sums out.

A day's turnover can exceed 63 bits (an asset of 18 decimals changes hands a few times), so sums are
*wide*: two i64 per number, ``high * 2**32 + low``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consumers.funds import (
    KIND_DEPOSIT,
    KIND_FEE,
    KIND_OTHER,
    KIND_PAID,
    KIND_RECEIVED,
    KIND_WITHDRAWAL,
    Entries,
    InstrumentTable,
)
from ringbuf.codes import EventType

I64 = NDArray[np.int64]
DAY_NS = 86_400_000_000_000

# Columns of a statement's sums.
FIELDS = ("deposits", "withdrawals", "received", "paid", "fees", "other")
_FIELD_OF_KIND = {KIND_DEPOSIT: 0, KIND_WITHDRAWAL: 1, KIND_RECEIVED: 2, KIND_PAID: 3, KIND_FEE: 2}
FEES_COLUMN = FIELDS.index("fees")
OTHER_COLUMN = FIELDS.index("other")

# Columns of a day's volume of one symbol.
VOLUME_FIELDS = ("base", "quote", "trades")


class DaySums(NamedTuple):
    """One day's part of a batch. `keys` = asset << 32 | account, sorted; `sums` wide [keys, FIELDS, 2];
    `net` the change of each key's whole balance; `volumes` wide [symbols, VOLUME_FIELDS, 2]."""

    day: int
    keys: I64
    sums: I64
    net: I64
    symbols: I64
    volumes: I64


def widen(values: I64) -> I64:
    """Split into high and low 32 bits, [..., 2]; a batch of halves adds up without overflow."""
    return np.stack((values >> 32, values & 0xFFFFFFFF), axis=-1)


def carry(wide: I64) -> I64:
    """Bring the low halves back below 2**32."""
    low = wide[..., 1]
    return np.stack((wide[..., 0] + (low >> 32), low & 0xFFFFFFFF), axis=-1)


def number(wide: I64) -> int:
    """The integer that one wide pair stands for."""
    return (int(wide[0]) << 32) + int(wide[1])


def days_of(events: NDArray[np.void]) -> I64:
    """Days since 1970 (UTC) of each event."""
    return events["ts_ns"].astype(np.int64) // DAY_NS


def late_busts(events: NDArray[np.void], days: I64, first_days: I64, first_seqs: I64) -> NDArray[np.bool_]:
    """Which events are busts of a trade of an earlier day; `first_seqs` of each day seen, ascending."""
    busts = events["type"] == EventType.BUSTED
    late = np.zeros(len(events), np.bool_)
    at = np.flatnonzero(busts)
    if len(at):
        day_of_trade = first_days[np.searchsorted(first_seqs, events["request_id"][at], side="right") - 1]
        late[at] = day_of_trade < days[at]
    return late


def fold(
    events: NDArray[np.void], entries: Entries, table: InstrumentTable, days: I64, late: NDArray[np.bool_]
) -> list[DaySums]:
    """Sums of a batch by day. A late bust stands under `other` of its own day: closed days stay as reported."""
    found = []
    # Freezing and freeing leave a whole balance as it is: such entries are of no day.
    day_of_entry = np.where(entries.kind == KIND_OTHER, -1, days[entries.event])
    moves_volume = ((events["type"] == EventType.TRADE) | (events["type"] == EventType.BUSTED)) & ~late
    day_of_volume = np.where(moves_volume, days, -1)
    # A trade has entries, so the days of volumes are among the entries' days.
    for day in np.unique(day_of_entry[day_of_entry >= 0]).tolist():
        keys, sums, net = _statements(entries, np.flatnonzero(day_of_entry == day), late)
        symbols, volumes = _volumes(events[day_of_volume == day], table)
        found.append(DaySums(day, keys, sums, net, symbols, volumes))
    return found


def _statements(entries: Entries, at: I64, late: NDArray[np.bool_]) -> tuple[I64, I64, I64]:
    keys, row = np.unique((entries.asset[at] << 32) | entries.account[at], return_inverse=True)
    sums = np.zeros((len(keys), len(FIELDS), 2), np.int64)
    net = np.zeros(len(keys), np.int64)
    kind, gross = entries.kind[at], entries.gross[at]
    change = entries.d_available[at] + entries.d_frozen[at]
    np.add.at(net, row, change)
    corrects = late[entries.event[at]]
    for code, column in _FIELD_OF_KIND.items():
        chosen = np.flatnonzero((kind == code) & ~corrects)
        np.add.at(sums[:, column], row[chosen], widen(gross[chosen]))
    received = np.flatnonzero((kind == KIND_RECEIVED) & ~corrects)
    np.add.at(sums[:, FEES_COLUMN], row[received], widen(gross[received] - change[received]))
    np.add.at(sums[:, OTHER_COLUMN], row[corrects], widen(change[corrects]))
    return keys, sums, net


def _volumes(trades: NDArray[np.void], table: InstrumentTable) -> tuple[I64, I64]:
    symbols, row = np.unique(trades["symbol"].astype(np.int64), return_inverse=True)
    volumes = np.zeros((len(symbols), len(VOLUME_FIELDS), 2), np.int64)
    if len(trades):
        at = symbols[row]
        sign = np.where(trades["type"] == EventType.BUSTED, -1, 1)
        qty = trades["qty_lots"].astype(np.int64) * sign
        np.add.at(volumes[:, 0], row, widen(qty * table.lot_base_units[at]))
        np.add.at(volumes[:, 1], row, widen(qty * table.tick_lot_quote_units[at] * trades["price_ticks"]))
        np.add.at(volumes[:, 2], row, widen(sign.astype(np.int64)))
    return symbols, volumes
