"""What MySQL, MariaDB and PostgreSQL share: tables, and a row `cursor` that moves in the transaction that fills them.

Whoever writes locks the cursor first, and finds it where it left it, or lets go: two writers never mix. What a
dialect does in its own way is `Database`.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.funds import I64
from consumers.orders.fold import ORDER
from consumers.sinks.columns import ALL_COLUMNS, BUSTED_SEQ, KEYS, TRADE_COLUMNS
from consumers.sinks.ledger_rows import ledger_fields, ledger_text
from consumers.sinks.order_rows import changed, order_fields, order_of
from consumers.sinks.row_text import EventText, Rows, Style, rows_of
from consumers.sinks.table_schema import CURSOR, Cursor, checked, prepare, read_cursor
from consumers.sinks.table_schema import Database as SchemaDatabase
from consumers.sinks.target import (
    EVENTS,
    LEDGER,
    ORDERS,
    TRADES,
    BadRow,
    Batch,
    ReadableTarget,
    Row,
    TargetAway,
    TargetRefused,
)

CONNECT_S, ANSWER_S, LOCK_S = 5, 8, 5  # a process without life for 30 s is killed
GONE_S = 300  # after so long without a word the server ends a session, and with it the lock of one that is no more
PAGE = 10_000  # rows that are read in one go
PIECE = 1_000  # events whose rows are written in one go
ALIVE_NS = 10_000_000_000  # how often a connection that has nothing to do shows that it is there


class Database(SchemaDatabase, Protocol):
    """A connection of one dialect, not yet open."""

    style: Style  # of the rows that `insert` takes
    values: Style  # of rows in INSERT … VALUES

    def connect(self) -> None:
        """Open, with every time-out set and values never changed to fit."""

    def begin(self, snapshot: bool = False) -> None:
        """A transaction; of a snapshot everything is read as it is now, and nothing written."""

    def insert(self, table: str, pieces: Iterable[Rows]) -> None:
        """Add rows, however many; the server may be at work on one piece while the next is made."""

    def upsert(self, table: str, rows: Rows) -> None:
        """Add rows (of `values`), in place of those with the same key."""

    def rollback(self) -> None:
        """Give the transaction up."""

    def judging(self) -> AbstractContextManager[None]:
        """Errors of the client library within become BadRow (rolled back), TargetRefused or TargetAway."""

    def close(self) -> None:
        """Whatever state it is in."""


def check_url(settings: SinkSettings, scheme: str) -> None:
    """ConfigError where a URL names no database, or an option is of no use to tables."""
    form = f"{scheme}://USER:PASSWORD@HOST:PORT/DATABASE"
    try:
        url = urlsplit(settings.url)
        whole = url.scheme == scheme and url.hostname and url.username and url.path.strip("/") and url.port != 0
    except ValueError:
        whole = False
    if not whole or url.query or url.fragment or "/" in url.path[1:]:
        raise ConfigError("url", f"expected {form}")  # it may hold a password: not said again
    default = SinkSettings()
    for option in ("prefix", "format", "keep"):
        if getattr(settings, option) != getattr(default, option):
            raise ConfigError(option, f"expected none: a {settings.kind} sink has no use for it")


def login(url: str, port: int) -> dict[str, Any]:
    """host, port, user, password and database of a URL; `port` where it names none."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port or port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path[1:]),
    }


