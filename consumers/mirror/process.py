"""What stands in the engine's place on a host that mirrors a history: it writes the topic's events into the ring.

The journal gates it and keeps what came, as it does for an engine; so everything else on this host (settlement, risk,
market data, publisher) reads ring and journal as it always does. Where it goes on after a kill is what the ring has.
"""

import logging
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np

from consumers.mirror.place import kept
from consumers.mirror.topic import TopicAway, TopicSource
from consumers.runtime import AGAIN_S, FAILURES, attach_ring, exit_code
from ringbuf.cursor import Cursor, CursorSource, CursorState
from ringbuf.ring import Ring

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

NAME = "mirror"
BATCH = 4096
WAIT_NS = 20_000_000
FULL_S = 0.001  # the journal has not come so far yet
BEAT_S = 0.2


class Mirror:
    """The ring's one writer here."""

    def __init__(self, context: "Context") -> None:
        self._place = kept(context.data)
        self._epoch = context.epoch
        self._ring: Ring = attach_ring(context.name)
        self._cursor: Cursor = self._ring.cursor(NAME, sequence=self._ring.published)
        self._source: TopicSource | None = None
        self._parent = os.getppid()
        self._told = False
        self._tries = 0
        self._beat_s = 0.0

    def run(self) -> None:
        """Until told to stop. Raises SourceError where what must come next can't."""
        while not self._told and os.getppid() == self._parent:
            try:
                if self._source is None:
                    self._source = TopicSource(self._place, self._epoch, self._ring.published)
                    log.info("%s: goes on after %d", NAME, self._ring.published)
                self._beat(CursorState.RUNNING)
                events = self._source.next(BATCH)
                if events is None:
                    self._source.wait(WAIT_NS)
                else:
                    self._write(events)
                self._tries = 0
            except TopicAway as why:
                self._leave(why)

    def _write(self, events: np.ndarray) -> None:
        while self._ring.room < len(events):
            if self._told or os.getppid() != self._parent:
                return
            self._beat(CursorState.RUNNING)
            time.sleep(FULL_S)
        self._cursor.set(self._ring.append(events))

    def _leave(self, why: TopicAway) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None
        again_s = AGAIN_S[min(self._tries, len(AGAIN_S) - 1)]
        self._tries += 1
        log.warning("%s: away after %d, tried again in %.1f s: %s", NAME, self._ring.published, again_s, why)
        until = time.monotonic() + again_s
        while time.monotonic() < until and not self._told:
            self._beat(CursorState.AWAY)
            time.sleep(min(again_s, 0.05))

    def _beat(self, state: CursorState) -> None:
        now_s = time.monotonic()
        if now_s - self._beat_s >= BEAT_S or state == CursorState.AWAY:
            self._beat_s = now_s
            self._cursor.beat(state, CursorSource.TOPIC)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Signal handler."""
        self._told = True

    def fail(self) -> None:
        """Say so; the cursor stays readable."""
        self._cursor.beat(CursorState.FAILED, CursorSource.NONE)

    def close(self) -> None:
        """Let go of topic and ring."""
        if self._source is not None:
            self._source.close()
        self._cursor.close()
        self._ring.close()


def main(context: "Context") -> int:
    """Run until told to stop; the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    mirror = Mirror(context)
    signal.signal(signal.SIGTERM, mirror.on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        mirror.run()
        mirror.close()
        return 0
    except FAILURES as error:
        log.error("%s: ended: %s: %s", NAME, type(error).__name__, error)
        mirror.fail()
        return exit_code(error)
