"""Steps 4, 5 and 9 of nine, outside: the events of this history into one configured store, exactly once.

The store keeps the cursor itself, together with what it was given, so nothing here has to be remembered: whatever
fails, the store is closed, opened again after a while, and asked how far it is. The engine never notices.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
from numpy.typing import NDArray

from config.catalog import Catalog
from config.json_events import encode_all
from config.settings import SINK_PREFIX, SinkSettings
from consumers.journal.reader import JournalReader
from consumers.runtime import Away, Pace, run
from consumers.sinks.kinds import open_target
from consumers.sinks.status import StatusFile
from consumers.sinks.target import BadRow, Batch, Target, TargetAway, TargetRefused
from ringbuf.records import EVENT

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

DRAIN_S = 5.0  # at a stop: the rest comes at the next start, from the journal


class Sink:
    """A target on the consumer runtime: collects what comes, hands it over at the commit."""

    def __init__(self, settings: SinkSettings, target: Target, data: Path) -> None:
        self.name = SINK_PREFIX + settings.name
        self.target = target
        batch = settings.batch or target.batch_events
        self.pace = Pace("sleep", batch, target.commit_ms * 1_000_000, drain_s=DRAIN_S)
        self.file = StatusFile(data, settings.name)
        self._pending: list[NDArray[np.void]] = []
        self._seq = 0
        self._catalog = Catalog()

    @property
    def remembered(self) -> int:
        """Where it stood when it was last heard of: shown while it is away."""
        return self.file.status.seq

    def open(self, context: "Context") -> int:
        """Connect; the sequence that the store itself says. Raises Away."""
        self._pending.clear()
        try:
            self._seq = self.target.open(context.epoch)
        except TargetAway as why:
            raise self._away(why) from why
        with JournalReader(context.data) as journal:
            self._catalog = Catalog.from_events(journal.listed(min(self._seq, journal.last)))
        self.file.progress(self._seq)
        self.file.turn("writing")
        log.info("%s: connected; goes on after %d", self.name, self._seq)
        return self._seq

    def apply(self, events: NDArray[np.void]) -> None:
        """Take a batch; it is handed over at the commit."""
        self._catalog.fold_all(events)
        self._pending.append(events)

    def commit(self, sequence: int) -> None:
        """Hand over what was taken, the cursor with it. Raises Away."""
        events = self._pending[0] if len(self._pending) == 1 else _joined(self._pending)
        try:
            self._write(Batch(events, self._seq, sequence, self._catalog))
        except TargetAway as why:
            raise self._away(why) from why
        self._pending.clear()
        self.file.progress(sequence)

    def _write(self, batch: Batch) -> None:
        """All of it; where the store will not take some value, everything but that event. Raises TargetAway."""
        try:
            self.target.write(batch)
        except BadRow as why:
            count = len(batch.events)
            if count <= 1:
                self._put_aside(batch, str(why))
                self.target.write(Batch(batch.events[:0], batch.after, batch.upto, batch.catalog))
            else:
                middle = int(batch.events["seq"][count // 2 - 1])
                self._write(Batch(batch.events[: count // 2], batch.after, middle, batch.catalog))
                self._write(Batch(batch.events[count // 2 :], middle, batch.upto, batch.catalog))
                return
        self._seq = batch.upto

    def _put_aside(self, batch: Batch, why: str) -> None:
        for fields in encode_all(batch.events, batch.catalog):
            log.error("%s: event %d is refused for good and put aside: %s", self.name, fields["seq"], why)
            self.file.dead(orjson.dumps({"why": why, "event": fields}, option=orjson.OPT_APPEND_NEWLINE))

    def _away(self, why: TargetAway) -> Away:
        self.file.turn("refused" if isinstance(why, TargetRefused) else "away", str(why))
        return Away(str(why))

    def idle(self, now_ns: int) -> None:
        """The target's turn. Raises Away."""
        self.file.catch_up()
        try:
            self.target.idle(now_ns)
        except TargetAway as why:
            raise self._away(why) from why

    def close(self) -> None:
        """Let go of the connection."""
        self.target.close()
        self.file.flush()


def _joined(parts: list[NDArray[np.void]]) -> NDArray[np.void]:
    """The events of several batches; as bytes, since fields one by one take ten times as long."""
    if not parts:
        return np.zeros(0, EVENT)
    return np.frombuffer(b"".join(part.tobytes() for part in parts), EVENT)


def main(context: "Context", name: str) -> int:
    """Run the sink `name` until told to stop; the exit code."""
    settings = next(sink for sink in context.settings.sinks if sink.name == name)
    return run(Sink(settings, open_target(settings, context.data), context.data), context)
