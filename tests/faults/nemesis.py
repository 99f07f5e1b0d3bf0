"""What goes wrong: processes killed, stopped, the supervisor with all of them; when, follows from a seed.

A `Fault` is anything with a name and `strike`: other faults (a full disk, a failing sync) plug in beside these.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ringbuf.cursor import CursorView
from ringbuf.ring import Ring
from ringbuf.shm import SegmentError, is_alive
from tests.pipeline import Pipeline

PATIENCE_S = 90.0
LOOK_S = 0.01
SUPERVISOR = "supervisor"
FLOW_EVENTS = 100  # between two strikes, where they come …
FLOW_S = 2.0  # … within this time: with the engine stopped for long there are none


@dataclass
class Strike:
    """One fault that was inflicted. `caught_up_s`: when the victim, or its successor, had caught up (0 = not seen)."""

    kind: str  # kill, stop, or another fault's word
    victim: str
    at_s: float  # monotonic
    published: int  # sequence of the event ring then
    pid: int = 0
    caught_up_s: float = 0.0
    flowed: int = 0  # events since the strike before


class NotStruck(Exception):
    """A fault could not be inflicted; the message says why."""


class Fault(Protocol):
    """Something that can go wrong with a running pipeline."""

    name: str

    def strike(self, running: Pipeline, rng: random.Random) -> Strike:
        """Inflict it; returns once it is done, and the pipeline may go on. Raises NotStruck."""


def published_now(running: Pipeline) -> int:
    """The ring's highest sequence, 0 where there is no ring just now."""
    try:
        return running.published()
    except SegmentError:
        return 0


def process_at_work(running: Pipeline, process: str) -> tuple[int, int]:
    """(pid, start) of a process that is up and says so, once it is."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        row = running.run_file()["processes"][process]
        if row["state"] == "running" and is_alive(row["pid"], row["start"]):
            return int(row["pid"]), int(row["start"])
        time.sleep(LOOK_S)
    raise NotStruck(f"{process} was not at work for {PATIENCE_S:.0f} s: {row}")


@dataclass
class Kill:
    """kill -9 of one process."""

    process: str
    name: str = "kill"

    def strike(self, running: Pipeline, rng: random.Random) -> Strike:
        """At once where it is at work, else as soon as it is."""
        pid, _ = process_at_work(running, self.process)
        strike = Strike(self.name, self.process, time.monotonic(), published_now(running), pid)
        os.kill(pid, signal.SIGKILL)
        return strike


@dataclass
class Stop:
    """SIGSTOP of one process, or of the supervisor, and SIGCONT after some time, while other things go wrong."""

    process: str
    seconds: float
    name: str = "stop"
    timers: list[threading.Timer] = field(default_factory=list)

    def strike(self, running: Pipeline, rng: random.Random) -> Strike:
        """Returns at once; `timers` end when it goes on."""
        if self.process == SUPERVISOR:
            row = running.run_file()[SUPERVISOR]
            pid, start = int(row["pid"]), int(row["start"])
        else:
            pid, start = process_at_work(running, self.process)
        strike = Strike(self.name, self.process, time.monotonic(), published_now(running), pid)
        os.kill(pid, signal.SIGSTOP)
        timer = threading.Timer(self.seconds, self._go_on, (pid, start))
        timer.daemon = True
        self.timers.append(timer)
        timer.start()
        return strike

    @staticmethod
    def _go_on(pid: int, start: int) -> None:
        if is_alive(pid, start):
            os.kill(pid, signal.SIGCONT)


@dataclass
class KillSupervisor:
    """kill -9 of the supervisor: its children drain and end; then `up` again."""

    name: str = "kill"

    def strike(self, running: Pipeline, rng: random.Random) -> Strike:
        """Returns when `up` has said that all are ready."""
        pid = int(running.run_file()[SUPERVISOR]["pid"])
        strike = Strike(self.name, SUPERVISOR, time.monotonic(), published_now(running), pid)
        os.kill(pid, signal.SIGKILL)
        running.up()
        strike.caught_up_s = time.monotonic()
        return strike


class Watch(threading.Thread):
    """Notes when each victim's successor is at work again and has caught up with what was published by then."""

    def __init__(self, running: Pipeline) -> None:
        super().__init__(name="watch", daemon=True)
        self._running = running
        self._open: list[Strike] = []
        self._goal: dict[int, int] = {}  # by id of the strike: the sequence to be reached
        self._ring: Ring | None = None
        self.let_go = threading.Event()

    def add(self, strike: Strike) -> None:
        """Follow this one; who is struck again before it has caught up is followed anew."""
        self._open = [one for one in self._open if one.victim != strike.victim] + [strike]

    def run(self) -> None:
        """Until let go."""
        while not self.let_go.wait(LOOK_S):
            if self._open:
                self._look()
        if self._ring is not None:
            self._ring.close()

    def _look(self) -> None:
        ring = self._attached()
        if ring is None:
            return
        cursors = {cursor.name: cursor for cursor in ring.cursors()}
        for strike in self._open[:]:
            if self._has_caught_up(strike, ring, cursors):
                strike.caught_up_s = time.monotonic()
                self._open = [one for one in self._open if one is not strike]

    def _attached(self) -> Ring | None:
        if self._ring is not None and not self._ring.is_current:
            self._ring.close()
            self._ring = None
        if self._ring is None:
            try:
                self._ring = Ring.attach(f"/{self._running.name}.events", "event")
            except SegmentError:
                return None
        return self._ring

    def _has_caught_up(self, strike: Strike, ring: Ring, cursors: dict[str, CursorView]) -> bool:
        if strike.victim == "engine":
            return ring.published > strike.published
        cursor = cursors.get(strike.victim)
        if cursor is None or not cursor.alive or (strike.kind == "kill" and cursor.pid == strike.pid):
            return False
        goal = self._goal.setdefault(id(strike), ring.published)
        return cursor.sequence >= goal


