"""A consumer whose whole effect is a fold into its own LMDB store: what orders, balances, settlement share.

`apply` only collects; the fold runs once per commit over everything collected, inside the transaction
that also moves the cursor. So an effect and its cursor cannot part, and larger commits coalesce more.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from consumers.funds import InstrumentTable, listed_events
from consumers.store import Store, StoreView, encode_key
from ringbuf.records import EVENT

LISTED = "listed"  # table of the listing events, key = sequence


class Tables(Protocol):
    """What both Store and StoreView give: handles by table name."""

    def db(self, name: str) -> Any:
        """Handle of one table."""


class Fold(Protocol):
    """The consumer's own part."""

    def write(self, txn: Any, events: NDArray[np.void], instruments: InstrumentTable) -> None:
        """Put what `events` do. May run again with the same arguments on the state before them."""

    def idle(self, now_ns: int) -> None:
        """Nothing to read at present."""

    def close(self) -> None:
        """Last chance to act on what is committed."""


class StoredConsumer:
    """Runs a Fold on the consumer runtime. `fold_on(store, context)` makes it once the store is open."""

    def __init__(self, name: str, tables: tuple[str, ...], fold_on: Callable[[Store, Any], Fold]) -> None:
        self.name = name
        self._tables = (*tables, LISTED)
        self._fold_on = fold_on
        self._pending: list[NDArray[np.void]] = []
        self.instruments = InstrumentTable()

    def open(self, context: Any) -> int:
        """Open the store; returns the sequence it stands at."""
        self._pending.clear()
        self.instruments = InstrumentTable()  # a store that was moved aside begins anew
        self.store = open_store(context, self.name, self._tables)
        with self.store.read() as txn:
            self.instruments.fold(read_listed(txn, self.store))
        self.fold = self._fold_on(self.store, context)
        return self.store.sequence

    def apply(self, events: NDArray[np.void]) -> None:
        """Take a batch; it is folded at the commit."""
        self._pending.append(events)

    def commit(self, sequence: int) -> None:
        """Fold what was taken and move the cursor, in one transaction."""
        events = np.concatenate(self._pending) if self._pending else np.zeros(0, EVENT)
        listed = listed_events(events)
        self.instruments.fold(listed)

        def write(txn: Any) -> None:
            put_listed(txn, self.store, listed)
            if len(events):
                self.fold.write(txn, events, self.instruments)

        self.store.commit(sequence, write)
        self._pending.clear()

    def idle(self, now_ns: int) -> None:
        """Pass it on."""
        self.fold.idle(now_ns)

    def close(self) -> None:
        """Close the store."""
        self.fold.close()
        self.store.close()


def store_path(data: Path, name: str) -> Path:
    """Where a consumer's store lies."""
    return Path(data) / "stores" / name


def open_store(context: Any, name: str, tables: tuple[str, ...]) -> Store:
    """A consumer's store as the settings say: synced at each commit where the mode promises to survive power loss."""
    settings = context.settings
    path, sync = store_path(context.data, name), settings.engine.durability == "fsync"
    return Store(path, context.epoch, tables, sync, settings.consumers.map_gb << 30)


def put_listed(txn: Any, store: Tables, listed: Iterable[np.void]) -> None:
    """Keep listing events (EVENT) for the next start."""
    for event in listed:
        txn.put(encode_key(int(event["seq"])), event.tobytes(), db=store.db(LISTED))


def read_listed(txn: Any, store: Tables) -> NDArray[np.void]:
    """Every listing event that a store has seen (EVENT), in sequence."""
    with txn.cursor(db=store.db(LISTED)) as cursor:
        return np.frombuffer(b"".join(bytes(value) for _, value in cursor), EVENT)


def read_catalog(txn: Any, store: StoreView) -> Catalog:
    """Names and scales of all that a store has seen listed."""
    return Catalog.from_events(read_listed(txn, store))
