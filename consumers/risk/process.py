"""Step 8 of nine: limits and alarms. The alert log, and through this consumer's own command lane the suspension.

Exactly once: alerts and the commands that they ask for are committed with the cursor, numbered from 0. The lane
itself counts what was ever put in (`base` + `produced`, the base from the history), so the next one to send is the
command of that number: a kill between commit and sending, or after it, neither loses nor repeats one.
At a start the counters are those of the last checkpoint in the store, with the journal folded from there on.
"""

from typing import Any

import numpy as np

from config.settings import RiskSettings
from consumers.checkpoint import CHECKPOINT, Checkpoints, put_checkpoint, take_up
from consumers.funds import listed_events
from consumers.own_lane import OwnLane
from consumers.risk import memory
from consumers.risk.fold import RiskFold
from consumers.risk.store import NAME, TABLES, command_at, next_number, put_alerts
from consumers.runtime import run
from consumers.stored import open_store, put_listed

# Counting costs about a microsecond an event, packing one an account: so no start counts for more than a moment.
CHECKPOINT_EVENTS = 1 << 18


class Counters:
    """The fold as a consumers.checkpoint.Memory. What was counted under other limits stays as it was counted."""

    layout = memory.LAYOUT

    def __init__(self, limits: RiskSettings) -> None:
        self.risk = RiskFold(limits)

    def pack(self) -> list[bytes]:
        """The counters, alerts not yet taken left out."""
        return memory.pack(self.risk)

    def unpack(self, packed: bytes) -> None:
        """Be what was packed, under the limits of then."""
        self.risk = memory.unpack(packed)

    def fold(self, events: np.ndarray) -> None:
        """Count events whose alerts are stored."""
        self.risk.apply(events)
        self.risk.take()


class Risk:
    """The consumer on the runtime."""

    name = NAME

    def open(self, context: Any) -> int:
        """Open the store and rebuild the counters."""
        limits = context.settings.risk
        self.store = open_store(context, NAME, (*TABLES, CHECKPOINT))
        self.lane = OwnLane(context.name, NAME)  # attached at the first suspension: most runs never need one
        self._listed: list[np.void] = []
        self.counters = Counters(limits)
        begun = take_up(self.store, context.data, self.counters)
        self.fold = self.counters.risk
        self._folded = self.store.sequence
        self.checkpoints = Checkpoints(min(CHECKPOINT_EVENTS, context.settings.snapshots.events), begun)
        if self.fold.limits != limits:  # what comes now is counted under these, also at the next start
            self.fold.limits = limits
            self.checkpoints.at = -1
            self.checkpoints.keep(self.store, self.counters)
        with self.store.read() as txn:
            self._asked = next_number(txn, self.store, "commands")
        self._waiting = self._asked > 0
        return self.store.sequence

    def apply(self, events: np.ndarray) -> None:
        """Fold a batch."""
        self._listed.extend(listed_events(events))
        self.fold.apply(events)
        self._folded = int(events["seq"][-1])

    def commit(self, sequence: int) -> None:
        """Alerts, commands and cursor; then the lane."""
        # Packing costs by the account: with very many there are more events between two of them.
        due = self.checkpoints.due(sequence) and sequence - self.checkpoints.at >= len(self.fold.accounts)

        def write(txn: Any) -> None:
            put_listed(txn, self.store, self._listed)
            put_alerts(txn, self.store, self.fold.alerts)
            if due:
                put_checkpoint(txn, self.store, sequence, self.counters)

        self.store.commit(sequence, write)
        if due:
            self.checkpoints.at = sequence
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
        """A checkpoint of what is committed; let go of lane and store."""
        try:
            if self._folded == self.store.sequence:
                self.checkpoints.keep(self.store, self.counters)
        finally:
            self.lane.close()
            self.store.close()


def main(context: Any) -> int:
    """Run until told to stop; the exit code."""
    return run(Risk(), context)
