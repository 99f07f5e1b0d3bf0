"""The life of a process that stands in front of the shards: signals, signs of life, turns, a clean end."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Protocol

import lmdb
import zmq

from consumers.journal.format import JournalError
from consumers.source import SourceError
from consumers.store import StoreError
from ops.shards.beat import Beat
from ops.shards.run import ShardsContext
from ringbuf.shm import SegmentError

log = logging.getLogger(__name__)

BEAT_S = 0.2
DRAIN_S = 2.0
IDLE_MS, BUSY_MS = 20, 1


class OutsideError(Exception):
    """A process of the outside can't go on; the message says why. It ends with 1 and is started anew."""


FAILURES = (OutsideError, JournalError, SegmentError, SourceError, StoreError, lmdb.Error, zmq.ZMQError, OSError)


class Outside(Protocol):
    """What such a process is made of."""

    def turn(self, is_ending: bool) -> bool:
        """Do what is there to do; whether there was anything. `is_ending`: take nothing new."""

    def look(self, now_s: float) -> None:
        """Timers; called every BEAT_S."""

    def is_ready(self) -> bool:
        """Whether it can do its work."""

    def outstanding(self) -> bool:
        """Whether somebody still waits for it."""

    def wait(self, timeout_ms: int) -> None:
        """Until there is something to do, or the time is up."""

    def close(self) -> None:
        """Let go of everything."""


def live(name: str, context: ShardsContext, begin: Callable[[ShardsContext], Outside]) -> int:
    """Run until SIGTERM or the supervisor's end; the exit code: 0 = stopped, 1 = a named error."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    told: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        told.append(number)

    signal.signal(signal.SIGTERM, on_signal)
    found: Outside | None = None
    beat = Beat(context.data, name)
    try:
        found = begin(context)
        _turns(found, beat, told)
        return 0
    except FAILURES as error:
        log.error("%s: %s: %s", name, type(error).__name__, error)
        return 1
    finally:
        if found is not None:
            found.close()
        beat.close()


def _turns(found: Outside, beat: Beat, told: list[int]) -> None:
    parent = os.getppid()
    looked_s, stop_s = 0.0, 0.0
    while True:
        now_s = time.monotonic()
        if now_s - looked_s > BEAT_S:
            looked_s = now_s
            if found.is_ready():
                beat.well()
            found.look(now_s)
            if os.getppid() != parent:
                told.append(0)
        if told:
            stop_s = stop_s or now_s + DRAIN_S
            if not found.outstanding() or now_s > stop_s:
                return
        if not found.turn(bool(told)):
            found.wait(BUSY_MS if told or found.outstanding() else IDLE_MS)
