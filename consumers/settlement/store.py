"""Days, statements and volumes in LMDB: the tables, the fold written into them, and how to read them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consumers.funds import FEES, I64, InstrumentTable, expand
from consumers.packed import Packing, Window
from consumers.settlement.fold import FIELDS, VOLUME_FIELDS, DaySums, carry, days_of, fold, late_busts, number
from consumers.store import encode_key
from consumers.stored import Tables

NAME = "settlement"
TABLES = ("days", "statements", "closings", "volumes")

# One account's day in one asset. `opening` is its whole balance (available + frozen) before the day.
STATEMENT = np.dtype(
    [
        ("opening", "<i8"),
        ("prev_day", "<i4"),  # day of its statement before; -1 = none
        ("used", "<u4"),  # 1 = there is a statement
        ("sums", "<i8", (len(FIELDS), 2)),  # wide, see fold
    ]
)
# The whole balance now, and the day of the last statement + 1 (0 = none yet).
CLOSING = np.dtype([("amount", "<i8"), ("next_day", "<i8")])
VOLUME = np.dtype([("sums", "<i8", (len(VOLUME_FIELDS), 2))])


class SettlementTables:
    """Where each thing stands. Same for the writer and for readers of a snapshot."""

    def __init__(self, store: Tables) -> None:
        self.days = store.db("days")  # day -> first sequence of that day
        self.statements = Packing(store.db("statements"), STATEMENT, 16)  # under the day as prefix
        self.closings = Packing(store.db("closings"), CLOSING, 64)
        self.volumes = Packing(store.db("volumes"), VOLUME, 16)  # by symbol, under the day as prefix


class Statement(NamedTuple):
    """One account's day in one asset, minor units; closing = opening + … (see `closing`)."""

    account: int
    asset: int
    opening: int
    deposits: int
    withdrawals: int
    received: int
    paid: int
    fees: int
    other: int

    @property
    def transfer(self) -> int:
        """Net transfer of the day's trades, signed."""
        return self.received - self.paid - self.fees

    @property
    def closing(self) -> int:
        """Balance at the end of the day."""
        return self.opening + self.deposits - self.withdrawals + self.transfer + self.other


class SettlementFold:
    """Adds batches to their days; what is done with finished days is the reports' business."""

    def __init__(self, store: Tables) -> None:
        self.tables = SettlementTables(store)

    def write(self, txn: Any, events: NDArray[np.void], instruments: InstrumentTable) -> None:
        """Add the batch to its days."""
        days = days_of(events)
        first_days, first_seqs = self._begin_days(txn, events, days)
        entries = expand(events, instruments)
        late = late_busts(events, days, first_days, first_seqs)
        for sums in fold(events, entries, instruments, days, late):
            self._add_statements(txn, sums)
            self._add_volumes(txn, sums)

    def _begin_days(self, txn: Any, events: NDArray[np.void], days: I64) -> tuple[I64, I64]:
        """Note the first sequence of each new day; all days and their first sequences so far."""
        for at in np.flatnonzero(np.diff(days, prepend=-1)).tolist():
            key = encode_key(int(days[at]))
            if txn.get(key, db=self.tables.days) is None:
                txn.put(key, encode_key(int(events["seq"][at])), db=self.tables.days)
        found = day_starts(txn, self.tables)
        return found[:, 0], found[:, 1]

    def _add_statements(self, txn: Any, sums: DaySums) -> None:
        closings = Window(self.tables.closings, txn, sums.keys)
        statements = Window(self.tables.statements, txn, sums.keys, prefix=encode_key(sums.day))
        rows = statements.rows
        new = rows["used"] == 0
        rows["opening"][new] = closings.rows["amount"][new]
        rows["prev_day"][new] = closings.rows["next_day"][new] - 1
        rows["used"] = 1
        rows["sums"] = carry(rows["sums"] + sums.sums)
        closings.rows["amount"] += sums.net
        closings.rows["next_day"] = sums.day + 1
        statements.put(txn)
        closings.put(txn)

    def _add_volumes(self, txn: Any, sums: DaySums) -> None:
        volumes = Window(self.tables.volumes, txn, sums.symbols, prefix=encode_key(sums.day))
        volumes.rows["sums"] = carry(volumes.rows["sums"] + sums.volumes)
        volumes.put(txn)

    def idle(self, now_ns: int) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing is held back."""


def day_starts(txn: Any, tables: SettlementTables) -> I64:
    """[days, 2]: each day that had an event, and its first sequence; ascending."""
    with txn.cursor(db=tables.days) as cursor:
        pairs = [(int.from_bytes(day, "big"), int.from_bytes(seq, "big")) for day, seq in cursor]
    return np.array(pairs, np.int64).reshape(-1, 2)


def statements_of_day(txn: Any, tables: SettlementTables, day: int) -> list[Statement]:
    """Every statement of a day, by asset, then account; FEES among the accounts."""
    found = []
    for first_key, rows in tables.statements.scan(txn, encode_key(day)):
        for at in np.flatnonzero(rows["used"]).tolist():
            found.append(_statement(first_key + at, rows[at]))
    return found


def _statement(key: int, row: np.void) -> Statement:
    sums = [number(wide) for wide in row["sums"]]
    return Statement(key & 0xFFFFFFFF, key >> 32, int(row["opening"]), *sums)


def statement(txn: Any, tables: SettlementTables, account: int, asset: int, day: int) -> Statement | None:
    """An account's statement on a day, a quiet day included (opening = closing); None = no business until then."""
    key = (asset << 32) | account
    found = int(tables.closings.row(txn, key)["next_day"][0]) - 1
    while found >= 0:
        row = tables.statements.row(txn, key, encode_key(found))[0]
        if found == day:
            return _statement(key, row)
        if found < day:
            return Statement(account, asset, _statement(key, row).closing, 0, 0, 0, 0, 0, 0)
        found = int(row["prev_day"])
    return None


def volumes_of_day(txn: Any, tables: SettlementTables, day: int) -> dict[int, tuple[int, int, int]]:
    """{symbol id: (base minor units, quote minor units, trades)}."""
    found = {}
    for first, rows in tables.volumes.scan(txn, encode_key(day)):
        for at in np.flatnonzero(rows["sums"].any(axis=(1, 2))).tolist():
            base, quote, trades = (number(wide) for wide in rows["sums"][at])
            found[first + at] = (base, quote, trades)
    return found


def closings(txn: Any, tables: SettlementTables) -> dict[int, dict[int, int]]:
    """{account: {asset: whole balance now}}, those of nothing left out; FEES among the accounts."""
    found: dict[int, dict[int, int]] = {}
    for first_key, rows in tables.closings.scan(txn):
        for at in np.flatnonzero(rows["amount"]).tolist():
            found.setdefault((first_key + at) & 0xFFFFFFFF, {})[(first_key + at) >> 32] = int(rows["amount"][at])
    return found


def trial_balance(statements: list[Statement]) -> dict[int, int]:
    """{asset: what the day's statements are out by}: trades, fees and corrections move money, they make none."""
    out: dict[int, int] = {}
    for line in statements:
        moved = line.closing - line.opening - line.deposits + line.withdrawals
        out[line.asset] = out.get(line.asset, 0) + moved
    return out


def fees_of_day(statements: list[Statement]) -> dict[int, int]:
    """{asset: fees that reached the fee account by the day's trades}."""
    return {line.asset: line.received for line in statements if line.account == FEES}
