"""Orders through shared memory: a command lane of one's own in, the event ring out. Same host, no sockets."""

import os
from collections.abc import Callable

import numpy as np

from client.python.entry_protocol import count_answers
from ringbuf.lanes import Lanes
from ringbuf.reader import Lapped, RingReader
from ringbuf.records import EVENT
from ringbuf.ring import Ring
from ringbuf.wait import Waiter

History = Callable[[int, int], np.ndarray]  # (first sequence, how many at most) → EVENT records, fewer at the end
BATCH = 8192
_SESSION_MASK = 0xFFFFFF


class LaneClient:
    """One owned lane of a running pipeline. `session`: what the answers' `session` field holds.

    `history` reads the journal for what the ring no longer has; without it `receive` raises Lapped there.
    Raises SegmentMissing where no pipeline of that name runs, SegmentBusy where a live process has the lane.
    """

    _opened = 0  # in this process: each gets a session number of its own

    def __init__(self, name: str, lane: str, history: History | None = None, wait: str = "futex") -> None:
        self._ring = Ring.attach(f"/{name}.events", "event")
        self._lanes = Lanes.attach(f"/{name}.lanes")
        self._reader = RingReader(self._ring)
        self._reader.seek(self._ring.limit)
        self._producer = self._lanes.producer(lane)
        self._waiter = Waiter(wait, self._ring)
        self._history = history
        # The lane's former owner may still be answered here: the number tells the two apart.
        LaneClient._opened += 1
        self._number = (os.getpid() * 64 + LaneClient._opened) & _SESSION_MASK
        self.session = self._producer.session(self._number)

    def send(self, commands: np.ndarray) -> int:
        """Put COMMAND records into the lane; how many fitted, from the first on. Stamps their session."""
        commands["session"] = self._number
        return self._producer.send(commands)

    def receive(self, timeout_ms: int) -> np.ndarray:
        """The events (EVENT) of this session's commands that have come since; waits at most so long for any event."""
        events = self._poll()
        if events is None:
            self._waiter.wait(self._reader.position, timeout_ms * 1_000_000)
            events = self._poll()
        if events is None:
            return np.empty(0, EVENT)
        return events[events["session"] == self.session]

    def _poll(self) -> np.ndarray | None:
        try:
            return self._reader.poll(BATCH)
        except Lapped:
            if self._history is None:
                raise
        limit = self._reader.limit  # the journal may hold more than is safe to tell
        missed = self._history(self._reader.position + 1, BATCH)
        missed = missed[missed["seq"] <= limit]
        if not len(missed):
            return None
        self._reader.seek(int(missed["seq"][-1]))
        return missed

    def own_answers(self, events: np.ndarray) -> int:
        """How many of this session's commands these events finish."""
        return count_answers(events, self.session)

    @property
    def is_current(self) -> bool:
        """Whether the pipeline still uses this memory; False = open anew."""
        return self._ring.is_current and self._lanes.is_current

    def close(self) -> None:
        """Give the lane up; what it holds is still answered."""
        self._producer.close()
        self._lanes.close()
        self._ring.close()
