"""A consumer's LMDB environment, with its cursor row in the same transaction as its effects.

A commit is one function that puts rows: ``store.commit(sequence, write)`` calls ``write(txn)`` and adds the
cursor row (epoch, sequence) before it commits. If the map is full the transaction is dead; the store aborts
it, enlarges the map and calls ``write`` again, so ``write`` must only put what the consumer holds in memory
(and not change that memory).

Open a Store after the fork, in the consumer's ``open``; never at import.

Without ``sync`` a commit survives every process but not the host: what LMDB wrote may then have reached the disk in any
order. So a store that is open without it carries the mark ``unsynced`` with the host's boot; one that is found with
the mark of an earlier boot is not trusted, moved aside and made again from the journal.
"""

import logging
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import lmdb

log = logging.getLogger(__name__)

# lmdb 3.0 bundles two incompatible file formats; 0 is LMDB 0.9's, the one every other tool reads.
LIB_VERSION = 0
MAP_SIZE = 1 << 40  # address space, not disk: costs nothing, and map-full stays an emergency
MAX_DBS = 32
CURSOR_DB = b"cursor"
CURSOR_KEY = b"cursor"
CURSOR_ROW = struct.Struct("<qq")  # epoch, sequence
# What LMDB says of a file that it can't be read as one: the file is moved aside and made again.
_DAMAGED = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.VersionMismatchError)
UNSYNCED = "unsynced"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class StoreError(Exception):
    """A store cannot be used as it stands; the message names its path and says why."""


def encode_key(*parts: int) -> bytes:
    """Big-endian unsigned 64-bit parts: keys sort as the tuples of integers do. Parts must be >= 0."""
    return struct.pack(f">{len(parts)}Q", *parts)


def decode_key(key: bytes) -> tuple[int, ...]:
    """The inverse of encode_key."""
    return struct.unpack(f">{len(key) // 8}Q", key)


def move_aside(path: Path, why: str) -> Path | None:
    """Rename a store that is not of this history, so that it is rebuilt; nothing is deleted.

    Returns the new path, or None where there was no store.
    """
    if not path.exists():
        return None
    target = path.with_name(f"{path.name}.aside-{time.time_ns()}")
    path.rename(target)
    log.warning("store %s moved aside to %s and rebuilt: %s", path, target.name, why)
    return target


def _read_cursor(env: lmdb.Environment, dbs: dict[bytes, Any]) -> tuple[int, int] | None:
    with env.begin(db=dbs[CURSOR_DB]) as txn:
        row = txn.get(CURSOR_KEY)
    return None if row is None else CURSOR_ROW.unpack(row)


def outlived_host(path: Path) -> bool:
    """Whether the store was open without syncs when an earlier boot of this host ended."""
    mark = path / UNSYNCED
    return mark.exists() and mark.read_text() != BOOT_ID.read_text()


