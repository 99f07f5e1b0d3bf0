"""The disk as the scheduler wants it: killed in mid-write, torn, full, failing, without power.

Every write really happens, on tmpfs. Beside it stands what a power loss would leave: of each file the bytes of its last
good sync, of each folder the names of its last, and the names' changes since, in order. A loss of power keeps, of what
came later, some 512-byte sectors and some first part of the changes of names.
"""

import errno
import os
import random
import shutil
from collections import Counter
from enum import Enum
from pathlib import Path

from tests.simulation.dying import Killed, Process, Processes

SECTOR = 512
FOLDERS = ("journal", "snapshots")


class When(Enum):
    """Where in an operation a process dies."""

    BEFORE = 0
    WITHIN = 1
    AFTER = 2


class Disk:
    """Faults and their bookkeeping. `powered`: whether what a power loss leaves is kept at all (it costs)."""

    def __init__(self, root: Path, dice: random.Random, processes: Processes, counts: Counter[str]) -> None:
        self.root = root
        self._under = f"{root}/"
        self.dice = dice
        self.processes = processes
        self.counts = counts
        self.powered = False
        self.full = False
        self.failing_sync = 0  # so many syncs from now one fails
        self.map_full = 0  # so many puts from now the map is full
        self._doom: tuple[int, When] | None = None
        self._dying: Process | None = None
        self._safe: dict[int, bytes] = {}  # by inode: what the last good sync wrote
        self._lost: dict[int, set[int]] = {}  # sectors that a failed sync dropped and nobody has written since
        self._names: dict[str, dict[str, int]] = {folder: {} for folder in FOLDERS}
        self._changes: dict[str, list[tuple[str, str, int]]] = {folder: [] for folder in FOLDERS}
        self._safe_folders: set[str] = set()  # whose own names are safe
        self._gone: dict[int, bytes] = {}  # content of files that have no name any more

    # Dying.

    def doom(self, operations: int, when: When) -> None:
        """Whoever runs dies at that operation from now on."""
        self._doom = (operations, when)

    def spare(self) -> None:
        """Nobody is doomed any more; the dead is buried."""
        self._doom = self._dying = None

    def die(self) -> None:
        """Now. What its handlers still try fails likewise."""
        self._dying = self.processes.current
        self._doom = None
        raise Killed

    def operation(self) -> When | None:
        """An operation begins: whether, and where, its process dies in it."""
        self.counts["operations"] += 1
        if self._dying is not None and self._dying is self.processes.current:
            raise Killed
        if self._doom is None:
            return None
        left, when = self._doom
        if left > 1:
            self._doom = (left - 1, when)
            return None
        if when is When.BEFORE:
            self.die()
        return when

    def refuse(self, code: int, what: str) -> OSError:
        """An error for the process that runs; it may end by it."""
        self.hurt()
        return OSError(code, os.strerror(code), what)

    def hurt(self) -> None:
        """Whoever runs is given an error."""
        if self.processes.current is not None:
            self.processes.current.hurt = True

    # Names.

    def place(self, path: object) -> tuple[str, str] | None:
        """(folder, name) of what is looked after; None = anything else."""
        whole: str = os.fspath(path)  # type: ignore[call-overload]
        if not whole.startswith(self._under):
            return None
        folder, _, name = whole[len(self._under) :].partition("/")
        return (folder, name) if folder in FOLDERS and name and "/" not in name else None

    def created(self, folder: str, name: str, inode: int) -> None:
        """A name that was not there."""
        if self.powered:
            self._changes[folder].append(("add", name, inode))

    def renamed(self, folder: str, name: str, to: str, inode: int) -> None:
        """One name for another, at once."""
        if self.powered:
            self._changes[folder].append((f"move {name}", to, inode))

    def removed(self, folder: str, name: str, inode: int, content: bytes) -> None:
        """A name less."""
        if self.powered:
            self._gone[inode] = content
            self._changes[folder].append(("remove", name, inode))

    # Bytes.

    def wrote(self, inode: int, at: int, length: int) -> None:
        """So many bytes were written there."""
        lost = self._lost.get(inode)
        if lost:
            lost.difference_update(range(at // SECTOR, (at + length - 1) // SECTOR + 1))

    def sync(self, fd: int, folder: str | None) -> None:
        """fdatasync or fsync of a file, or of a folder. Raises OSError where it is told to fail: then what was not
        safe before is not safe after a later sync either, unless it is written again."""
        when = self.operation()
        if when is When.WITHIN:
            self.die()
        self.counts["syncs"] += 1
        if self.failing_sync:
            self.failing_sync -= 1
            if not self.failing_sync:
                self.counts["failed_syncs"] += 1
                if self.powered and folder is None:
                    self._drop(fd)
                raise self.refuse(errno.EIO, "sync")
        if self.powered:
            if folder is not None:
                self._sync_folder(folder)
            else:
                self._keep(fd)
        if when is When.AFTER:
            self.die()

    def _sync_folder(self, folder: str) -> None:
        if folder in FOLDERS:
            self._names[folder] = self._apply(folder, len(self._changes[folder]))
            self._changes[folder] = []
        elif folder == self.root.name:
            self._safe_folders = {name for name in FOLDERS if (self.root / name).is_dir()}

    def _keep(self, fd: int) -> None:
        inode, now = _content(fd)
        lost = self._lost.get(inode)
        if lost:
            now = _mixed(now, self._safe.get(inode, b""), lost)
        self._safe[inode] = now

    def _drop(self, fd: int) -> None:
        inode, now = _content(fd)
        self._lost.setdefault(inode, set()).update(_differing(now, self._safe.get(inode, b"")))

    # Power.

    def lose_power(self) -> None:
        """Everything that was not synced is kept, lost or torn. All processes are dead by now."""
        self.counts["power_losses"] += 1
        for folder in FOLDERS:
            self._rebuild(folder)

    def _rebuild(self, folder: str) -> None:
        path = self.root / folder
        if not path.is_dir():
            return
        if folder not in self._safe_folders and self.dice.randrange(3) == 0:
            shutil.rmtree(path)
            self._names[folder], self._changes[folder] = {}, []
            return
        content = dict(self._gone)
        for entry in os.scandir(path):
            with open(entry.path, "rb") as file:
                content[entry.inode()] = file.read()
            os.unlink(entry.path)
        changes = len(self._changes[folder])
        kept = self.dice.choice((0, changes, self.dice.randint(0, changes)))
        names = self._apply(folder, kept)
        self._names[folder], self._changes[folder] = {}, []
        for name, inode in names.items():
            left = self._after_loss(self._safe.get(inode, b""), content.get(inode, b""), inode)
            with open(path / name, "wb") as file:
                file.write(left)
                new = os.fstat(file.fileno()).st_ino
            self._names[folder][name] = new
            self._safe[new] = left

    def _after_loss(self, safe: bytes, now: bytes, inode: int) -> bytes:
        fate = self.dice.randrange(3)
        different = _differing(now, safe)
        if not different and len(now) == len(safe):
            return safe
        lost = self._lost.get(inode, set()) | {
            sector for sector in different if fate == 0 or (fate == 1 and self.dice.randrange(2))
        }
        if lost & different:
            self.counts["torn_sectors"] += len(lost & different)
        size = len(safe) if fate == 0 else len(now)
        return _mixed(now, safe, lost)[:size].ljust(size, b"\0")

    def _apply(self, folder: str, count: int) -> dict[str, int]:
        names = dict(self._names[folder])
        for kind, name, inode in self._changes[folder][:count]:
            if kind == "remove":
                names.pop(name, None)
                continue
            if kind != "add":
                names.pop(kind.removeprefix("move "), None)
            names[name] = inode
        return names


def _content(fd: int) -> tuple[int, bytes]:
    """(inode, all its bytes) of an open file, though it may be open for writing alone."""
    stat = os.fstat(fd)
    own = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return stat.st_ino, os.pread(own, stat.st_size, 0)
    finally:
        os.close(own)


def _differing(one: bytes, other: bytes) -> set[int]:
    """Sectors in which two contents differ; what a shorter one lacks reads as zeros."""
    size = max(len(one), len(other))
    if one == other:
        return set()
    one, other = one.ljust(size, b"\0"), other.ljust(size, b"\0")
    return {at // SECTOR for at in range(0, size, SECTOR) if one[at : at + SECTOR] != other[at : at + SECTOR]}


def _mixed(now: bytes, safe: bytes, lost: set[int]) -> bytes:
    """`now` with the lost sectors as they were."""
    mixed = bytearray(now)
    for sector in lost:
        at = sector * SECTOR
        if at < len(mixed):
            end = min(at + SECTOR, len(mixed))
            mixed[at:end] = safe[at:end].ljust(end - at, b"\0")
    return bytes(mixed)
