"""The pipeline's processes as parts that take one step at a time: the product's own objects, driven from outside."""

import random
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from client.python.lane_client import LaneClient
from config.context import Context
from config.wide_commands import fill_bust
from consumers.balances import process as balances
from consumers.journal.process import Journal
from consumers.marketdata.process import MarketData
from consumers.orders import process as orders
from consumers.risk.process import Risk
from consumers.runtime import FAILURES, Loop, Pace, Then
from consumers.settlement import process as settlement
from consumers.source import JournalSource
from engine.process import _Serving
from engine.recovery import recover
from engine.replica import Replica
from engine.views import state_digest
from ops.memory import SharedMemory
from ringbuf.codes import FLAG_LAST, STEP_SESSION, EventType, Op
from ringbuf.lanes import Lanes, _lines
from ringbuf.layout import PUBLISHED_AT
from ringbuf.ring import Ring
from ringbuf.ring_kernels import write_i64
from tests.simulation.disk import Disk
from tests.simulation.flows import LIMITS, Unit
from tests.simulation.promises import Violation

WINDOW = 32  # commands under way: half of the client ids that an account's window remembers
UNSURE = 8  # answered commands that a client killed before it noted them sends again
MAKERS: dict[str, Callable[[], Any]] = {
    "replica": Replica,
    "orders": orders.consumer,
    "balances": balances.consumer,
    "marketdata": MarketData,
    "settlement": settlement.consumer,
    "risk": Risk,
}


class Part(Protocol):
    """A process of the pipeline. Each may be killed in each of these but `drop`."""

    name: str

    def start(self) -> None:
        """Begin: attach, open, recover."""

    def step(self) -> bool:
        """Do a little; whether there was anything to do."""

    def rests(self) -> bool:
        """Whether a step would find nothing to do, as far as can be seen cheaply."""

    def fail(self) -> None:
        """End by name, as the process does after one of consumers.runtime.FAILURES."""

    def drop(self) -> None:
        """It is dead: forget the objects."""


class ConsumerPart:
    """A consumer on the runtime's own loop."""

    def __init__(self, name: str, context: Context, dice: random.Random) -> None:
        self.name = name
        self._context = context
        self._dice = dice
        self._begins = False  # it has not found nothing to do since its start: what was left to do it does then
        self.loop: Loop | None = None

    def start(self) -> None:
        """See Part."""
        self._begins = True
        if self.name == "journal":
            syncs = self._context.settings.engine.durability == "fsync"
            pace = Pace("futex", 256, self._context.settings.journal.sync_us * 1000 if syncs else 0)
            self.loop = Loop(Journal(pace), self._context, gates=True, ahead=True)
        else:
            self.loop = Loop(MAKERS[self.name](), self._context, gates=False, ahead=False)
        self.loop.start()

    def step(self) -> bool:
        """One step of the loop, with as many events as the dice say."""
        assert self.loop is not None
        commit_ns = (
            self.loop.pace.commit_ns if self.name == "journal" else self._dice.choice((0, 1_000_000, 20_000_000))
        )
        most = max(self._dice.choice((1, 12, 40, 256, 256)), self.loop.pending + 1)
        self.loop.pace = Pace("futex", most, commit_ns, 1_000_000_000)
        then = self.loop.step()
        self._begins = self._begins and then is not Then.WAIT
        return then in (Then.STEP, Then.GATHER)

    def rests(self) -> bool:
        """See Part."""
        assert self.loop is not None and self.loop.source is not None
        source = self.loop.source
        return not self._begins and not self.loop.pending and source.position >= source.limit

    def tell(self) -> None:
        """SIGTERM."""
        assert self.loop is not None
        self.loop.on_signal(15, None)

    def ends(self) -> bool:
        """One step; whether it was the last."""
        assert self.loop is not None
        return self.loop.step() is Then.END

    def fail(self) -> None:
        """See Part."""
        if self.loop is not None:
            self.loop.fail()
            self.loop.finish()

    def drop(self) -> None:
        """See Part."""
        self.loop = None

    @property
    def committed(self) -> int:
        """Sequence that it has finished; -1 where it does not run."""
        return -1 if self.loop is None else self.loop.committed

    def replica_digest(self) -> str:
        """Of the replica's state."""
        assert self.loop is not None and isinstance(self.loop.consumer, Replica)
        return state_digest(self.loop.consumer.state)


