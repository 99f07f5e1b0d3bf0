"""What stands for `os` and `io` in the product's modules: the same functions, on the simulated disk."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from stat import S_ISDIR
from typing import Any

from tests.simulation.disk import FOLDERS, Disk, When

Opened = dict[int, str]  # descriptors of folders
UNSIMULATED = frozenset({"write", "writev", "ftruncate", "truncate", "link", "symlink", "sendfile", "copy_file_range"})


class SimulatedOs:
    """`os`; descriptors are the running process's, and close with it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = self._disk = disk
        self._folders: Opened = {}
        self._known = {str(disk.root): disk.root.name, **{f"{disk.root}/{folder}": folder for folder in FOLDERS}}

    def __getattr__(self, name: str) -> Any:
        assert name not in UNSIMULATED, f"os.{name}: a way to write that nothing here can tear; write it into files.py"
        return getattr(os, name)

    def open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        """See os.open."""
        disk = self._disk
        place = disk.place(path)
        new = place is not None and flags & os.O_CREAT and not os.path.exists(path)
        when = disk.operation() if flags & (os.O_WRONLY | os.O_RDWR) else None
        if new and disk.full and disk.dice.randrange(4) == 0:
            raise disk.refuse(errno.ENOSPC, str(path))
        fd = os.open(path, flags, mode, **more)
        if new and place is not None:
            disk.created(*place, os.fstat(fd).st_ino)
        if disk.processes.current is not None:
            disk.processes.current.fds.add(fd)
        if S_ISDIR(os.fstat(fd).st_mode):
            self._folders[fd] = self._known.get(os.fspath(path), "")
        if when is not None:
            disk.die()
        return fd

    def close(self, fd: int) -> None:
        """See os.close. A dying process's handlers may close: the kernel would."""
        process = self._disk.processes.current
        if process is not None:
            process.fds.discard(fd)
        self._folders.pop(fd, None)
        os.close(fd)

    def pwrite(self, fd: int, data: Any, at: int) -> int:
        """See os.pwrite; on a full disk it writes less, or nothing."""
        view = memoryview(data).cast("B")
        return write_through(self._disk, os.fstat(fd).st_ino, view, at, lambda piece: os.pwrite(fd, piece, at))

    def pwritev(self, fd: int, parts: Any, at: int) -> int:
        """See os.pwritev."""
        return self.pwrite(fd, b"".join(parts), at)

    def posix_fallocate(self, fd: int, at: int, length: int) -> None:
        """See os.posix_fallocate."""
        when = self._disk.operation()
        if when is When.WITHIN:
            self._disk.die()
        if self._disk.full:
            raise self._disk.refuse(errno.ENOSPC, "posix_fallocate")
        os.posix_fallocate(fd, at, length)
        if when is When.AFTER:
            self._disk.die()

    def fdatasync(self, fd: int) -> None:
        """See os.fdatasync."""
        self._disk.sync(fd, self._folders.get(fd))

    fsync = fdatasync

    def rename(self, source: Any, target: Any, **more: Any) -> None:
        """See os.rename."""
        self._move(source, target)

    replace = rename

    def _move(self, source: Any, target: Any) -> None:
        disk = self._disk
        place, to = disk.place(source), disk.place(target)
        if place is None or to is None or place[0] != to[0]:
            os.replace(source, target)
            return
        when = disk.operation()
        if when is When.WITHIN:
            disk.die()
        inode = os.stat(source).st_ino
        os.replace(source, target)
        disk.renamed(place[0], place[1], to[1], inode)
        if when is When.AFTER:
            disk.die()

    def unlink(self, path: Any, **more: Any) -> None:
        """See os.unlink."""
        disk = self._disk
        place = disk.place(path)
        if place is None:
            os.unlink(path, **more)
            return
        when = disk.operation()
        if when is When.WITHIN:
            disk.die()
        content = Path(path).read_bytes() if disk.powered else b""
        inode = os.stat(path).st_ino
        os.unlink(path)
        disk.removed(*place, inode, content)
        if when is When.AFTER:
            disk.die()

    remove = unlink


def write_through(disk: Disk, inode: int, view: memoryview, at: int, write: Callable[[memoryview], int]) -> int:
    """One write with all that can become of it."""
    when = disk.operation()
    if when is When.WITHIN:
        disk.counts["tears"] += 1
        part = disk.dice.randrange(len(view)) if len(view) else 0
        if part:
            write(view[:part])
            disk.wrote(inode, at, part)
        disk.die()
    if disk.full:
        part = disk.dice.choice((0, disk.dice.randrange(len(view) + 1)))
        disk.hurt()
        if not part:
            raise disk.refuse(errno.ENOSPC, "write")
        view = view[:part]
    done = write(view)
    disk.wrote(inode, at, done)
    if when is When.AFTER:
        disk.die()
    return done


class SimulatedFile(io.FileIO):
    """The raw file under a buffered one."""

    def __init__(self, path: Any, mode: str, disk: Disk) -> None:
        new = not os.path.exists(path)
        place = disk.place(path)
        when = disk.operation()
        super().__init__(path, mode)
        self._disk = disk
        self._inode = os.fstat(self.fileno()).st_ino
        if new and place is not None:
            disk.created(*place, self._inode)
        if when is not None:
            self.close()
            disk.die()

    def write(self, data: Any) -> int:
        """See io.FileIO.write."""
        view = memoryview(data).cast("B")
        return write_through(self._disk, self._inode, view, self.tell(), super().write)

    def truncate(self, size: int | None = None) -> int:
        """See io.FileIO.truncate."""
        when = self._disk.operation()
        if when is When.WITHIN:
            self._disk.die()
        done = super().truncate(size)
        if when is When.AFTER:
            self._disk.die()
        return done


class SimulatedIo:
    """`io`, for pathlib; and its `open` for who calls that."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(io, name)

    def open(self, path: Any, mode: str = "r", buffering: int = -1, *args: Any, **more: Any) -> Any:
        """See io.open."""
        if isinstance(path, int) or self._disk.place(path) is None or not set(mode) & set("wax+") or "b" not in mode:
            return open(path, mode, buffering, *args, **more)
        raw = SimulatedFile(path, mode.replace("b", ""), self._disk)
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
