"""Balances, ledger and wanted busts in LMDB: the tables, and the fold written into them."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consumers.balances.fold import LEDGER, fold, keys_of, link, touched
from consumers.funds import FEES, I64, InstrumentTable, expand
from consumers.packed import Log, Packing, Window
from consumers.stored import Tables
from ringbuf.codes import EventType
from ringbuf.records import EVENT

log = logging.getLogger(__name__)

NAME = "balances"
PATIENCE = 20  # idle calls under full flow before a bust is asked for all the same
TABLES = ("balances", "heads", "ledger", "busts", "faults")

BALANCE = np.dtype([("available", "<i8"), ("frozen", "<i8"), ("used", "<i8")])  # used: 1 once there was a change
# An account's place in the ledger: index of its last line + 1, so that zeros mean "none".
HEAD = np.dtype([("next", "<i8")])


class BalanceTables:
    """Where each thing stands. Same for the writer and for readers of a snapshot."""

    def __init__(self, store: Tables) -> None:
        self.balances = Packing(store.db("balances"), BALANCE, 64)
        self.heads = Packing(store.db("heads"), HEAD, 256)
        self.ledger = Log(store.db("ledger"), LEDGER)
        self.busts = store.db("busts")  # trade sequence -> its EVENT: busts asked for and not yet answered
        self.faults = store.db("faults")  # sequence -> EVENT: changes below zero that no bust can undo


class BalanceFold:
    """The consumer's part: `write` books a batch, `idle` asks for the busts that it found necessary.

    `ask` sends the bust of one trade (EVENT) and says whether it could be sent; `let_go` frees what it uses.
    """

    def __init__(
        self,
        store: Tables,
        ask: Callable[[np.void], bool],
        let_go: Callable[[], None] = lambda: None,
    ) -> None:
        self.tables = BalanceTables(store)
        self._store: Any = store
        self._ask = ask
        self._let_go = let_go
        self._asked: set[int] = set()
        self._look = True  # whether there may be a wanted bust
        self._wrote = False  # since the last time that there was nothing to do
        self._busy = 0  # how many times in a row

    def write(self, txn: Any, events: NDArray[np.void], instruments: InstrumentTable) -> None:
        """Book `events`: new balances, ledger lines, account heads; note what could not be booked."""
        self._wrote = True
        entries = expand(events, instruments)
        keys = touched(entries)
        window = Window(self.tables.balances, txn, keys)
        booked = fold(events, entries, keys, window.rows["available"].copy(), window.rows["frozen"].copy())
        window.rows["available"], window.rows["frozen"] = booked.available, booked.frozen
        window.rows["used"] = 1
        window.put(txn)
        accounts = np.unique(booked.ledger["account"].astype(np.int64))
        heads = Window(self.tables.heads, txn, accounts)
        first = self.tables.ledger.length(txn)
        heads.rows["next"] = link(booked.ledger, first, accounts, heads.rows["next"] - 1) + 1
        heads.put(txn)
        self.tables.ledger.append(txn, first, booked.ledger)
        self._note_broken(txn, events, booked.ledger, booked.broken)
        self._forget_busted(txn, events)

    def _note_broken(self, txn: Any, events: NDArray[np.void], ledger: NDArray[np.void], broken: I64) -> None:
        """A trade that took something below zero is to be busted; anything else is a fault to report."""
        self._look |= len(broken) > 0
        for seq in np.unique(ledger["seq"][broken]).tolist():
            event = events[np.searchsorted(events["seq"], seq)]
            trade = event["type"] == EventType.TRADE
            txn.put(seq.to_bytes(8, "big"), event.tobytes(), db=self.tables.busts if trade else self.tables.faults)

    def _forget_busted(self, txn: Any, events: NDArray[np.void]) -> None:
        """The engine's answer has come: the trade is undone like any other bust."""
        for seq in events["request_id"][events["type"] == EventType.BUSTED].tolist():
            txn.delete(seq.to_bytes(8, "big"), db=self.tables.busts)

    def idle(self, now_ns: int) -> None:
        """Ask once a run for each bust still wanted; the engine refuses a second one of the same trade.

        While there is much to read the answer may already be on its way, so then it waits a while.
        """
        self._busy = self._busy + 1 if self._wrote else 0
        self._wrote = False
        if not self._look or 0 < self._busy < PATIENCE:
            return
        with self._store.read() as txn:
            wanted = wanted_busts(txn, self.tables)
        self._look = len(wanted) > 0
        for trade in wanted:
            seq = int(trade["seq"])
            if seq not in self._asked and self._ask(trade):
                self._asked.add(seq)
                log.warning("trade %d cannot be booked (a balance would fall below zero): bust asked for", seq)

    def close(self) -> None:
        """Let go of what `ask` uses."""
        self._let_go()


