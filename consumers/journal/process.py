"""Step 4 of nine: the event ring made durable. The one consumer that the engine waits for.

It reads what is published, writes it, syncs as the mode says, and then calls it durable in the ring, on which
everyone else's reading rests. It recovers its own tail at a start and goes on from the ring. What it can't write
or sync ends it, by name; its cursor says ``failed``, and the engine, gated, takes nothing more.
"""

from typing import TYPE_CHECKING

import numpy as np

from consumers.journal.format import JournalError
from consumers.journal.writer import JournalWriter
from consumers.runtime import Pace, attach_ring, run
from ringbuf.ring import Ring

if TYPE_CHECKING:
    from config.context import Context

NAME = "journal"


class Journal:
    """The journal on the consumer runtime: its effect is the file, its cursor the file's end."""

    name = NAME

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._is_enough = True  # False: the standby feed says what is durable, once a follower has it, too
        self._ring: Ring | None = None
        self._writer: JournalWriter | None = None

    def open(self, context: "Context") -> int:
        """Recover the tail; the last sequence written. What is written counts as durable once it is synced."""
        self._ring = attach_ring(context.name)
        self._is_enough = not context.settings.standby.required
        blocks = context.settings.journal.blocks
        self._writer = JournalWriter(context.data, context.epoch, self._ring.durability, blocks)
        last = self._writer.last
        if last < self._ring.durable:
            raise JournalError(f"ends at {last} after recovery, but {self._ring.durable} was called durable")
        if last > self._ring.durable and self._is_enough:
            self._ring.set_durable(last)
        return last

    def apply(self, events: np.ndarray) -> None:
        """Write events, their times beside them; gating keeps their slots from being overwritten meanwhile."""
        assert self._ring is not None and self._writer is not None
        self._writer.append(events, self._times(int(events["seq"][0]), len(events)))

    def _times(self, first_seq: int, count: int) -> np.ndarray:
        """TIMING rows of consecutive events in the ring, copied only where they go around its end."""
        assert self._ring is not None
        timing, at = self._ring.timing, first_seq & (self._ring.capacity - 1)
        if at + count <= len(timing):
            return timing[at : at + count]
        return np.concatenate([timing[at:], timing[: at + count - len(timing)]])

    def commit(self, sequence: int) -> None:
        """Sync, then let the others read."""
        assert self._ring is not None and self._writer is not None
        durable = self._writer.sync()
        if durable != sequence:
            raise JournalError(f"durable up to {durable}, expected {sequence}")
        if self._is_enough:
            self._ring.set_durable(durable)

    def idle(self, now_ns: int) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Close the files."""
        if self._writer is not None:
            self._writer.close()
        if self._ring is not None:
            self._ring.close()


def main(context: "Context") -> int:
    """Run the journal until told to stop; the exit code."""
    settings = context.settings
    syncs = settings.engine.durability == "fsync"
    pace = Pace(settings.journal.wait, settings.consumers.batch, settings.journal.sync_us * 1000 if syncs else 0)
    return run(Journal(pace), context, gates=not settings.standby.required, ahead=True)
