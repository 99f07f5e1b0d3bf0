"""Many small rows in one LMDB value: fewer, larger puts (64 balances a value instead of one).

Row ``key`` stands in the value of page ``key // rows_per_page``. A row never written reads as zeros.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]


class Packing:
    """How the rows of one named database are packed."""

    def __init__(self, db: Any, dtype: np.dtype[Any], rows_per_page: int) -> None:
        assert rows_per_page & (rows_per_page - 1) == 0
        self.db = db
        self.dtype = dtype
        self.rows_per_page = rows_per_page

    def row(self, txn: Any, key: int, prefix: bytes = b"") -> NDArray[np.void]:
        """One row as an array of one; zeros where it was never written."""
        value = txn.get(prefix + (key // self.rows_per_page).to_bytes(8, "big"), db=self.db)
        if value is None:
            return np.zeros(1, self.dtype)
        at = key % self.rows_per_page
        return np.frombuffer(value, self.dtype)[at : at + 1].copy()

    def scan(self, txn: Any, prefix: bytes = b"") -> Any:
        """Yield (first key, rows) of each page under `prefix`, ascending."""
        with txn.cursor(db=self.db) as cursor:
            found = cursor.set_range(prefix) if prefix else cursor.first()
            while found:
                key, value = cursor.item()
                if not key.startswith(prefix):
                    return
                yield int.from_bytes(key[len(prefix) :], "big") * self.rows_per_page, np.frombuffer(value, self.dtype)
                found = cursor.next()


class Window:
    """The pages around some keys, read once; `rows` are the keys' rows, to be changed and put back."""

    def __init__(self, packing: Packing, txn: Any, keys: I64, prefix: bytes = b"") -> None:
        """keys: i64, sorted, each once, none negative."""
        self.packing = packing
        self.prefix = prefix
        per_page = packing.rows_per_page
        self.pages, page_of_key = np.unique(keys // per_page, return_inverse=True)
        self._buffer = np.zeros(len(self.pages) * per_page, packing.dtype)
        self._at = page_of_key * per_page + keys % per_page
        for i, page in enumerate(self.pages.tolist()):
            value = txn.get(prefix + page.to_bytes(8, "big"), db=packing.db)
            if value is not None:
                self._buffer[i * per_page : (i + 1) * per_page] = np.frombuffer(value, packing.dtype)
        self.rows = self._buffer[self._at]

    def put(self, txn: Any) -> None:
        """Write every page with the rows as they are now."""
        self._buffer[self._at] = self.rows
        per_page = self.packing.rows_per_page
        for i, page in enumerate(self.pages.tolist()):
            value = self._buffer[i * per_page : (i + 1) * per_page].tobytes()
            txn.put(self.prefix + page.to_bytes(8, "big"), value, db=self.packing.db)


class Log:
    """Fixed rows by index, appended in blocks of whatever one commit brings, at most `BLOCK` rows each.

    A block's key is its first row's index, so nothing is rewritten when the next commit comes.
    """

    BLOCK = 4096

    def __init__(self, db: Any, dtype: np.dtype[Any]) -> None:
        self.db = db
        self.dtype = dtype

    def length(self, txn: Any) -> int:
        """Rows written so far = the next row's index."""
        with txn.cursor(db=self.db) as cursor:
            if not cursor.last():
                return 0
            key, value = cursor.item()
            return int.from_bytes(key, "big") + len(value) // self.dtype.itemsize

    def append(self, txn: Any, first: int, rows: NDArray[np.void]) -> None:
        """Write rows `first`…; `first` must be the length."""
        assert rows.dtype == self.dtype
        for at in range(0, len(rows), self.BLOCK):
            block = rows[at : at + self.BLOCK]
            appended = txn.put((first + at).to_bytes(8, "big"), block.tobytes(), db=self.db, append=True)
            assert appended, f"row {first + at} is not behind the last one"

    def block(self, txn: Any, index: int) -> tuple[int, NDArray[np.void]]:
        """The block that holds row `index`: (its first index, its rows). Raises KeyError past the end."""
        with txn.cursor(db=self.db) as cursor:
            key = index.to_bytes(8, "big")
            if not (cursor.set_range(key) and cursor.key() == key) and not (
                cursor.prev() if cursor.key() else cursor.last()
            ):
                raise KeyError(index)
            first = int.from_bytes(cursor.key(), "big")
            rows = np.frombuffer(cursor.value(), self.dtype).copy()
        if not first <= index < first + len(rows):
            raise KeyError(index)
        return first, rows

    def replace(self, txn: Any, first: int, rows: NDArray[np.void]) -> None:
        """Write a block back whose rows were marked (a bust marks a fill)."""
        txn.put(first.to_bytes(8, "big"), rows.tobytes(), db=self.db)

    def chain(self, txn: Any, last: int, limit: int) -> NDArray[np.void]:
        """Up to `limit` rows from `last` back along `prev`, newest first."""
        found: list[NDArray[np.void]] = []
        first, rows = 0, np.zeros(0, self.dtype)
        index = last
        while index >= 0 and len(found) < limit:
            if not first <= index < first + len(rows):
                first, rows = self.block(txn, index)
            found.append(rows[index - first : index - first + 1])
            index = int(rows["prev"][index - first])
        return np.concatenate(found) if found else np.zeros(0, self.dtype)

    def find(self, txn: Any, last: int, seq: int) -> tuple[int, NDArray[np.void], int] | None:
        """The row of that `seq` on the chain that ends at `last`: (its block's first index, the block, place in it)."""
        first, rows = 0, np.zeros(0, self.dtype)
        index = last
        while index >= 0:
            if not first <= index < first + len(rows):
                first, rows = self.block(txn, index)
            if rows["seq"][index - first] == seq:
                return first, rows, index - first
            index = int(rows["prev"][index - first])
        return None

    def of_sequence(self, txn: Any, seq: int) -> NDArray[np.void]:
        """The rows with this `seq`: rows stand in sequence, so by halving."""
        low, high = 0, self.length(txn)
        found: list[NDArray[np.void]] = []
        while low < high:
            first, rows = self.block(txn, (low + high) // 2)
            if rows["seq"][-1] < seq:
                low = first + len(rows)
            elif rows["seq"][0] > seq:
                high = first
            else:  # blocks hold whole commits, cut at BLOCK rows: a sequence may go on in the block after
                found.append(rows[rows["seq"] == seq])
                at = first + len(rows)
                while at < high and (rows := self.block(txn, at)[1])["seq"][0] == seq:
                    found.append(rows[rows["seq"] == seq])
                    at += len(rows)
                while first > 0 and (before := self.block(txn, first - 1))[1]["seq"][-1] == seq:
                    first, rows = before
                    found.insert(0, rows[rows["seq"] == seq])
                break
        return np.concatenate(found) if found else np.zeros(0, self.dtype)

    def scan(self, txn: Any) -> Any:
        """Yield (first index, rows) of each block, ascending."""
        with txn.cursor(db=self.db) as cursor:
            for key, value in cursor:
                yield int.from_bytes(key, "big"), np.frombuffer(value, self.dtype)