class Tables(ReadableTarget):
    """The tables of one database."""

    batch_events = 16_384
    commit_ms = 20
    marks_busts = True

    def __init__(self, settings: SinkSettings, database: Database) -> None:
        self.tables = tuple(settings.tables.split(","))
        self._database = database
        self._text = EventText(database.style)
        self._epoch = 0
        self._connected = False
        self._used_ns = 0

    def open(self, epoch: int) -> int:
        """Connect; make and bring up to date the tables; the cursor."""
        with self._opening():
            self._connect()
            self._text = EventText(self._database.style)  # what it remembers is of one history
            self._epoch = epoch
            prepare(self._database, self.tables, epoch)
            self._database.begin(snapshot=True)
            cursor = self._cursor()
            for table in self.tables:
                beyond = self._page(table, cursor.seq + 1, (1 << 63) - 1, 1)
                if beyond:
                    raise TargetRefused(f"the cursor stands at {cursor.seq}, but {table} has a row of {beyond[0][0]}")
            self._database.commit()
        return cursor.seq

    def look(self, epoch: int) -> int:
        """Everything that is read from now on is as it was at this cursor."""
        with self._opening():
            if self._connected:
                self._database.rollback()
            else:
                self._connect()
            self._epoch = epoch
            self._database.begin(snapshot=True)
            return self._cursor().seq

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """Nothing is written yet, so what is refused is no event's fault."""
        try:
            with self._database.judging():
                yield
        except BadRow as why:
            raise TargetAway(str(why)) from why

    def _connect(self) -> None:
        self._database.connect()
        self._connected = True

    def write(self, batch: Batch) -> None:
        """One transaction: the cursor locked and where it should be, rows, marks, the cursor moved."""
        with self._database.judging():
            self._database.rollback()
            self._database.begin()
            self._lock(batch.after)
            self._put(batch)
            moved = self._database.execute(
                f'UPDATE "{CURSOR}" SET seq = %s WHERE id = 1 AND seq = %s AND epoch = %s',
                (batch.upto, batch.after, self._epoch),
            )
            if moved != 1:
                raise TargetAway(f"the cursor was no longer at {batch.after}")
            self._database.commit()
            self._used_ns = time.monotonic_ns()

    def _cursor(self, lock: bool = False) -> Cursor:
        cursor = read_cursor(self._database, lock)
        if cursor is None:
            raise TargetAway("table cursor has no row")
        return checked(cursor, self._epoch)

    def _lock(self, after: int | None = None) -> Cursor:
        cursor = self._cursor(lock=True)
        if after is not None and cursor.seq != after:
            raise TargetAway(f"the cursor is at {cursor.seq}, not {after}: another writer is at work")
        return cursor

    def _put(self, batch: Batch) -> None:
        """Every row of a batch whose events the tables do not have."""
        database = self._database
        if EVENTS in self.tables:
            database.insert(EVENTS, (self._text.rows(EVENTS, part, batch.catalog) for part in parts(batch)))
        if TRADES in self.tables and EVENTS in self.tables:
            # What stands there already: the server copies it in a third of the time in which it reads a row's text.
            names = ", ".join(f'"{name}"' for name in TRADE_COLUMNS if name != BUSTED_SEQ)
            database.execute(
                f'INSERT INTO "{TRADES}" ({names}) SELECT {names} FROM "{EVENTS}"'
                " WHERE seq > %s AND seq <= %s AND type = 'trade'",
                (batch.after, batch.upto),
            )
        elif TRADES in self.tables:
            database.insert(TRADES, (self._text.rows(TRADES, part, batch.catalog) for part in parts(batch)))
        if LEDGER in self.tables:
            database.insert(LEDGER, (ledger_text(part, batch.catalog, database.style) for part in parts(batch)))
        if ORDERS in self.tables:
            self._change_orders(batch)
        self._mark(batch)

    def _change_orders(self, batch: Batch) -> list[int]:
        """Bring the rows of orders up to date; those that were not there."""
        before, after = changed(batch.events, StoredOrders(self._database, batch.catalog))
        fields = order_fields(after, batch.catalog)
        self._database.upsert(ORDERS, rows_of(ORDERS, fields, self._database.values, every=True))
        new: list[int] = after["order_id"][before["order_id"] == 0].tolist()
        return new

    def _mark(self, batch: Batch) -> int:
        """Mark the trades that were taken back; how many were not marked yet."""
        if TRADES not in self.tables:
            return 0
        statement = f'UPDATE "{TRADES}" SET {BUSTED_SEQ} = %s WHERE seq = %s AND {BUSTED_SEQ} IS NULL'
        return sum(self._database.execute(statement, (by, trade)) for trade, by in batch.busts)

    def resend(self, batch: Batch) -> int:
        """One transaction: what the tables lack, row by row. The cursor is locked meanwhile, so nobody writes."""
        missing: set[int] = set()
        with self._database.judging():
            self._database.rollback()
            self._database.begin()
            if self._lock().seq < batch.upto:
                raise TargetAway(f"the cursor has not come to {batch.upto}")
            for table in self.tables:
                if table == ORDERS:
                    missing.update(self._change_orders(batch))
                else:
                    missing.update(self._put_missing(table, batch))
            self._mark(batch)
            self._database.commit()
        return len(missing)

    def _put_missing(self, table: str, batch: Batch) -> list[int]:
        """Add the rows that a table lacks; the sequences of their events."""
        key = KEYS[table]
        names = ", ".join(key)
        query = f'SELECT {names} FROM "{table}" WHERE seq > %s AND seq <= %s'
        held = set(self._database.fetch(query, (batch.after, batch.upto)))
        if table == LEDGER:
            fields = ledger_fields(batch.events, batch.catalog)
        else:
            fields = batch.fields if table == EVENTS else batch.trades
        lost = [row for row in fields if tuple(row[name] for name in key) not in held]
        self._database.insert(table, [rows_of(table, lost, self._database.style)])
        return [row["seq"] for row in lost]

    def held_from(self) -> int:
        """Everything."""
        return 1

    def read(self, table: str, first: int, last: int) -> Iterator[Row]:
        """Rows in the order of the key, a page at a time."""
        columns = ALL_COLUMNS[table]
        while first <= last:
            with self._database.judging():
                page = self._page(table, first, last, PAGE)
            whole = len(page) < PAGE
            # Of the last event there may be more lines than the page has room for.
            found = page if whole else [values for values in page if values[0] != page[-1][0]]
            for values in found:
                yield {name: value for name, value in zip(columns, values, strict=True) if value is not None}
            if whole:
                return
            first = page[-1][0]

    def _page(self, table: str, first: int, last: int, most: int) -> list[tuple[Any, ...]]:
        names = ", ".join(f'"{name}"' for name in ALL_COLUMNS[table])
        key = KEYS[table]
        within, order = f"{key[0]} >= %s AND {key[0]} <= %s", ", ".join(key)
        query = f'SELECT {names} FROM "{table}" WHERE {within} ORDER BY {order} LIMIT {most}'
        return self._database.fetch(query, (first, last))

    def idle(self, now_ns: int) -> None:
        """Let neither side take the other for gone."""
        if now_ns - self._used_ns >= ALIVE_NS:
            self._used_ns = now_ns
            with self._database.judging():
                self._database.fetch("SELECT 1")
                self._database.rollback()

    def close(self) -> None:
        """Let go of the connection."""
        self._connected = False
        self._database.close()


