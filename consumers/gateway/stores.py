"""The stores that other consumers write, opened read-only: each once a process, as LMDB wants it."""

import time
from pathlib import Path
from typing import Any

import lmdb

from consumers.balances import store as balances
from consumers.marketdata import store as marketdata
from consumers.orders import store as orders
from consumers.store import StoreError, StoreView
from consumers.stored import LISTED, store_path

START_S = 60.0  # a store that is being made is waited for so long at the start
_TABLES = {
    marketdata.NAME: marketdata.TABLES,
    orders.NAME: (*orders.TABLES, LISTED),
    balances.NAME: (*balances.TABLES, LISTED),
}


class Stores:
    """Views by consumer. One that was moved aside and made again is opened again."""

    def __init__(self, data: Path, epoch: int) -> None:
        self._data = data
        self._epoch = epoch
        self._views: dict[str, tuple[int, StoreView]] = {}  # with the file that it is a view of
        self._tables: dict[str, Any] = {}

    def market(self) -> StoreView:
        """Market data. Raises StoreError, lmdb.Error."""
        return self._view(marketdata.NAME)

    def orders(self) -> tuple[StoreView, orders.OrderTables]:
        """Orders, fills, client ids. Raises StoreError, lmdb.Error."""
        view = self._view(orders.NAME)
        if orders.NAME not in self._tables:
            self._tables[orders.NAME] = orders.OrderTables(view)
        return view, self._tables[orders.NAME]

    def balances(self) -> tuple[StoreView, balances.BalanceTables]:
        """Balances and ledger. Raises StoreError, lmdb.Error."""
        view = self._view(balances.NAME)
        if balances.NAME not in self._tables:
            self._tables[balances.NAME] = balances.BalanceTables(view)
        return view, self._tables[balances.NAME]

    def wait_for_all(self) -> None:
        """At the start: until all are there, and of this history. Raises StoreError."""
        deadline = time.monotonic() + START_S
        for name in _TABLES:
            while not self._is_there(name):
                if time.monotonic() > deadline:
                    raise StoreError(f"{store_path(self._data, name)}: not there within {START_S:.0f} s")
                time.sleep(0.02)

    def _is_there(self, name: str) -> bool:
        try:
            return self._view(name).cursor()[0] in (0, self._epoch)
        except (StoreError, lmdb.Error):
            return False

    def _view(self, name: str) -> StoreView:
        path = store_path(self._data, name)
        try:
            file = (path / "data.mdb").stat().st_ino
        except FileNotFoundError:
            file = 0
        known = self._views.get(name)
        if known is not None and known[0] == file:
            return known[1]
        if known is not None:
            self._forget(name)
        view = StoreView(path)
        try:
            for table in _TABLES[name]:
                view.db(table)
        except (StoreError, lmdb.Error):
            view.close()
            raise
        self._views[name] = (file, view)
        return view

    def _forget(self, name: str) -> None:
        self._tables.pop(name, None)
        self._views.pop(name)[1].close()

    def close(self) -> None:
        """Close what is open."""
        for name in list(self._views):
            self._forget(name)
