"""LMDB under faults: a real environment on tmpfs, whose owner dies before, within or after a commit."""

import os
from pathlib import Path
from typing import Any

import lmdb

from tests.simulation.disk import Disk, When

METAS = 2 * 4096  # LMDB's two meta pages: what a commit writes last


class SimulatedLmdb:
    """`lmdb`, whose environments end with their process."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.copies: dict[str, list[bytes]] = {}  # by store: what it was at some of its openings

    def __getattr__(self, name: str) -> Any:
        return getattr(lmdb, name)

    def open(self, path: str, **more: Any) -> Any:
        """See lmdb.open."""
        process = self._disk.processes.current
        if process is None:
            return lmdb.open(path, **more)
        if self._disk.operation() is not None:
            self._disk.die()
        if self._disk.powered:
            self._copy(path)
        env = SimulatedEnvironment(lmdb.open(path, **more), path, self._disk)
        process.stores.append(env)
        return env

    def _copy(self, path: str) -> None:
        file = Path(path) / "data.mdb"
        if file.exists():
            self.copies.setdefault(path, [])[2:] = []
            self.copies[path].insert(0, file.read_bytes())

    def lose_power(self) -> None:
        """Some stores are as they were at an earlier opening, some are gone: a fold is built again."""
        for path, copies in self.copies.items():
            fate = self._disk.dice.randrange(4)
            if fate > 1 or not Path(path).is_dir():
                continue
            self._disk.counts["stores_rolled_back"] += 1
            (Path(path) / "lock.mdb").unlink(missing_ok=True)
            if fate == 0:
                (Path(path) / "data.mdb").unlink(missing_ok=True)
            else:
                (Path(path) / "data.mdb").write_bytes(self._disk.dice.choice(copies))


class SimulatedEnvironment:
    """An environment of one process."""

    def __init__(self, env: Any, path: str, disk: Disk) -> None:
        self.env = env
        self.disk = disk
        self.file = Path(path) / "data.mdb"
        self.metas = b""  # as they were before a commit that its owner died in
        self._writing: SimulatedTransaction | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env, name)

    def begin(self, *args: Any, **more: Any) -> Any:
        """See lmdb.Environment.begin."""
        txn = self.env.begin(*args, **more)
        if not more.get("write"):
            return txn
        self._writing = SimulatedTransaction(txn, self)
        return self._writing

    def bury(self) -> None:
        """Its owner is dead."""
        if self._writing is not None:
            self._writing.abort()
        self.env.close()
        if self.metas:
            with self.file.open("r+b") as file:
                file.write(self.metas)
            self.metas = b""


class SimulatedTransaction:
    """A write transaction."""

    def __init__(self, txn: Any, env: SimulatedEnvironment) -> None:
        self.txn = txn
        self._env = env
        self._ended = False
        self.get, self.delete, self.cursor = txn.get, txn.delete, txn.cursor
        self.put = self._put if env.disk.map_full else txn.put

    def __getattr__(self, name: str) -> Any:
        return getattr(self.txn, name)

    def _put(self, *args: Any, **more: Any) -> Any:
        disk = self._env.disk
        if disk.map_full:
            disk.map_full -= 1
            if not disk.map_full:
                disk.counts["maps_full"] += 1
                raise lmdb.MapFullError("mdb_put: MDB_MAP_FULL: Environment mapsize limit reached")
        return self.txn.put(*args, **more)

    def commit(self) -> None:
        """See lmdb.Transaction.commit."""
        disk = self._env.disk
        when = disk.operation()
        if disk.full and disk.dice.randrange(2):
            disk.hurt()
            self.abort()
            raise lmdb.DiskError("mdb_txn_commit: No space left on device")
        if when is When.WITHIN:  # the pages are written, the meta page that makes them count is not
            disk.counts["tears"] += 1
            with self._env.file.open("rb") as file:
                self._env.metas = file.read(METAS)
        self._ended = True
        self.txn.commit()
        disk.counts["commits"] += 1
        if when is not None:
            disk.die()

    def abort(self) -> None:
        """See lmdb.Transaction.abort."""
        if not self._ended:
            self._ended = True
            self.txn.abort()


assert os.sysconf("SC_PAGE_SIZE") == METAS // 2
