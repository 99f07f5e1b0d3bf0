"""The scheduler: one history from its seed. It says who runs next, how long, and who dies of what."""

import random
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from consumers.journal.reader import JournalReader
from consumers.runtime import FAILURES, ConsumerError
from consumers.store import StoreError
from ops.leftover import unlink_all
from ringbuf.lanes import _lines
from ringbuf.ring import Ring
from tests.simulation.clock import Clock
from tests.simulation.disk import Disk, When
from tests.simulation.dying import Killed, Process, Processes
from tests.simulation.files import SimulatedOs
from tests.simulation.parts import ClientPart, ConsumerPart, EnginePart, HostPart, Part
from tests.simulation.plan import CONSUMERS, Plan, plan_of
from tests.simulation.promises import Violation
from tests.simulation.seams import world
from tests.simulation.stores import SimulatedLmdb

DRAWS = 20  # of who runs next; whoever is found at rest is drawn again
CALM = 12  # looks, about, that all stands still for before a history ends: what dies then is found, too
LOOKS = 6_000  # of the scheduler with faults; then there are no more
PATIENCE = 20_000  # looks after that: whoever is not done then is stuck
BACKWARD, BACKWARD_STEP_NS = 0.002, 5_000_000


class History:
    """One run. `counts`: what happened. After `run` the parts stand still, at the end, and `oracle` looks at them."""

    def __init__(self, seed: int, root: Path, name: str, loud: bool = False, only: str = "") -> None:
        self.plan: Plan = plan_of(seed, only)
        self.name = name
        self.data = root / name
        self.loud = loud
        self.counts: Counter[str] = Counter()
        self.dice = random.Random(seed ^ 0x5EED)
        self.processes = Processes()
        self.clock = Clock()
        self.disk = Disk(self.data, self.dice, self.processes, self.counts)
        self.disk.powered = self.plan.mode == "fsync"
        self.lmdb = SimulatedLmdb(self.disk)
        self.lanes: dict[int, list[bytes]] = {}  # by lane: what was put in, as many as its history counts
        self.told: list[bytes] = []  # events that were readable, in pieces
        self.told_to = 0
        self._alive: dict[str, Process] = {}
        self._stalled: dict[str, int] = {}
        self._full_for = 0
        self._ring: Ring | None = None
        self._calm = False
        self._make_parts()

    def _make_parts(self) -> None:
        plan, dice = self.plan, self.dice
        context = plan.context(self.name, self.data, 0)
        self.host = HostPart(self.name, self.data, context.settings)
        self.consumers: dict[str, ConsumerPart] = {}
        self.engine: EnginePart | None = None
        two = not plan.plain and dice.random() < 0.5
        shares = [plan.units[at :: 1 + two] for at in range(1 + two)]
        self.clients = [ClientPart(f"feed{at}", context, share, dice, self.disk) for at, share in enumerate(shares)]
        self._parts: dict[str, Part] = {client.name: client for client in self.clients}
        first = ("engine", *(client.name for client in self.clients))  # so that those who follow have something to do
        chances = {**dict.fromkeys(first, (5, 10, 30)), **dict.fromkeys(CONSUMERS, (1, 2, 5, 10))}
        self._urn = [name for name, most in chances.items() for _ in range(dice.choice(most))]

    # What happens.

    def run(self) -> None:
        """From nothing to the end: everybody has finished everything and is stopped. Raises Violation."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        files = SimulatedOs(self.disk)
        try:
            with world(self.processes, self.clock, files, self.lmdb, self._sent):
                for _ in range(LOOKS):
                    self._look()
                    if self._is_done():
                        break
                self._come_to_rest()
                self._compare_states()
                self._stop_all()
        finally:
            self._bury_all()
            unlink_all(self.name)

    def _look(self) -> None:
        """The scheduler looks around once."""
        plan, dice = self.plan, self.dice
        self.counts["looks"] += 1
        self.clock.now_ns += dice.choice((1_000, 50_000, 2_000_000))
        self._disk_changes()
        if self.host.memory is None:
            self._begin(self.host)
            return
        roll = dice.random()
        for chance, what in ((plan.crash, self._crash), (plan.stop, self._stop_and_go), (plan.power, self._lose_power)):
            if roll < chance:
                what()
                return
            roll -= chance
        self._run(self._choose())

    def _choose(self) -> str:
        """Who runs next: who has something to do, and now and then who has not."""
        urn, looks = self._urn, self.counts["looks"]
        if self._stalled:
            urn = [name for name in urn if self._stalled.get(name, 0) <= looks]
        if not urn:
            self._stalled.clear()
            urn = self._urn
        resting: set[str] = set()
        for _ in range(DRAWS):
            name = urn[int(self.dice.random() * len(urn))]
            if name in resting:
                continue
            if name not in self._alive or not self._parts[name].rests():
                break
            resting.add(name)
        else:
            self._stalled.clear()  # nobody else has anything to do
        if self.dice.random() < self.plan.stall * (not self._calm):
            self._stalled[name] = looks + self.dice.choice((10, 40, 150))
            self.counts["stalls"] += 1
        return name

    def _run(self, name: str) -> None:
        """One process does one thing: begins, or takes a step."""
        part = self._parts.get(name)
        if name not in self._alive:
            self._begin(part or self._made(name))
            return
        assert part is not None
        if self.dice.random() < (self.plan.client if name.startswith("feed") else self.plan.kill):
            self.counts["kills"] += 1
            self._bury(name)
            return
        if name == "engine" and self.dice.random() < self.plan.doom:  # compiled: nothing of the disk is in its turn
            self._do(name, self.engine.step_and_die)  # type: ignore[union-attr]
            self.counts["kills"] += 1
            self._bury(name)
        else:
            self._do(name, part.step)
        self._note_told()

    def _made(self, name: str) -> Part:
        context = self.plan.context(self.name, self.data, self.host.memory.epoch)  # type: ignore[union-attr]
        if name == "engine":
            part: Part = EnginePart(context, self.dice)
            self.engine = part  # type: ignore[assignment]
        else:
            part = self.consumers[name] = ConsumerPart(name, context, self.dice)
        self._parts[name] = part
        return part

    def _begin(self, part: Part) -> None:
        self._alive[part.name] = self.processes.begin(part.name)
        self._parts[part.name] = part
        self.counts["starts"] += 1
        self._do(part.name, part.start)
        if part is self.host and part.name in self._alive:
            self._ring = Ring.attach(f"/{self.name}.events", "event")
            self._note_told()
            assert self.host.memory is not None
            lanes = self.host.memory._lanes
            for lane, base in enumerate(_lines(lanes.segment, lanes.lanes)["base"].tolist()):
                del self.lanes.get(lane, [])[base:]  # what the memory before still had is gone with it

    def _do(self, name: str, call: Any) -> Any:
        """Run a piece of a process, which may die in it or end by name."""
        process, plan = self._alive[name], self.plan
        if self.dice.random() < plan.doom:
            self.disk.doom(self.dice.choice((1, 1, 2, 3, 5, 9)), self.dice.choice(list(When)))
        self.counts["steps"] += 1
        try:
            with self.processes.run_as(process):
                return call()
        except Killed:
            self.counts["kills"] += 1
            self._say(f"{name} is killed in {call.__name__}")
            self._bury(name)
        except FAILURES as error:
            self._end_by_name(name, error)
        finally:
            self.disk.spare()
        return None

    def _end_by_name(self, name: str, error: BaseException) -> None:
        """As the process does: it says so, lets go of everything, ends; only a disk error it was given excuses it."""
        process = self._alive[name]
        self._say(f"{name} ends: {type(error).__name__}: {error}")
        if not process.hurt and not self._waits_for_journal(name, error):
            raise Violation("ends", f"{name} ended without cause: {type(error).__name__}: {error}") from error
        self.counts["named_ends"] += 1
        try:
            with self.processes.run_as(process):
                self._parts[name].fail()
        except Killed:
            self.counts["kills"] += 1
        self._bury(name)
        self._stalled[name] = self.counts["looks"] + self.dice.choice((1, 10, 40))  # the supervisor waits before it

    def _waits_for_journal(self, name: str, error: BaseException) -> bool:
        """In durability `memory` these may be ahead of the journal, from which they begin: they are started anew until
        it has come that far."""
        behind = isinstance(error, ConsumerError | StoreError) and "the journal ends at" in str(error)
        return self.plan.mode == "memory" and name in ("marketdata", "risk") and behind

    def _bury(self, name: str) -> None:
        process = self._alive.pop(name)
        self._parts[name].drop()
        self.processes.end(process)
        if name not in ("feed0", "feed1", self.host.name):
            del self._parts[name]
            if name == "engine":
                self.engine = None
            else:
                del self.consumers[name]

    def _bury_all(self) -> None:
        for name in list(self._alive):
            self._bury(name)
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _crash(self) -> None:
        """Everybody at once, as when the whole group of processes is killed; shared memory and files stay."""
        self._say("everybody is killed")
        self.counts["crashes"] += 1
        self._bury_all()

    def _stop_and_go(self) -> None:
        """Told to stop, everybody drains; whoever is dead then stays so. Sometimes the supervisor does not live to
        put its memory away."""
        self._say("everybody is told to stop")
        self.counts["stops"] += 1
        self._drain()
        if self.host.name in self._alive and self.dice.randrange(3):
            self._do(self.host.name, self.host.finish)
        self._bury_all()

    def _drain(self) -> None:
        """The engine first, then the journal with all others."""
        while "engine" in self._alive and self._do("engine", self.engine.step):  # type: ignore[union-attr]
            self._note_told()
        if "engine" in self._alive:
            self._bury("engine")
        for consumer in list(self.consumers.values()):
            consumer.tell()
        left = set(self.consumers)
        for _ in range(PATIENCE):
            left &= set(self.consumers)
            if not left:
                return
            for name in CONSUMERS:
                if name in left and self._do(name, self.consumers[name].ends):
                    left.discard(name)
                    self._do(name, self.consumers[name].loop.finish)  # type: ignore[union-attr]
                    if name in self._alive:
                        self._bury(name)
                self._note_told()
            self.clock.now_ns += 100_000_000
        raise Violation("stops", f"told to stop, {sorted(left)} do not")

    def _lose_power(self) -> None:
        self._say("power is lost")
        self._bury_all()
        unlink_all(self.name)
        self.disk.lose_power()
        self.lmdb.lose_power()

    def _disk_changes(self) -> None:
        """Full for a while; one sync, one put that fails; time that steps back."""
        plan, dice, disk = self.plan, self.dice, self.disk
        if self._full_for:
            self._full_for -= 1
            disk.full = self._full_for > 0
        elif dice.random() < plan.full:
            self._full_for = dice.choice((5, 10, 30))
            disk.full = True
            self.counts["disk_full"] += 1
            self._say("the disk is full")
        if plan.failing and dice.random() < plan.failing:
            disk.failing_sync = dice.randint(1, 6)
        if plan.map_full and dice.random() < plan.map_full:
            disk.map_full = dice.randint(1, 20)
        if dice.random() < BACKWARD:
            self.clock.now_ns -= BACKWARD_STEP_NS

    # What is noted.

    def _sent(self, lane: int, index: int, commands: np.ndarray) -> None:
        """Commands went into a lane: number `index` of its history and on."""
        log = self.lanes.setdefault(lane, [])
        del log[index:]
        commands["session"] = lane << 24 | (commands["session"] & 0xFFFFFF)
        log += [commands[at : at + 1].tobytes() for at in range(len(commands))]

    def _note_told(self) -> None:
        """What anybody may read now is told: no crash of the mode's kind may take it back."""
        ring = self._ring
        if ring is None:
            return
        limit, first = ring.limit, self.told_to + 1
        if first < ring.first_seq <= limit + 1:  # what the journal has from before this ring
            with JournalReader(self.data) as journal:
                while first < ring.first_seq:
                    piece = journal.read(first, ring.first_seq - first)
                    self.told.append(piece.tobytes())
                    first += len(piece)
            self.told_to = first - 1
        if limit >= first:
            self.told.append(ring.records[np.arange(first, limit + 1) & (ring.capacity - 1)].tobytes())
            self.told_to = limit

    def _say(self, what: str) -> None:
        if self.loud:
            published = self._ring.published if self._ring is not None else "-"
            print(f"{self.counts['looks']:6} at {published}: {what}", file=sys.stderr)

    # How it ends.

    def _is_done(self) -> bool:
        return all(client.done for client in self.clients) and self.dice.randrange(CALM) == 0

    def _come_to_rest(self) -> None:
        """No more faults: everybody runs until everything is answered, and committed by all."""
        self._say("no more faults")
        self._calm = True
        disk = self.disk
        self._full_for, disk.full, disk.failing_sync, disk.map_full = 0, False, 0, 0
        self.plan = calm(self.plan)
        self._stalled.clear()
        for _ in range(PATIENCE):
            if self.host.memory is None:
                self._begin(self.host)
                continue
            if self._rests():
                return
            self.counts["looks"] += 1  # who waits to be started again waits by this
            self.clock.now_ns += 1_000_000
            self._run(self._choose())
        where = {name: part.committed for name, part in self.consumers.items()}
        raise Violation(
            "goes on", f"stuck at {self._ring.published if self._ring else 'no ring'}: {where}, {self._waits()}"
        )

    def _waits(self) -> str:
        clients = ", ".join(f"{c.name} {len(c._ready)} to send, {len(c._pending)} sent" for c in self.clients)
        return f"alive {sorted(self._alive)}; {clients}"

    def _rests(self) -> bool:
        if len(self._alive) < 2 + len(CONSUMERS) + len(self.clients) or not all(c.done for c in self.clients):
            return False
        assert self._ring is not None
        published = self._ring.published
        memory = self.host.memory
        assert memory is not None
        lanes = _lines(memory._lanes.segment, memory._lanes.lanes)[1:]  # the engine's own has the listings
        pending = bool((lanes["produced"] != lanes["consumed"]).any())
        return not pending and all(part.committed == published and part.rests() for part in self.consumers.values())

    def _compare_states(self) -> None:
        """Engine and replica hold the same state."""
        assert self.engine is not None
        self.digest = self.engine.digest()
        found = self.consumers["replica"].replica_digest()
        if found != self.digest:
            raise Violation("replica", f"the replica's state is {found}, the engine's {self.digest}")

    def _stop_all(self) -> None:
        self.last = self._ring.published  # type: ignore[union-attr]
        self._drain()
        why = self._do(self.host.name, self.host.finish)
        if why:
            raise Violation("stops", why)
        self.counts["acknowledged"] = sum(client.acknowledged for client in self.clients)
        self.counts["records"] = self.last


def calm(plan: Plan) -> Plan:
    """The same without faults."""
    names = ("kill", "doom", "crash", "stop", "power", "full", "failing", "map_full", "client", "stall")
    return replace(plan, **dict.fromkeys(names, 0.0))  # type: ignore[arg-type]
