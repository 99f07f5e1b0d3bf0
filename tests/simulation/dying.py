"""Simulated processes: who lives, who runs now, and what is closed for one that has died."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

FIRST_PID = 1 << 21  # owner words of processes that this host does not have
PID_BITS = 22


class Killed(BaseException):
    """kill -9: thrown from inside an operation; no handler of the product may take it for an error."""


class Process:
    """One life of a part: its owner word, and what the kernel would take back from it."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.word = pid << PID_BITS | pid
        self.fds: set[int] = set()
        self.segments: list[Any] = []
        self.stores: list[Any] = []
        self.hurt = False  # a disk error was given to it: it may end by name


class Processes:
    """All of them. `current` is whose code runs now; None = the test's own."""

    def __init__(self) -> None:
        self._next = FIRST_PID
        self._alive: dict[int, Process] = {}
        self.current: Process | None = None

    def begin(self, name: str) -> Process:
        """A new process of that name."""
        self._next += 1
        found = Process(name, self._next)
        self._alive[found.word] = found
        return found

    def end(self, process: Process) -> None:
        """The kernel's part of its death: files and memory are let go of, its words stay where it wrote them."""
        self._alive.pop(process.word, None)
        for store in process.stores:
            store.bury()
        for fd in process.fds:
            os.close(fd)
        for segment in process.segments:
            segment.close()
        process.fds, process.segments, process.stores = set(), [], []

    @contextmanager
    def run_as(self, process: Process) -> Iterator[None]:
        """What runs meanwhile is this process's doing."""
        before, self.current = self.current, process
        try:
            yield
        finally:
            self.current = before

    # What the product asks about owners, in its own words.

    def owner_word(self, pid: int) -> int:
        """See ringbuf.shm.owner_word; the real pid stands for whoever runs now."""
        assert self.current is not None
        return self.current.word

    def owner_alive(self, word: int) -> bool:
        """See ringbuf.shm.owner_alive."""
        return word in self._alive

    def adopting(self, init: Callable[..., None]) -> Callable[..., None]:
        """Segment.__init__ that also notes whose mapping it is."""

        def noted(segment: Any, *args: Any, **more: Any) -> None:
            init(segment, *args, **more)
            if self.current is not None:
                self.current.segments.append(segment)

        return noted
