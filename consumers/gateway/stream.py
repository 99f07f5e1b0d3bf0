"""The event stream inside the gateway: as far as it is safe, in sequence, without a gap, to whoever listens."""

from collections.abc import Callable
from typing import Any

import numpy as np

from config.catalog import Catalog
from consumers.funds import InstrumentTable, listed_events
from consumers.journal.reader import JournalReader
from consumers.runtime import attach_ring
from consumers.source import LiveSource
from ringbuf.cursor import CursorState
from ringbuf.reader import Lapped, RingReader
from ringbuf.records import EVENT
from ringbuf.wait import Waiter

BATCH = 1024
CATCH_UP = 8  # batches at once, before others have their turn
WAIT = "futex"


class EventStream:
    """Reads from the ring's end at the start on. `catalog`, `instruments`: what is listed, as of `position`.

    `listeners` are called with each batch of whole commands (EVENT), after the catalog has taken it in.
    """

    def __init__(self, context: Any, name: str) -> None:
        self.ring = attach_ring(context.name)
        begin = max(self.ring.limit, self.ring.first_seq - 1)
        self.cursor = self.ring.cursor(name, sequence=begin)
        self.cursor.beat(CursorState.STARTING)
        self.journal = JournalReader(context.data)
        begin = min(begin, self.journal.last)
        self.catalog = Catalog()
        self.instruments = InstrumentTable()
        self._learn(self.journal.listed(begin))
        self._source = LiveSource(self.ring, self.cursor, context.data, begin, WAIT)
        self.waiter = Waiter(WAIT, self.ring)
        self.listeners: list[Callable[[np.ndarray], None]] = []
        self.ts_ns = 0  # the latest event's: the venue's time

    @property
    def position(self) -> int:
        """The last sequence taken."""
        return self._source.position

    def take(self) -> bool:
        """The next batch to everybody; whether there was one. Raises what a source may raise."""
        events = self._source.next(BATCH)
        if events is None:
            return False
        self.ts_ns = int(events["ts_ns"][-1])
        self._learn(events)
        for listener in self.listeners:
            listener(events)
        self.cursor.set(self.position)
        return True

    def catch_up(self) -> None:
        """Take what is safe by now, unless it is very much: whoever asks is told no less than another door told him."""
        limit = self.ring.limit
        for _ in range(CATCH_UP):
            if self.position >= limit or not self.take():
                return

    def _learn(self, events: np.ndarray) -> None:
        listed = listed_events(events)
        if len(listed):
            self.catalog.fold_all(listed)
            self.instruments.fold(listed)

    def between(self, first: int, last: int) -> np.ndarray:
        """Events of the past (EVENT), both ends included; `last` is at most `position`. Raises JournalError."""
        parts = []
        reader = RingReader(self.ring)
        reader.seek(first - 1)
        while reader.position < last:
            try:
                found = reader.poll(last - reader.position)
            except Lapped:
                found = self.journal.read(reader.position + 1, min(BATCH, last - reader.position))
                reader.seek(reader.position + len(found))
            if found is None or not len(found):
                break
            parts.append(found)
        events = np.concatenate(parts) if parts else np.zeros(0, EVENT)
        return events[events["seq"] <= last]

    def beat(self, state: CursorState) -> None:
        """Show life."""
        self.cursor.beat(state, self._source.kind)

    def close(self) -> None:
        """Let go of everything."""
        self._source.close()
        self.journal.close()
        self.cursor.close()
        self.ring.close()
