"""What every consumer runs on: source → batch → apply → commit → cursor → metrics, until it is told to stop.

A consumer is an object with six members (``Consumer``); ``run`` does the rest. The order is what makes it exactly
once: effects and the consumer's own cursor row are committed together by ``commit``; only then does the cursor in
the ring move, which is for others to look at. A kill anywhere in between repeats nothing: at the next start
``open`` says how far the effects reach.
"""

import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import lmdb
import numpy as np

from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from consumers.metrics import ConsumerMetrics
from consumers.source import LiveSource, SourceError
from consumers.store import StoreError, move_aside
from ringbuf.cursor import Cursor, CursorSource, CursorState
from ringbuf.reader import Ahead
from ringbuf.ring import Ring
from ringbuf.shm import SegmentError, SegmentMissing

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

ATTACH_SECONDS = 10  # how long a consumer waits for the event ring to be made
DRAIN_SECONDS = 3  # at a stop: how long what is published may take to become durable
CHECK_NS = 200_000_000  # how often parent and ring are looked at
AGAIN_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # how long after an `Away` it is tried again, the last one from then on


class ConsumerError(Exception):
    """The consumer cannot go on; the message says why. The process ends with 1 and is started anew."""


class Away(Exception):
    """What a consumer writes to can't be had now: it is closed, and opened again later, for as long as it takes.

    `open`, `commit` and `idle` may raise it; `close` follows, whatever is open. What was applied and not committed is
    read again.
    """


class Consumer(Protocol):
    """What a consumer gives to the runtime. One that has an attribute `leaves` ends its run at once by setting it.

    One that raises `Away` has an attribute `remembered`: the sequence to be shown until it can say its own.
    """

    name: str

    def open(self, context: "Context") -> int:
        """Open stores and sockets (after the fork); the committed sequence, 0 = nothing yet."""

    def apply(self, events: np.ndarray) -> None:
        """Take whole commands' events (EVENT), in sequence, each once since the last commit. The array is yours."""

    def commit(self, sequence: int) -> None:
        """Make everything applied lasting, together with the consumer's own cursor at ``sequence``."""

    def idle(self, now_ns: int) -> None:
        """Called at least every ``Pace.idle_ns``, with the monotonic clock: timers, requests of others."""

    def close(self) -> None:
        """Let go of everything; what is applied is committed by then."""


@dataclass(frozen=True)
class Pace:
    """How a consumer waits and how much it takes before it commits.

    It commits after ``batch_events`` events, or when the last commit is ``commit_ns`` ago (0 = after each batch that
    is there): so a lone event is committed at once, and a stream in larger steps. A consumer may carry its own as
    attribute ``pace``. At a stop it takes everything that is published, or what it can in ``drain_s``.
    """

    wait: str = "futex"
    batch_events: int = 8192
    commit_ns: int = 0
    idle_ns: int = 50_000_000
    drain_s: float = float("inf")


# What ends a consumer's process by name; anything else is a fault of the program and shows its traceback.
FAILURES = (ConsumerError, SourceError, JournalError, StoreError, SegmentError, lmdb.Error, OSError, Ahead)


class Then(Enum):
    """What a consumer does after a step: go on, let more events come together, wait for some, end."""

    STEP = 0
    GATHER = 1
    WAIT = 2
    END = 3


# These commit to disk: a commit costs them about as much as a hundred events, so events come together first.
BULK_CONSUMERS = frozenset({"orders", "balances", "settlement", "replica"})


def run(consumer: Consumer, context: "Context", gates: bool = False, ahead: bool = False) -> int:
    """Run a consumer until SIGTERM or the supervisor's death; the process's exit code.

    ``gates``: its cursor holds the engine back (journal only). ``ahead``: it reads what is not yet durable (journal,
    replica). 0 = stopped, everything readable committed; else a named failure, said on standard error: see exit_code.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    loop = Loop(consumer, context, gates, ahead)
    signal.signal(signal.SIGTERM, loop.on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to the supervisor, which stops us
    try:
        loop.start()
        loop.turn()
        return 0
    except FAILURES as error:
        log.error("%s: ended after sequence %d: %s: %s", consumer.name, loop.committed, type(error).__name__, error)
        loop.fail()
        return exit_code(error)
    finally:
        loop.finish()


def exit_code(error: BaseException) -> int:
    """The errno of a failure of the system, else 1: where the disk is full, the log has no room for the reason."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return (cause.errno or 1) if isinstance(cause, OSError) else 1


