"""Step 8 of nine: limits and alarms. The alert log, and through this consumer's own command lane the suspension.

Exactly once: alerts and the commands that they ask for are committed with the cursor, numbered from 0. The lane
itself counts what was ever put in (`base` + `produced`, the base from the history), so the next one to send is the
command of that number: a kill between commit and sending, or after it, neither loses nor repeats one.
At a start the counters are made anew by folding the journal up to the committed sequence.
"""

from pathlib import Path
from typing import Any

import numpy as np

from consumers.funds import listed_events
from consumers.risk.fold import RiskFold
from consumers.risk.store import NAME, TABLES, command_at, next_number, put_alerts
from consumers.runtime import ConsumerError, run
from consumers.source import JournalSource
from consumers.stored import open_store, put_listed
from ringbuf.lanes import Lanes, Producer
from ringbuf.shm import SegmentMissing

CHUNK = 16384


class RiskLane:
    """This consumer's command lane; attached at the first suspension, as most runs never need one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lanes: Lanes | None = None
        self._producer: Producer | None = None

    def producer(self) -> Producer | None:
        """The lane, None where nobody has made the lanes yet."""
        if self._lanes is not None and not self._lanes.is_current:
            self.close()
        if self._producer is None:
            try:
                self._lanes = Lanes.attach(self._name)
            except SegmentMissing:
                return None
            self._producer = self._lanes.producer(NAME)
        return self._producer

    def close(self) -> None:
        """Let go of the lane."""
        if self._producer is not None:
            self._producer.close()
        if self._lanes is not None:
            self._lanes.close()
        self._producer = self._lanes = None


class Risk:
    """The consumer on the runtime."""

    name = NAME

    def open(self, context: Any) -> int:
        """Open the store and rebuild the counters."""
        self.store = open_store(context, NAME, TABLES)
        self.fold = RiskFold(context.settings.risk)
        self.lane = RiskLane(f"/{context.name}.lanes")
        self._listed: list[np.void] = []
        self._rebuild(context.data)
        with self.store.read() as txn:
            self._asked = next_number(txn, self.store, "commands")
        self._waiting = self._asked > 0
        return self.store.sequence

    def _rebuild(self, data: Path) -> None:
        if self.store.sequence == 0:
            return
        source = JournalSource(data, 0, self.store.sequence)
        try:
            while (events := source.next(CHUNK)) is not None:
                self.fold.apply(events)
                self.fold.take()
        finally:
            source.close()
        if source.position != self.store.sequence:
            raise ConsumerError(f"journal ends at {source.position}, stores/{NAME} stands at {self.store.sequence}")

    def apply(self, events: np.ndarray) -> None:
        """Fold a batch."""
        self._listed.extend(listed_events(events))
        self.fold.apply(events)

    def commit(self, sequence: int) -> None:
        """Alerts, commands and cursor; then the lane."""

        def write(txn: Any) -> None:
            put_listed(txn, self.store, self._listed)
            put_alerts(txn, self.store, self.fold.alerts)

        self.store.commit(sequence, write)
        self._listed.clear()
        asked = sum(alert.suspend for alert in self.fold.alerts)
        self._asked += asked
        self._waiting = self._waiting or asked > 0
        self.fold.take()
        self._send()

    def _send(self) -> None:
        """Put in what was asked for and the lane never had; what doesn't fit waits for the next call."""
        if not self._waiting:
            return
        lane = self.lane.producer()
        if lane is None:
            return
        with self.store.read() as txn:
            while (number := lane.base + lane.produced) < self._asked:
                command = command_at(txn, self.store, number)
                if command is None or lane.send(command) != 1:
                    return
        self._waiting = False

    def idle(self, now_ns: int) -> None:
        """What the lane had no room for."""
        self._send()

    def close(self) -> None:
        """Let go of lane and store."""
        self.lane.close()
        self.store.close()


def main(context: Any) -> int:
    """Run until told to stop; the exit code."""
    return run(Risk(), context)
