"""The pipeline's shared memory: made anew by each `up`, after what a dead run left in it is safe in the journal."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np

from config.settings import Settings
from consumers.journal.format import JournalError, journal_folder
from consumers.journal.reader import CHUNK, JournalReader
from consumers.journal.repair import recover, secure
from consumers.replication.status import FEED_CURSOR
from engine.snapshots import lanes_at
from ops.leftover import absorb, absorb_stale, unlink_all
from ops.processes import ProcessSpec
from ringbuf.codes import FLAG_LAST
from ringbuf.cursor import CursorState
from ringbuf.lanes import Lanes
from ringbuf.ring import Ring
from ringbuf.shm import SegmentError

GATE, GATE_REQUIRED = "journal", FEED_CURSOR  # whose cursor the engine waits for; where a follower is required
# Lanes that keep their number for good, as it stands in every event's session.
LANES = ("engine", "entry", "risk", "balances", "entry-kafka", "transfers", "gateway", "admin")
_AT_WORK = (CursorState.RUNNING, CursorState.CATCHING_UP, CursorState.AWAY)


class SharedMemory:
    """Event ring, market ring and command lanes of one name. The creator is the supervisor."""

    def __init__(self, name: str, data: Path, events: Ring, market: Ring, lanes: Lanes) -> None:
        self.name = name
        self.epoch = events.epoch
        self._data = data
        self._events = events
        self._market = market
        self._lanes = lanes

    @classmethod
    def open(
        cls, name: str, data: Path, settings: Settings, meanwhile: Callable[[], None] = lambda: None, epoch: int = 0
    ) -> Self:
        """Deal with what a dead run left, then create everything. The epoch is the journal's, else that given or now.

        `meanwhile` is called while a thread counts in the journal; the thread has ended when this returns.
        Raises SegmentBusy where a live process created a segment of this name.
        """
        epoch = absorb_stale(name, data, _epoch(data) or epoch or time.time_ns())
        durability = settings.engine.durability
        if durability == "fsync":
            _secure(data)
        unlink_all(name)
        with JournalReader(data) as journal:
            last = journal.last
        ring = settings.ring
        with ThreadPoolExecutor(1, "lane-bases") as counting:
            counted = counting.submit(lane_bases, data, ring.lanes)
            meanwhile()
        bases = counted.result()  # before anything is made: what is damaged leaves no shared memory behind
        required = settings.standby.required
        gate = GATE_REQUIRED if required else GATE
        events = Ring.create(
            f"/{name}.events", ring.capacity, "event", epoch, durability, first_seq=last + 1, gate=gate
        )
        if required:  # what the journal has is safe once the follower says that it has it, too
            events.set_durable(0)
        market = Ring.create(f"/{name}.market", ring.market_capacity, "market", epoch, durability)
        lanes = Lanes.create(f"/{name}.lanes", ring.lanes, ring.lane_capacity, epoch, names=LANES, bases=bases)
        return cls(name, data, events, market, lanes)

    def is_ready(self, spec: ProcessSpec, pid: int) -> bool:
        """By its cursor where it has one; the engine once it has recovered: it owns its lane, the listings are out."""
        if not spec.cursor:
            return self._lanes.owner(spec.name) == pid and self._events.published > 0
        for cursor in self._events.cursors():
            if cursor.name == spec.cursor and cursor.pid == pid:
                return cursor.state in _AT_WORK
        return False

    def silent_s(self, spec: ProcessSpec) -> float:
        """Seconds since this process, which says that it works, last showed life; 0 where it does not say so."""
        if not spec.cursor:
            beat_ns = self._lanes.heartbeat_ns(spec.name)
            return (time.monotonic_ns() - beat_ns) / 1e9 if beat_ns else 0.0
        for cursor in self._events.cursors():
            if cursor.name == spec.cursor and cursor.alive and cursor.state in _AT_WORK:
                return (time.monotonic_ns() - cursor.heartbeat_ns) / 1e9
        return 0.0

    def progress(self) -> dict[str, int]:
        """Every cursor's sequence and `published`."""
        found = {cursor.name: cursor.sequence for cursor in self._events.cursors()}
        return {**found, "published": self._events.published}

    def finish(self) -> str:
        """After the last process: events that the journal lacks go into it, then the names are removed."""
        try:
            absorb(self._data, self._events)
        except (SegmentError, JournalError, OSError) as error:
            return f"shared memory /{self.name}.* is kept, as its end is not in the journal: {error}"
        unlink_all(self.name)
        return ""


def lane_bases(data: Path, lanes: int) -> np.ndarray:
    """Commands of each lane that the history has answered: its events with FLAG_LAST (i64, one per lane)."""
    bases = np.zeros(lanes, dtype=np.int64)
    with JournalReader(data) as journal:
        last = journal.last
        at, answered = lanes_at(data, journal.epoch, last)
        bases[: len(answered)] = answered[:lanes]
        seq = at + 1
        while seq <= last:
            events = journal.read(seq, min(CHUNK, last - seq + 1))
            answered = events["session"][events["flags"] & FLAG_LAST != 0] >> 24
            counts = np.bincount(answered, minlength=lanes)
            bases += counts[:lanes]
            seq += len(events)
    return bases


def _secure(data: Path) -> None:
    """Sync the journal's end before a ring calls it durable; who wrote it may have died before. Raises JournalError."""
    try:
        tail = recover(journal_folder(data))
        if tail is not None:
            secure(tail)
    except OSError as error:
        raise JournalError(f"{journal_folder(data)}: its end can't be synced: {error.strerror}") from error


def _epoch(data: Path) -> int:
    """Of the history in the journal; 0 where there is none yet."""
    with JournalReader(data) as journal:
        return journal.epoch