def wanted_busts(txn: Any, tables: BalanceTables) -> NDArray[np.void]:
    """Trades (EVENT) that took a balance below zero and are not yet undone."""
    return _events(txn, tables.busts)


def faults(txn: Any, tables: BalanceTables) -> NDArray[np.void]:
    """Events (EVENT) other than trades and busts that took a balance below zero: none, unless something is wrong."""
    return _events(txn, tables.faults)


def _events(txn: Any, db: Any) -> NDArray[np.void]:
    with txn.cursor(db=db) as cursor:
        return np.frombuffer(b"".join(bytes(value) for _, value in cursor), EVENT)


def balance(txn: Any, tables: BalanceTables, account: int, asset: int) -> tuple[int, int] | None:
    """(available, frozen) in minor units, None where the account never had any; account FEES = the fee account."""
    row = tables.balances.row(txn, asset << 32 | account)[0]
    return (int(row["available"]), int(row["frozen"])) if row["used"] else None


def all_balances(txn: Any, tables: BalanceTables) -> dict[int, dict[int, tuple[int, int]]]:
    """Every balance that is not nothing: {account: {asset: (available, frozen)}}; FEES among the accounts."""
    found: dict[int, dict[int, tuple[int, int]]] = {}
    for first_key, rows in tables.balances.scan(txn):
        for at in np.flatnonzero((rows["available"] != 0) | (rows["frozen"] != 0)).tolist():
            asset, account = (first_key + at) >> 32, (first_key + at) & 0xFFFFFFFF
            found.setdefault(account, {})[asset] = (int(rows["available"][at]), int(rows["frozen"][at]))
    return found


def ledger_of(txn: Any, tables: BalanceTables, account: int, last: int) -> NDArray[np.void]:
    """The account's last lines (LEDGER), oldest first."""
    head = int(tables.heads.row(txn, account)["next"][0]) - 1
    return tables.ledger.chain(txn, head, last)[::-1]


def is_known(txn: Any, tables: BalanceTables, account: int) -> bool:
    """Whether the account ever had a change."""
    return 0 <= account <= FEES and int(tables.heads.row(txn, account)["next"][0]) > 0


def ledger_sums(txn: Any, tables: BalanceTables) -> dict[int, dict[int, tuple[int, int]]]:
    """All ledger lines added up, in the shape of `all_balances`: must be the same."""
    keys = np.zeros(0, np.int64)
    sums = np.zeros((0, 2), np.int64)
    for _, rows in tables.ledger.scan(txn):
        both = np.concatenate((keys, keys_of(rows["account"].astype(np.int64), rows["asset"].astype(np.int64))))
        changes = np.concatenate((sums, np.stack((rows["d_available"], rows["d_frozen"]), axis=-1)))
        keys, row = np.unique(both, return_inverse=True)
        sums = np.zeros((len(keys), 2), np.int64)
        np.add.at(sums, row, changes)
    found: dict[int, dict[int, tuple[int, int]]] = {}
    for key, (available, frozen) in zip(keys.tolist(), sums.tolist(), strict=True):
        if available or frozen:
            found.setdefault(key & 0xFFFFFFFF, {})[key >> 32] = (available, frozen)
    return found
