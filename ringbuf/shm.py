"""Named shared memory of POSIX, and who is alive to use it.

The segment outlives its processes until `unlink`. A mapping is freed when the last array on it goes away.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import posix_ipc

SHM_ROOT = Path("/dev/shm")
PID_BITS = 22  # pids of Linux are below 2**22


class SegmentError(Exception):
    """A segment could not be made or used; the text names the field, what was expected and what was found."""


class SegmentMissing(SegmentError):
    """There is no segment of that name (yet)."""


class SegmentBusy(SegmentError):
    """Somebody alive owns what was asked for."""


class SegmentStale(SegmentError):
    """The segment is there and its creator is dead: choose `reclaim` or `reattach`."""


def process_start(pid: int) -> int:
    """Start of a process in clock ticks since boot; 0 = no such process, or only its remains (zombie)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    fields = text[text.rindex(")") + 2 :].split()  # the command's name may hold anything, brackets too
    return 0 if fields[0] in "ZX" else int(fields[19])


def is_alive(pid: int, start: int) -> bool:
    """Whether the very process that began at `start` still runs (pids are reused, starts are not)."""
    return pid > 0 and start > 0 and process_start(pid) == start


def owner_word(pid: int) -> int:
    """A process as one i64, so that it can be claimed by one compare-exchange: start << 22 | pid."""
    return process_start(pid) << PID_BITS | pid


def owner_pid(word: int) -> int:
    """The pid in an owner word."""
    return word & ((1 << PID_BITS) - 1)


def owner_start(word: int) -> int:
    """The start in an owner word."""
    return word >> PID_BITS


def owner_alive(word: int) -> bool:
    """Whether the process of an owner word runs; 0 is nobody."""
    return word != 0 and is_alive(owner_pid(word), owner_start(word))


def unlink(name: str) -> bool:
    """Remove a segment's name; mappings stay valid. False = there was none."""
    try:
        posix_ipc.unlink_shared_memory(name)
    except posix_ipc.ExistentialError:
        return False
    return True


class Segment:
    """One mapped segment: `.name .size .address .buffer` (u1 array). The integer address keeps nothing alive."""

    def __init__(self, name: str, fd: int, size: int, populate: bool) -> None:
        flags = mmap.MAP_SHARED | (mmap.MAP_POPULATE if populate else 0)
        self.name = name
        self.size = size
        self._fd = fd
        self.buffer = np.frombuffer(mmap.mmap(fd, size, flags=flags), dtype=np.uint8)
        self.address = int(self.buffer.ctypes.data)

    @classmethod
    def create(cls, name: str, size: int) -> "Segment":
        """New zeroed segment with all its pages in memory.

        Raises SegmentBusy when the name exists, SegmentError when shared memory has too little room.
        """
        check_room(name, size)
        try:
            memory = posix_ipc.SharedMemory(name, posix_ipc.O_CREX, mode=0o600)
        except posix_ipc.ExistentialError:
            raise SegmentBusy(f"shared memory {name}: exists already") from None
        try:
            os.ftruncate(memory.fd, size)
            os.posix_fallocate(memory.fd, 0, size)  # a full tmpfs says so now, not by SIGBUS later
            return cls(name, memory.fd, size, populate=True)
        except OSError as error:
            os.close(memory.fd)
            unlink(name)
            raise SegmentError(f"shared memory {name}: {size} bytes could not be had: {error.strerror}") from error

    @classmethod
    def attach(cls, name: str) -> "Segment":
        """Map an existing segment; raises SegmentMissing when there is none or it has no size yet."""
        try:
            memory = posix_ipc.SharedMemory(name)
        except posix_ipc.ExistentialError:
            raise SegmentMissing(f"shared memory {name}: expected a segment, found none") from None
        size = os.fstat(memory.fd).st_size
        if size == 0:
            os.close(memory.fd)
            raise SegmentMissing(f"shared memory {name}: is just being made")
        return cls(name, memory.fd, size, populate=False)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the segment's directory lock: for opening and closing cursors and lanes, never on a hot path.

        The kernel frees it when the holder dies. Its own open file, as forked processes share inherited ones.
        """
        fd = os.open(f"/proc/self/fd/{self._fd}", os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def is_current(self) -> bool:
        """Whether the name still means this segment (False after unlink, or when another took its place)."""
        try:
            memory = posix_ipc.SharedMemory(self.name)
        except posix_ipc.ExistentialError:
            return False
        try:
            there, here = os.fstat(memory.fd), os.fstat(self._fd)
            return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
        finally:
            os.close(memory.fd)

    def close(self) -> None:
        """Let go of the mapping. It is unmapped when no array on it is left; twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self.buffer = np.zeros(0, dtype=np.uint8)
            self.address = 0


def check_room(name: str, size: int) -> None:
    """Refuse a size that shared memory has no room for, with the numbers."""
    if not SHM_ROOT.exists():
        return
    stat = os.statvfs(SHM_ROOT)
    free = stat.f_bavail * stat.f_frsize
    if size > free:
        raise SegmentError(f"shared memory {name}: needs {size} bytes, {SHM_ROOT} has {free} free")