class Nemesis:
    """Strikes with `faults` one after another, with pauses between them, and remembers all that it did."""

    def __init__(self, running: Pipeline, rng: random.Random, pause_s: tuple[float, float]) -> None:
        self._running, self._rng, self._pause_s = running, rng, pause_s
        self.strikes: list[Strike] = []
        self._watch = Watch(running)
        self._published = 0

    def run(self, faults: Sequence[Fault], go_on: Callable[[], bool] = lambda: True) -> None:
        """Inflict them all, or until `go_on` says no."""
        self._watch.start()
        try:
            for fault in faults:
                if not go_on():
                    return
                time.sleep(self._rng.uniform(*self._pause_s))
                flowed = self._await_flow()
                strike = fault.strike(self._running, self._rng)
                strike.flowed = flowed
                self.strikes.append(strike)
                if not strike.caught_up_s:
                    self._watch.add(strike)
            for timer in [timer for fault in faults if isinstance(fault, Stop) for timer in fault.timers]:
                timer.join()
        finally:
            self._watch.let_go.set()
            self._watch.join()

    def _await_flow(self) -> int:
        """Faults are to hit a pipeline at work: how many events came since the strike before."""
        before, deadline = self._published, time.monotonic() + FLOW_S
        while (now := published_now(self._running)) - before < FLOW_EVENTS and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        self._published = max(now, before)
        return max(now - before, 0)


def counted(strikes: Sequence[Strike], kind: str) -> dict[str, int]:
    """How often each victim was struck in this way."""
    found: dict[str, int] = {}
    for strike in strikes:
        if strike.kind == kind:
            found[strike.victim] = found.get(strike.victim, 0) + 1
    return found


def schedule(
    rng: random.Random, processes: Sequence[str], kills: int, segments: int, stops: Sequence[Stop]
) -> list[Fault]:
    """`kills` of each process in `segments` parts, each in an order of its own and ended by the supervisor's death.

    The supervisor's successor starts without back-off, so no process is kept down for long.
    """
    found: list[Fault] = []
    for segment in range(segments):
        many = kills * (segment + 1) // segments - kills * segment // segments
        part: list[Fault] = []
        for _ in range(many):
            victims: list[Any] = [Kill(process) for process in processes]
            rng.shuffle(victims)
            part += victims
        for stop in stops[segment::segments]:
            part.insert(rng.randint(0, len(part)), stop)
        found += [*part, KillSupervisor()]
    return found
