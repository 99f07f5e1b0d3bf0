"""The replica: applies every event to a state of its own, writes snapshots of it, and is the engine's hot standby.

It reads what is durable, as the other consumers do, so no snapshot is ever ahead of the journal. What it holds follows
from the newest good snapshot and the events after it, like the engine's own state after a restart.

After each snapshot it moves the journal's segments away that nobody needs any more, where the settings want that: see
consumers.journal.prune.

When the engine has ended, the supervisor calls this process (SIGUSR1): it applies what the ring still has and goes on
as the engine. The supervisor has collected the old one before, and the engine's lane has one live owner: two never
write. A new replica is forked then.
"""

import logging
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np

from consumers.journal.prune import Pruner
from consumers.journal.reader import JournalReader
from consumers.runtime import ConsumerError, attach_ring, run
from consumers.sinks.configured import standing
from engine.fold import HistoryError, fold
from engine.limits import limits_of
from engine.mixing import secret_seed
from engine.process import NAME as ENGINE
from engine.process import take_over
from engine.snapshot import SnapshotError
from engine.snapshots import list_snapshots, newest_good, write_snapshot
from engine.state import State
from ringbuf.ring import Ring

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

NAME = "replica"


class _Called(Exception):
    """To take over; out of a snapshot that is being written."""


class Replica:
    """A consumer (see consumers.runtime) whose store is a folder of snapshots. `leaves`: it is called to take over."""

    def __init__(self) -> None:
        self.name = NAME
        self.leaves = False
        self._writing = False

    def call(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: the engine is gone. What it is writing is given up, there is no time for it."""
        self.leaves = True
        if self._writing:
            self._writing = False
            raise _Called

    def open(self, context: "Context") -> int:
        """Begin from the newest good snapshot; returns its sequence, 0 where there is none."""
        self._data = Path(context.data)
        self._epoch = context.epoch
        self._settings = context.settings.snapshots
        limits = limits_of(context.settings.engine)
        with JournalReader(self._data) as journal:
            last = journal.last
        found = newest_good(self._data, limits, self._epoch, last, log.warning)
        self.state = found[0] if found else State(limits, secret_seed())
        self._saved_seq = int(self.state.record["seq"])
        self._saved_at = time.monotonic()
        self._ring = attach_ring(context.name)
        how = context.settings.journal.behind_snapshots
        self._pruner = Pruner(self._data, self._epoch, how, lambda: cursors_of(self._ring) | standing(self._data))
        return self._saved_seq

    def apply(self, events: np.ndarray) -> None:
        """Fold whole commands' events into the state. Raises ConsumerError where one does not follow from it."""
        try:
            fold(self.state, events)
        except HistoryError as error:
            raise ConsumerError(str(error)) from error

    def commit(self, sequence: int) -> None:
        """A snapshot, where one is due."""
        behind = sequence - self._saved_seq
        if behind >= self._settings.events or self._is_time():
            self._save()

    def idle(self, now_ns: int) -> None:
        """A snapshot of what came last, where it is time for one; a segment moved away, where one may go."""
        if self._is_time():
            self._save()
        snapshots = list_snapshots(self._data) if self._pruner.is_due() else []
        if snapshots:
            self._prune(snapshots[0][0])

    def _prune(self, oldest: int) -> None:
        """Move one segment away; given up where this process is called, as whoever comes next begins it again."""
        try:
            self._writing = True
            self._pruner.turn(oldest)
            self._writing = False
        except _Called:
            log.error("replica: no segment is moved away: called to take over")

    def close(self) -> None:
        """A last snapshot, so that the next start has little to apply; not where the market waits."""
        if not self.leaves:
            self._save()
        self._ring.close()

    def _is_time(self) -> bool:
        return time.monotonic() - self._saved_at >= self._settings.seconds

    def _save(self) -> None:
        """Write what is new. A disk that is full stops no trading: it is said, and tried again when the next is due."""
        self._saved_at = time.monotonic()
        seq = int(self.state.record["seq"])
        if seq == self._saved_seq:
            return
        began = time.perf_counter()
        try:
            self._writing = True
            path = write_snapshot(self._data, self.state, self._epoch, self._settings.keep)
            self._writing = False
        except (OSError, SnapshotError, _Called) as error:
            self._writing = False
            log.error("replica: no snapshot at %d: %s", seq, error or "called to take over")
            return
        self._saved_seq = seq
        self._pruner.wake()
        size = path.stat().st_size
        log.info("replica: %s, %d bytes in %.3f s", path.name, size, time.perf_counter() - began)


def cursors_of(ring: Ring) -> dict[str, int]:
    """Where everybody alive stands who reads the ring."""
    return {view.name: view.sequence for view in ring.cursors() if view.alive}


def main(context: "Context") -> int:
    """Run until told to stop, or as the engine once called; the exit code."""
    replica = Replica()
    signal.signal(signal.SIGUSR1, replica.call)
    code = run(replica, context)
    if not replica.leaves or code:
        return code
    _become_engine(context.data)
    return take_over(context, replica.state)


def _become_engine(data: Path) -> None:
    """In the process's name and in the log that it writes: what happens now is looked for there."""
    Path("/proc/self/comm").write_text(f"ml-{ENGINE}")
    log_file = os.open(data / "logs" / f"{ENGINE}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log_file, 1)
    os.dup2(log_file, 2)
    os.close(log_file)