def _mark_unsynced(path: Path) -> None:
    """Leave the mark, whole and safe on the disk before the first write that it speaks of."""
    mark, boot = path / UNSYNCED, BOOT_ID.read_text()
    if mark.exists() and mark.read_text() == boot:
        return
    fresh = mark.with_suffix(".new")
    with fresh.open("w") as file:
        file.write(boot)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(mark)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Store:
    """The writing side: one process, one environment.

    ``path``: a folder, made where missing. ``epoch``: of the history it is a fold of; a store of another epoch
    is moved aside. ``dbs``: names of the tables. ``sync``: fdatasync at each commit (durability ``fsync``);
    without it a commit survives the death of any process, not of the host.
    """

    def __init__(
        self, path: Path, epoch: int, dbs: tuple[str, ...] = (), sync: bool = False, map_size: int = MAP_SIZE
    ) -> None:
        self.path = Path(path)
        self.epoch = epoch
        self._names = (CURSOR_DB, *(name.encode() for name in dbs))
        self._sync = sync
        self._map_size = map_size
        if outlived_host(self.path):
            move_aside(self.path, "the host went down while it was open without syncs")
        try:
            self._open()
            found = _read_cursor(self._env, self._dbs)
        except _DAMAGED as error:
            move_aside(self.path, f"it is damaged: {error}")
            self._open()
            found = None
        if found is not None and found[0] != epoch:
            self._env.close()
            move_aside(self.path, f"it is of epoch {found[0]}, the history here is of epoch {epoch}")
            self._open()
            found = None
        self.sequence = 0 if found is None else found[1]
        self._txn: lmdb.Transaction | None = None

    def _open(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        if not self._sync:
            _mark_unsynced(self.path)
        self._env = lmdb.open(
            str(self.path),
            map_size=self._map_size,
            max_dbs=MAX_DBS,
            lib_version=LIB_VERSION,
            sync=self._sync,
            max_spare_txns=4,
            metasync=self._sync,
        )
        self._env.reader_check()  # a reader that was killed would pin old pages for ever
        self._dbs: dict[bytes, Any] = {name: self._env.open_db(name) for name in self._names}

    def db(self, name: str) -> Any:
        """Handle of a table named at construction, for ``txn.put(key, value, db=…)``."""
        return self._dbs[name.encode()]

    @contextmanager
    def read(self) -> Iterator[lmdb.Transaction]:
        """A read transaction over what is committed."""
        with self._env.begin() as txn:
            yield txn

    def commit(self, sequence: int, write: Callable[[lmdb.Transaction], None] | None = None) -> None:
        """Put everything that ``write(txn)`` puts, and the cursor at ``sequence``, in one transaction.

        Raises lmdb.Error where it can't be made; the store then is as it was before, and its owner must end.
        """
        if sequence < self.sequence:
            raise StoreError(f"{self.path}: commit of {sequence} behind the cursor {self.sequence}")
        while True:
            txn = self._env.begin(write=True)
            try:
                if write is not None:
                    write(txn)
                txn.put(CURSOR_KEY, CURSOR_ROW.pack(self.epoch, sequence), db=self._dbs[CURSOR_DB])
                txn.commit()
            except lmdb.MapFullError:
                txn.abort()
                self._grow()
                continue
            except BaseException:
                txn.abort()
                raise
            self.sequence = sequence
            return

    def _grow(self) -> None:
        self._map_size = max(self._map_size, self._env.info()["map_size"]) * 2
        self._env.set_mapsize(self._map_size)
        log.warning("store %s: map was full, now %d bytes", self.path, self._map_size)

    def close(self, others_write: bool = False) -> None:
        """Close the environment; an open read transaction must have ended. others_write: other processes go on."""
        self._env.sync(True)
        self._env.close()
        if not others_write:
            (self.path / UNSYNCED).unlink(missing_ok=True)

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StoreView:
    """A store opened read-only by another process, as the query verbs do; it may be written meanwhile.

    Raises StoreError if there is no store at ``path``, or one that a crash of the host may have spoilt.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not (self.path / "data.mdb").exists():
            raise StoreError(f"{self.path}: no store there (has the pipeline run with this data directory?)")
        if outlived_host(self.path):
            raise StoreError(f"{self.path}: was open when the host went down; the next `up` makes it again")
        self._env = lmdb.open(
            str(self.path),
            readonly=True,
            map_size=MAP_SIZE,
            max_dbs=MAX_DBS,
            lib_version=LIB_VERSION,
            max_spare_txns=4,
        )
        self._dbs: dict[bytes, Any] = {}
        self.db("cursor")  # a handle opened inside a snapshot would not be known to it

    def db(self, name: str) -> Any:
        """Handle of a table; StoreError where the store has none of that name."""
        key = name.encode()
        if key not in self._dbs:
            try:
                self._dbs[key] = self._env.open_db(key, create=False)
            except lmdb.NotFoundError:
                raise StoreError(f"{self.path}: no table {name!r}") from None
        return self._dbs[key]

    @contextmanager
    def snapshot(self) -> Iterator[lmdb.Transaction]:
        """A read transaction: everything read in it is of one commit. Open table handles (``db``) before."""
        try:
            txn = self._env.begin()
        except lmdb.MapResizedError:
            self._env.set_mapsize(0)
            txn = self._env.begin()
        with txn:
            yield txn

    def cursor(self, txn: lmdb.Transaction | None = None) -> tuple[int, int]:
        """(epoch, sequence) of the last commit, or as of the snapshot ``txn``; (0, 0) where nothing is committed."""
        handle = self.db("cursor")
        if txn is not None:
            row = txn.get(CURSOR_KEY, db=handle)
            return (0, 0) if row is None else CURSOR_ROW.unpack(row)
        with self.snapshot() as own:
            row = own.get(CURSOR_KEY, db=handle)
        return (0, 0) if row is None else CURSOR_ROW.unpack(row)

    @property
    def sequence(self) -> int:
        """Last committed sequence now."""
        return self.cursor()[1]

    def copy(self, folder: Path) -> None:
        """Put a copy, as of one commit, into an empty folder; the store may be written meanwhile."""
        self._env.copy(str(folder), compact=True)

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def __enter__(self) -> "StoreView":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