def parts(batch: Batch) -> Iterator[NDArray[np.void]]:
    """The events of a batch, a piece at a time."""
    for low in range(0, len(batch.events), PIECE):
        yield batch.events[low : low + PIECE]


class StoredOrders:
    """The rows of orders, as the database has them: `Known` to the fold."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog

    def rows(self, ids: I64) -> NDArray[np.void]:
        """Of `Known`."""
        found = np.zeros(len(ids), ORDER)
        columns = ALL_COLUMNS[ORDERS]
        names = ", ".join(f'"{name}"' for name in columns)
        for low in range(0, len(ids), PAGE):
            part = ids[low : low + PAGE].tolist()
            listed = ", ".join(map(str, part))
            for values in self._database.fetch(f'SELECT {names} FROM "{ORDERS}" WHERE order_id IN ({listed})'):
                row = {name: value for name, value in zip(columns, values, strict=True) if value is not None}
                found[np.searchsorted(ids, row["order_id"])] = order_of(row, self._catalog)
        return found

    def order_id(self, account: int, client_id: int) -> int:
        """Of `Known`."""
        query = f'SELECT order_id FROM "{ORDERS}" WHERE account = %s AND client_id = %s'
        return max((int(order_id) for (order_id,) in self._database.fetch(query, (account, client_id))), default=0)
