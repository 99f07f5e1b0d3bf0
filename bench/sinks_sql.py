"""Trades a second into MariaDB and PostgreSQL: one sink's target, a private server, both on this host.

Each trade is an event of its own, of a hundred symbols and a thousand accounts, already in memory: what is measured
is the text made of it, the transaction, and the server.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.conditions import conditions
from config.catalog import Catalog
from config.instruments import build_catalog
from config.settings import SinkSettings
from consumers.sinks.kinds import open_target
from consumers.sinks.row_text import EventText, Rows
from consumers.sinks.tables import Tables, parts
from consumers.sinks.target import Batch
from ringbuf.codes import FLAG_LAST, NO_ID, EventType
from ringbuf.records import EVENT
from tests.servers import mariadb, postgresql

TRADES, TRADES_QUICK = 120_000, 20_000
RUNS, RUNS_QUICK = 3, 1
SYMBOLS, ACCOUNTS = 100, 1_000


class Case(NamedTuple):
    """What is measured: a server with its options, the tables, and the events of a transaction.

    ready: the text is made beforehand, so that what remains is the server's own limit for such statements.
    """

    name: str
    server: str
    options: tuple[str, ...]
    tables: str
    batch: int
    ready: bool = False


# Without options every commit is on the disk when it is acknowledged.
_LAZY = ("--innodb-flush-log-at-trx-commit=2",)
CASES = (
    Case("mariadb, trades, 1 000 a commit", "mariadb", (), "trades", 1_000),
    Case("mariadb, trades, 5 000 a commit", "mariadb", (), "trades", 5_000),
    Case("mariadb, trades, 20 000 a commit", "mariadb", (), "trades", 20_000),
    Case("mariadb, trades, 5 000 a commit, the log written once a second", "mariadb", _LAZY, "trades", 5_000),
    Case("mariadb, trades, 5 000 a commit, text ready beforehand", "mariadb", (), "trades", 5_000, ready=True),
    Case("mariadb, events and trades, 5 000 a commit", "mariadb", (), "events,trades", 5_000),
    Case("mariadb, all tables, 5 000 a commit", "mariadb", (), "events,trades,orders,ledger", 5_000),
    Case("postgresql, trades, 5 000 a commit", "postgresql", (), "trades", 5_000),
    Case("postgresql, events and trades, 5 000 a commit", "postgresql", (), "events,trades", 5_000),
    Case("postgresql, all tables, 5 000 a commit", "postgresql", (), "events,trades,orders,ledger", 5_000),
)
SERVERS = {"mariadb": (mariadb, "mysql"), "postgresql": (postgresql, "postgresql")}


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """{case: {trades_per_s, client_us_per_trade, missing}, conditions}; `missing` says why a server was not there."""
    count, runs = (TRADES_QUICK, RUNS_QUICK) if quick else (TRADES, RUNS)
    catalog, events = trades(count)
    found: dict[str, Any] = {}
    for case in CASES:
        module, kind = SERVERS[case.server]
        if why := module.missing():
            found[case.name] = {"missing": why}
            tell(f"{case.name}: {why}")
            continue
        with tempfile.TemporaryDirectory(prefix="matchline-bench-") as folder:
            server = module.start(Path(folder) / "server", case.options)
            try:
                rates = [write(server, kind, case, events, catalog) for _ in range(runs)]
            finally:
                server.stop()
        found[case.name] = {
            "trades_per_s": round(statistics.median(rate for rate, _ in rates)),
            "client_us_per_trade": round(statistics.median(client for _, client in rates), 2),
        }
        tell(
            "{}: {trades_per_s:,} trades/s, {client_us_per_trade} µs of them here".format(case.name, **found[case.name])
        )
    return {**found, "conditions": conditions(quick=quick, trades=count, runs=runs)}


def write(server: Any, kind: str, case: Case, events: NDArray[np.void], catalog: Catalog) -> tuple[float, float]:
    """(trades a second, µs of processor time a trade in this process) into tables that are empty at first."""
    for table in (*case.tables.split(","), "cursor"):
        with server.connect() as connection, connection.cursor() as cursor:
            quote = "`" if kind == "mysql" else '"'
            cursor.execute(f"DROP TABLE IF EXISTS {quote}{table}{quote}")
            connection.commit()
    target = open_target(SinkSettings("bench", kind, server.url, tables=case.tables), Path())
    assert isinstance(target, Tables)
    at = target.open(epoch=1)
    lows = range(at, len(events), case.batch)
    batches = [Batch(part := events[low : low + case.batch], low, low + len(part), catalog) for low in lows]
    if case.ready:
        target._text = Ready(target._text, batches, catalog)
    begun, used = time.perf_counter(), time.process_time()
    for batch in batches:
        target.write(batch)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    target.close()
    return len(events) / seconds, used / len(events) * 1e6


class Ready:
    """In the place of `EventText`: rows of `trades` that are made already."""

    def __init__(self, text: EventText, batches: list[Batch], catalog: Catalog) -> None:
        pieces = (part for batch in batches for part in parts(batch))
        self._rows = {int(part["seq"][0]): text.rows("trades", part, catalog) for part in pieces}

    def rows(self, table: str, events: NDArray[np.void], catalog: Catalog) -> Rows:
        """Of `EventText`."""
        return self._rows[int(events["seq"][0])]


def trades(count: int) -> tuple[Catalog, NDArray[np.void]]:
    """So many trades (EVENT), and the catalog that they are of."""
    terms = {"tick_size": "0.01", "lot_size": "0.0001", "price_min": "0.01", "price_max": "200000"}
    fees = {"maker_fee_ppm": 100, "taker_fee_ppm": 200}
    assets = [{"name": "USDT", "decimals": 6}, *({"name": f"A{i}", "decimals": 8} for i in range(SYMBOLS))]
    pairs = [{"symbol": f"A{i}-USDT", "base": f"A{i}", "quote": "USDT", **terms, **fees} for i in range(SYMBOLS)]
    catalog = build_catalog({"asset": assets, "instrument": pairs})
    rng = np.random.default_rng(1)
    events = np.zeros(count, EVENT)
    events["seq"] = np.arange(1, count + 1)
    events["ts_ns"] = 1_700_000_000_000_000_000 + events["seq"] * 1_000
    events["type"], events["flags"], events["request_id"] = EventType.TRADE, FLAG_LAST, NO_ID
    events["side"] = rng.integers(0, 2, count)
    events["symbol"] = rng.integers(0, SYMBOLS, count)
    events["account"], events["maker_account"] = rng.integers(1, ACCOUNTS, (2, count))
    events["client_id"] = events["order_id"] = events["seq"] * 3
    events["maker_order_id"] = events["order_id"] - rng.integers(1, 9_999, count)
    events["price_ticks"] = rng.integers(100_000, 9_000_000, count)
    for name in ("qty_lots", "leaves_lots", "maker_leaves_lots"):
        events[name] = rng.integers(1, 99_999, count)
    events["fee"], events["maker_fee"] = rng.integers(1, 99_999_999, (2, count))
    return catalog, events
