"""A ring with a writer in this process and consumers in children: real shared memory, real processes."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from config.settings import JournalSettings, Settings
from consumers.journal.process import main as journal_main
from consumers.runtime import Away, Pace, run
from consumers.store import Store
from ringbuf.ring import Ring
from ringbuf.shm import SHM_ROOT, unlink
from tests.consumers.journal_files import EPOCH

WAIT_SECONDS = 30


@dataclass(frozen=True)
class Place:
    """As much of a Context as consumers here look at."""

    name: str
    data: Path
    epoch: int = EPOCH
    settings: Settings = field(default_factory=lambda: Settings(journal=JournalSettings(blocks=16)))


class Summer:
    """A consumer that keeps count and sum of qty_lots, so that one event lost or taken twice shows."""

    def __init__(self, name: str = "summer", pace: Pace | None = None) -> None:
        self.name = name
        self.pace = pace or Pace()
        self.count = self.total = 0

    def open(self, context: Any) -> int:
        self.store = Store(context.data / "stores" / self.name, context.epoch, ("sums",))
        with self.store.read() as txn:
            row = txn.get(b"sums", db=self.store.db("sums"))
        self.count, self.total = np.frombuffer(row, "<i8").tolist() if row else (0, 0)
        return self.store.sequence

    def apply(self, events: np.ndarray) -> None:
        self.count += len(events)
        self.total += int(events["qty_lots"].sum())

    def commit(self, sequence: int) -> None:
        def write(txn: lmdb.Transaction) -> None:
            txn.put(b"sums", np.array([self.count, self.total], "<i8").tobytes(), db=self.store.db("sums"))

        self.store.commit(sequence, write)

    def idle(self, now_ns: int) -> None:
        pass

    def close(self) -> None:
        self.store.close()


class DiesBeforeCursor(Summer):
    """Commits its store, then is killed before the cursor in the ring moves."""

    def commit(self, sequence: int) -> None:
        super().commit(sequence)
        os.kill(os.getpid(), signal.SIGKILL)


class OftenAway(Summer):
    """Can't open its store at first, and again after each few commits; then what it had taken is not committed."""

    remembered = 0

    def __init__(self, name: str = "summer", tries: int = 3) -> None:
        super().__init__(name, Pace(batch_events=500))
        self.tries = tries
        self.commits = 0

    def open(self, context: Any) -> int:
        if self.tries:
            self.tries -= 1
            raise Away("not there yet")
        return super().open(context)

    def commit(self, sequence: int) -> None:
        self.commits += 1
        if self.commits % 7 == 0:
            self.tries = 1
            raise Away("gone in the middle")
        super().commit(sequence)

    def close(self) -> None:
        if hasattr(self, "store"):
            super().close()
            del self.store


def fork(task: Callable[[], int]) -> int:
    """Run ``task`` in a child; its pid."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = task()
        except BaseException:  # noqa: BLE001  a child ends here whatever it was; its traceback is printed
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return pid


def start_consumer(consumer: Any, place: Place) -> int:
    return fork(lambda: run(consumer, place))  # type: ignore[arg-type]


def start_journal(place: Place) -> int:
    return fork(lambda: journal_main(place))  # type: ignore[arg-type]


def stop(pid: int) -> int:
    """SIGTERM and the exit code."""
    os.kill(pid, signal.SIGTERM)
    return exit_code(pid)


def exit_code(pid: int) -> int:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        assert time.monotonic() < deadline, f"process {pid} does not end"
        time.sleep(0.005)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {what}"
        time.sleep(0.002)


def cursor_of(ring: Ring, name: str) -> int:
    return next((view.sequence for view in ring.cursors() if view.name == name), -1)


def publish(ring: Ring, events: np.ndarray, piece: int = 300) -> None:
    """Append in pieces (whole commands where ``piece`` is a multiple of theirs), waiting for the gate."""
    for at in range(0, len(events), piece):
        part = events[at : at + piece]
        needed = len(part)
        until(lambda needed=needed: ring.room >= needed, "room in the ring")  # type: ignore[misc]
        ring.append(part)


@contextmanager
def ring_in(
    tmp_path: Path, capacity: int = 4096, durability: str = "journal", **more: Any
) -> Iterator[tuple[Ring, Place]]:
    """An event ring of a name of its own, gated by the journal unless told otherwise."""
    name = f"mltest{os.getpid()}-{time.monotonic_ns()}"
    ring = Ring.create(f"/{name}.events", capacity, "event", EPOCH, durability, **{"gate": "journal", **more})
    try:
        yield ring, Place(name, tmp_path)
    finally:
        ring.close()
        for path in SHM_ROOT.glob(f"{name}.*"):
            unlink(f"/{path.name}")