class Loop:
    """One run of one consumer: `start`, then `step` until that says END, then `finish`."""

    def __init__(self, consumer: Consumer, context: "Context", gates: bool, ahead: bool) -> None:
        self.consumer = consumer
        self.context = context
        self.pace = pace_of(consumer, context)
        self.gates = gates
        self.ahead = ahead
        self.committed = 0
        self._parent = os.getppid()
        self._stop_at: int | None = None  # drain up to here, then end
        self._stop_deadline = 0.0
        self._told = False
        self._opened = False
        self._cursor: Cursor | None = None
        self._metrics: ConsumerMetrics | None = None
        self.source: LiveSource | None = None
        self._match: list[np.ndarray] = []
        self.pending = 0  # events applied and not yet committed
        self._commit_ns = self._idle_ns = self._check_ns = 0  # when each was last done
        self._tries = 0  # since it was last not away
        self._again_ns = 0

    def start(self) -> None:
        """Attach, open, agree on where to begin."""
        self.ring = attach_ring(self.context.name)
        if self.ring.epoch != self.context.epoch:
            raise ConsumerError(f"ring is of epoch {self.ring.epoch}, this run of {self.context.epoch}")
        self._cursor = self.ring.cursor(self.consumer.name, gates=self.gates)
        self._cursor.beat(CursorState.STARTING, CursorSource.NONE)
        self._metrics = ConsumerMetrics(self.context.name, self.context.data, self.consumer.name)
        self._cursor.set(getattr(self.consumer, "remembered", self._cursor.sequence))
        self._begin()

    def _begin(self) -> None:
        """Open and agree on where to begin, or be away."""
        assert self._cursor is not None
        try:
            self.committed = self._open_consumer()
        except Away as why:
            self._leave(why)
            return
        self._cursor.set(self.committed)  # a kill between commit and cursor may have left it behind
        self.source = LiveSource(
            self.ring, self._cursor, self.context.data, self.committed, self.pace.wait, ahead=self.ahead
        )
        self._beat()

    def _open_consumer(self) -> int:
        """Open it; a store that is ahead of this history is moved aside and built again."""
        committed = self.consumer.open(self.context)
        self._opened = True
        with JournalReader(self.context.data) as journal:
            end = max(self.ring.published, journal.last)  # the highest sequence of this history that is anywhere
            if committed <= end:
                refuse_what_was_removed(journal, committed)
                return committed
        self.consumer.close()
        self._opened = False
        path = Path(self.context.data) / "stores" / self.consumer.name
        if move_aside(path, f"it stands at {committed}, the history ends at {end}") is None:
            raise ConsumerError(f"stands at {committed} while the history ends at {end}")
        committed = self.consumer.open(self.context)
        self._opened = True
        if committed > end:
            raise ConsumerError(f"stands at {committed} while the history ends at {end}")
        with JournalReader(self.context.data) as journal:
            refuse_what_was_removed(journal, committed)
        return committed

    def _leave(self, why: Away) -> None:
        """Close what is away; nothing that is not committed is kept."""
        again_s = AGAIN_S[min(self._tries, len(AGAIN_S) - 1)]
        log.warning(
            "%s: away after sequence %d, tried again in %.1f s: %s", self.consumer.name, self.committed, again_s, why
        )
        self._tries += 1
        self._again_ns = time.monotonic_ns() + int(again_s * 1e9)
        self._opened = False
        self.consumer.close()
        if self.source is not None:
            self.source.close()
            self.source = None
        self.pending = 0
        self._match.clear()
        self._beat()

    def turn(self) -> None:
        """One step after another, until told to stop and drained."""
        while not getattr(self.consumer, "leaves", False) and (then := self.step()) is not Then.END:
            if then is Then.GATHER:  # a wake for each event would cost more than it brings
                time.sleep(max(self._commit_ns + self.pace.commit_ns - time.monotonic_ns(), 0) / 1e9)
            elif then is Then.WAIT:
                if self.source is None:
                    time.sleep(self._patience_ns() / 1e9)
                else:
                    self.source.wait(self._patience_ns())

    def step(self) -> Then:
        """A batch, if there is one; a commit, if one is due; what is to be done now and then. Never waits."""
        if self.source is None:
            return self._step_away()
        try:
            return self._step_there()
        except Away as why:
            self._leave(why)
            return Then.WAIT

    def _step_away(self) -> Then:
        """Where it is time, try again."""
        now_ns = time.monotonic_ns()
        if self._told:
            return Then.END
        if now_ns - self._check_ns >= CHECK_NS:
            self._check_ns = now_ns
            self._look_around()
        if now_ns < self._again_ns:
            return Then.WAIT
        self._begin()
        return Then.WAIT if self.source is None else Then.STEP

    def _step_there(self) -> Then:
        assert self.source is not None
        now_ns = time.monotonic_ns()  # a wall clock may step back, and nothing would be due for as long
        if self._told and self._late():
            return Then.END
        events = self.source.next(self.pace.batch_events - self.pending)
        if events is not None:
            self.pending += len(events)
            self._apply(events)
        if self.pending and (
            self.pending >= self.pace.batch_events or now_ns - self._commit_ns >= self.pace.commit_ns or self._told
        ):
            self._commit(self.source.position)
            self._commit_ns = now_ns
            self.pending = 0
        if now_ns - self._check_ns >= CHECK_NS:
            self._check_ns = now_ns
            self._look_around()
        if events is not None:
            if now_ns - self._idle_ns >= self.pace.idle_ns:
                self._idle(now_ns)
            return Then.STEP
        if self.pending:
            return Then.GATHER
        if self._told and self._drained():
            return Then.END
        self._idle(now_ns)
        return Then.WAIT

    def _idle(self, now_ns: int) -> None:
        self._idle_ns = now_ns
        self.consumer.idle(now_ns)

    def _patience_ns(self) -> int:
        return 5_000_000 if self._told else self.pace.idle_ns

    def _apply(self, events: np.ndarray) -> None:
        assert self.source is not None and self._metrics is not None
        self._match.append(self.source.match_ns())
        self.consumer.apply(events)
        self._metrics.batch(len(events))

    def _commit(self, sequence: int) -> None:
        assert self._cursor is not None and self._metrics is not None
        self.consumer.commit(sequence)
        self.committed = sequence
        self._tries = 0
        self._cursor.set(sequence)
        now_ns = time.time_ns()
        self._metrics.committed(sequence, np.concatenate(self._match), now_ns)
        self._match.clear()
        self._beat()

    def _beat(self) -> None:
        assert self._cursor is not None
        if self.source is None:
            self._cursor.beat(CursorState.AWAY, CursorSource.NONE)
            return
        if self._told:
            state = CursorState.STOPPING
        elif self.source.kind == CursorSource.JOURNAL:
            state = CursorState.CATCHING_UP
        else:
            state = CursorState.RUNNING
        self._cursor.beat(state, self.source.kind)

    def _look_around(self) -> None:
        """Show life; notice the supervisor's death, and a ring that is no longer the one of this name."""
        self._beat()
        if os.getppid() != self._parent and not self._told:
            log.warning("%s: the supervisor is gone: draining and stopping", self.consumer.name)
            self._told = True
        if not self._told and not self.ring.is_current:
            log.warning("%s: the ring of %s is gone: draining and stopping", self.consumer.name, self.context.name)
            self._told = True

    def _drained(self) -> bool:
        """Everything that was published when the stop came is committed, or can't become durable any more."""
        if self._stop_at is None:
            self._stop_at = self.ring.published
            self._stop_deadline = time.monotonic() + DRAIN_SECONDS
        return self.committed >= self._stop_at or time.monotonic() > self._stop_deadline

    def _late(self) -> bool:
        """The time for draining is over. What is pending is read again at the next start."""
        self._drained()
        return time.monotonic() > self._stop_deadline - DRAIN_SECONDS + self.pace.drain_s

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Signal handler."""
        self._told = True

    def fail(self) -> None:
        """Say in the cursor that this consumer has failed; not closed, so that it stays readable until a restart."""
        if self._cursor is not None:
            self._cursor.beat(CursorState.FAILED, CursorSource.NONE)
            self._cursor = None

    def finish(self) -> None:
        """Close everything that is open, the consumer first."""
        if self._opened:
            try:
                self.consumer.close()
            except (JournalError, StoreError, lmdb.Error, OSError) as error:
                log.error("%s: close: %s", self.consumer.name, error)
        if self.source is not None:
            self.source.close()
        if self._metrics is not None:
            self._metrics.close()
        if self._cursor is not None:
            self._cursor.close()


def pace_of(consumer: Consumer, context: "Context") -> Pace:
    """The consumer's own ``pace``, or what the settings say for its kind."""
    own = getattr(consumer, "pace", None)
    if isinstance(own, Pace):
        return own
    settings = context.settings.consumers
    if consumer.name in BULK_CONSUMERS:
        return Pace(settings.bulk_wait, settings.batch, settings.commit_ms * 1_000_000)
    return Pace(settings.wait, settings.batch)


_SEGMENTS = {"event": "events", "market": "market"}


def attach_ring(name: str, kind: str = "event") -> Ring:
    """The pipeline's event or market ring; waits a little for it to be made. SegmentMissing after that."""
    deadline = time.monotonic() + ATTACH_SECONDS
    while True:
        try:
            return Ring.attach(f"/{name}.{_SEGMENTS[kind]}", kind)
        except SegmentMissing:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def refuse_what_was_removed(journal: JournalReader, committed: int) -> None:
    """JournalRemoved where the history begins after what must come next: said at the start, not in the middle of it."""
    if committed + 1 < journal.first:
        journal.record(committed + 1)