class EnginePart:
    """The matching process: its turn is one compiled call, so its death within is made of what it would have left."""

    name = "engine"

    def __init__(self, context: Context, dice: random.Random) -> None:
        self._context = context
        self._dice = dice
        self.serving: _Serving | None = None

    def start(self) -> None:
        """As engine.process.main does."""
        context = self._context
        ring = Ring.attach(f"/{context.name}.events", "event")
        lanes = Lanes.attach(f"/{context.name}.lanes")
        state = recover(LIMITS, context.data, ring, lambda _: None)
        self.serving = _Serving(context, ring, lanes, state)
        self.serving.seed(context.instruments.seed_commands())
        self._own = lanes.producer("engine")

    def step(self) -> bool:
        """One turn over the lanes."""
        assert self.serving is not None
        return self.serving.turn() > 0

    def rests(self) -> bool:
        """See Part."""
        assert self.serving is not None
        lanes = self.serving.lanes
        return not (_lines(lanes.segment, lanes.lanes)["produced"] > self.serving.seen).any()

    def step_and_die(self) -> None:
        """A turn that ends somewhere: of the lanes served in it the first few are whole, of the next the events are
        written and either not yet published or published and their commands not yet released."""
        assert self.serving is not None
        ring, lanes = self.serving.ring, self.serving.lanes
        before, consumed = ring.published, _consumed(lanes)
        self.serving.turn()
        events = ring.records[np.arange(before + 1, ring.published + 1) & (ring.capacity - 1)]
        ends = _turn_ends(events)
        if not ends:
            return
        at = self._dice.randrange(len(ends))
        published = self._dice.randrange(2)
        whole = ends[: at + published]
        write_i64(ring.address + PUBLISHED_AT, whole[-1][1] if whole else before)
        now = _consumed(lanes)
        released = {lane for lane, _ in ends[:at]}
        _set_consumed(lanes, [now[lane] if lane in released else consumed[lane] for lane in range(lanes.lanes)])

    def fail(self) -> None:
        """It has no failures by name once it serves."""

    def drop(self) -> None:
        """See Part."""
        self.serving = None

    def digest(self) -> str:
        """Of its state."""
        assert self.serving is not None
        return state_digest(self.serving.state)


def _consumed(lanes: Lanes) -> list[int]:
    found: list[int] = _lines(lanes.segment, lanes.lanes)["consumed"].tolist()
    return found


def _set_consumed(lanes: Lanes, counts: list[int]) -> None:
    _lines(lanes.segment, lanes.lanes)["consumed"] = counts


def _turn_ends(events: np.ndarray) -> list[tuple[int, int]]:
    """(lane, its last answer's sequence) of each lane that a turn served, in order; the last one with all that follows.

    Steps between two lanes may be the second one's: the first counts without them, as where its turn was too long.
    """
    found: list[tuple[int, int]] = []
    for session, seq, flags in zip(*(events[name].tolist() for name in ("session", "seq", "flags")), strict=True):
        if flags & FLAG_LAST and session != STEP_SESSION:
            if found and found[-1][0] == session >> 24:
                found.pop()
            found.append((session >> 24, seq))
    if found:
        found[-1] = (found[-1][0], int(events["seq"][-1]))
    return found


class HostPart:
    """What the supervisor does with shared memory: made at a start, its end brought into the journal at a stop."""

    name = "supervisor"

    def __init__(self, name: str, data: Path, settings: Any) -> None:
        self._args = (name, data, settings)
        self.memory: SharedMemory | None = None

    def start(self) -> None:
        """See Part."""
        self.memory = SharedMemory.open(*self._args)

    def step(self) -> bool:
        """Nothing between start and stop."""
        return False

    def rests(self) -> bool:
        """See Part."""
        return True

    def finish(self) -> str:
        """After the last process."""
        assert self.memory is not None
        return self.memory.finish()

    def fail(self) -> None:
        """See Part."""

    def drop(self) -> None:
        """See Part."""
        self.memory = None


