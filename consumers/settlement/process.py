"""Step 7 of nine: what each account owes and is owed per day, fees, volumes, statements, as files too.

This process keeps the sums and writes the small files (CSV, JSON) itself. Parquet is written by a short-lived child
once the day is over (`python -m consumers.settlement.files`) and by `report day`: the library for it would cost
this process 170 MB for good.
"""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from consumers.funds import InstrumentTable
from consumers.runtime import run
from consumers.settlement.reports import day_report, day_tables, day_text, is_final, write_files
from consumers.settlement.store import NAME, TABLES, SettlementFold, SettlementTables, day_starts
from consumers.store import Store
from consumers.stored import StoredConsumer, read_listed

log = logging.getLogger(__name__)

REFRESH_NS = 10_000_000_000  # how often the running day's files are renewed
ROOT = Path(__file__).resolve().parents[2]


class Settlement:
    """The fold, and the files of days that are over or have changed."""

    def __init__(self, store: Store, data: Path) -> None:
        self._store = store
        self._data = data
        self._fold = SettlementFold(store)
        self._changed = True  # after a start, nobody knows what the last run still wrote
        self._next_ns = 0
        self._child: subprocess.Popen[bytes] | None = None

    def write(self, txn: Any, events: NDArray[np.void], instruments: InstrumentTable) -> None:
        """Add a batch to its days."""
        self._fold.write(txn, events, instruments)
        self._changed = True

    def idle(self, now_ns: int) -> None:
        """Renew the files now and then, when there is nothing better to do."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        if self._changed and now_ns >= self._next_ns:
            self._next_ns = now_ns + REFRESH_NS
            self._write_files()

    def close(self) -> None:
        """Leave the files as of the last commit."""
        if self._changed:
            self._write_files()
        if self._child is not None:
            self._child.wait()

    def _write_files(self) -> None:
        """Finished days that have no final files, and the running one."""
        finished = []
        with self._store.read() as txn:
            catalog = Catalog.from_events(read_listed(txn, self._store))
            tables = SettlementTables(self._store)
            days = [day for day in day_starts(txn, tables)[:, 0].tolist() if day > 0]
            for day in days:
                final = day != days[-1]
                if final and is_final(self._data, day):
                    continue
                rows = day_tables(txn, tables, catalog, day)
                write_files(self._data, day, day_report(txn, tables, catalog, day), rows, final, parquet=False)
                finished += [day_text(day)] if final else []
        self._changed = False
        if finished and self._child is None:
            command = [sys.executable, "-m", "consumers.settlement.files", str(self._data.resolve()), *finished]
            self._child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            log.info("settlement: files of %s written", ", ".join(finished))


def consumer() -> StoredConsumer:
    """The settlement consumer, not yet opened."""

    def fold_on(store: Store, context: Any) -> Settlement:
        return Settlement(store, Path(context.data))

    return StoredConsumer(NAME, TABLES, fold_on)


def main(context: Any) -> int:
    """Run until told to stop; the exit code."""
    return run(consumer(), context)