class ClientPart:
    """A client that sends its units in order, each until it is answered, as `feed` does."""

    def __init__(self, name: str, context: Context, units: tuple[Unit, ...], dice: random.Random, disk: Disk) -> None:
        self.name = name
        self._context = context
        self._dice = dice
        self._disk = disk
        self._ready = deque(unit.copy() for unit in units)
        self._pending: deque[Unit] = deque()
        self._members = 0  # commands of the first pending unit that are answered
        self._answered: deque[Unit] = deque(maxlen=UNSURE)
        self._trades: list[np.void] = []
        self._link: LaneClient | None = None
        self.acknowledged = 0

    @property
    def done(self) -> bool:
        """Whether all it had to say is answered."""
        return not self._ready and not self._pending

    def start(self) -> None:
        """Open a lane; what was under way, or may not have been noted, goes again."""
        journal = JournalSource(self._context.data)  # opened where it is asked
        self._link = LaneClient(self._context.name, self.name, lambda seq, n: journal.reader.read(seq, n))

    def step(self) -> bool:
        """Send some, or take what has come."""
        assert self._link is not None
        if not self._link.is_current:
            self._link.close()
            self._again(0)
            self.start()
            return True
        sent = self._send() if self._dice.randrange(3) else False
        return self._receive() or sent

    def rests(self) -> bool:
        """See Part."""
        assert self._link is not None
        waits = not self._ready or len(self._pending) == WINDOW
        return self.done or (waits and self._link._reader.position >= self._link._reader.limit)

    def _send(self) -> bool:
        assert self._link is not None
        room = min(WINDOW - len(self._pending), self._dice.choice((1, 3, 16)), len(self._ready))
        for _ in range(room):
            unit = self._ready[0]
            if unit["op"][0] == Op.BUST and not unit["refuse"][0] and not self._fill_bust(unit):
                return False
            if self._link.send(unit) < len(unit):
                return True
            self._pending.append(self._ready.popleft())
        return room > 0

    def _fill_bust(self, unit: Unit) -> bool:
        """A bust brings its trade; one that this history has. False: not before all else is answered."""
        if self._pending:
            return False
        if not self._trades:
            unit["op"], unit["refuse"] = Op.TIME, 0
        else:
            trade = self._dice.choice(self._trades[-40:])
            fill_bust(unit, int(trade["seq"]), trade)
        return True

    def _receive(self) -> bool:
        assert self._link is not None
        events = self._link.receive(0)
        if not len(events):
            return False
        self._trades += list(events[events["type"] == EventType.TRADE])
        for _ in range(self._link.own_answers(events)):
            if not self._pending:
                raise Violation("once", f"{self.name}: an answer too many, after {self.acknowledged}")
            self._members += 1
            self.acknowledged += 1
            if self._members == len(self._pending[0]):
                self._answered.append(self._pending.popleft())
                self._members = 0
        return True

    def _again(self, unsure: int) -> None:
        """Take up what is under way again, and so many before it."""
        again = [*self._pending]
        for _ in range(min(unsure, len(self._answered))):
            again.insert(0, self._answered.pop())
            self._disk.counts["duplicates"] += 1
        self._disk.counts["duplicates"] += len(self._pending)
        self._ready.extendleft(reversed(again))
        self._pending.clear()
        self._members = 0

    def fail(self) -> None:
        """See Part."""

    def drop(self) -> None:
        """Killed: it remembers what it has noted, which is not the last few answers."""
        self._link = None
        self._again(self._dice.randint(0, UNSURE))


__all__ = ["FAILURES", "ClientPart", "ConsumerPart", "EnginePart", "HostPart", "Part"]
