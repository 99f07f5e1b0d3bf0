"""The timed pieces of the budget, each on a fresh state brought to where the workload's first message finds it."""

import mmap
import time
from collections.abc import Callable

import numpy as np

from bench import passes
from bench.budget_kernels import checksums_alone, ids_alone, records_alone
from bench.core_run import run_private
from bench.cores import own_copy, pinned
from bench.passes import CAPACITY, Workload
from engine.compose import OUT
from engine.fold import apply_events
from engine.state import State
from ringbuf.records import EVENT

Clock = Callable[[Callable[[], None]], float]


class Times:
    """One workload; every method gives nanoseconds for all of its messages together."""

    def __init__(self, load: Workload, clock: Clock) -> None:
        assert load.targets is not None
        self.load = load
        self.messages = len(load.commands)
        self._clock = clock
        self._targets = own_copy(load.targets)
        self._order_ids = own_copy(np.zeros(int(np.abs(load.targets).max()) + 1, np.int64))
        self._small = _buffer(CAPACITY)
        self.setup_events, self.history = self._record()

    def _run(self, slots: np.ndarray, commands: np.ndarray, state: State, measured: bool) -> float:
        out = np.zeros(1, OUT)
        out[0]["slots"], out[0]["mask"] = slots.ctypes.data, len(slots) - 1
        targets, order_ids = (self._targets.ctypes.data, self._order_ids.ctypes.data) if measured else (0, 0)
        return self._clock(
            lambda: run_private(state.address, out.ctypes.data, commands.ctypes.data, len(commands), targets, order_ids)
        )

    def _fresh(self) -> State:
        state = State(self.load.limits)
        state.use_huge_pages()
        return state

    def _record(self) -> tuple[int, np.ndarray]:
        """All events of a run, by sequence - 1, and how many the setup made."""
        most = len(self.load.setup) + self.load.events_max * self.messages
        slots = _buffer(1 << most.bit_length())
        state = self._fresh()
        self._run(slots, self.load.setup, state, measured=False)
        before = int(state.record["seq"])
        self._run(slots, self.load.commands, state, measured=True)
        return before, slots[1 : int(state.record["seq"]) + 1]

    @property
    def _measured(self) -> np.ndarray:
        return self.history[self.setup_events :]

    def _begun(self) -> State:
        """A state in which accounts and instrument stand, made by apply."""
        state = self._fresh()
        apply_events(state.address, self.history.ctypes.data, self.setup_events)
        return state

    def with_reader(self) -> float:
        """Into the ring, a second process reads: wall clock, as in the yardstick."""
        return passes.run_once(self.load).seconds * 1e9

    def ring(self) -> float:
        """Into the ring, which nobody reads."""
        return passes.run_alone(self.load, time.process_time) * 1e9

    def private(self) -> float:
        """Into a buffer of the ring's size."""
        state = self._fresh()
        with pinned(0):
            self._run(self._small, self.load.setup, state, measured=False)
            return self._run(self._small, self.load.commands, state, measured=True)

    def apply(self) -> float:
        """The recorded events applied, nothing decided."""
        state, events = self._begun(), self._measured
        with pinned(0):
            return self._clock(lambda: apply_events(state.address, events.ctypes.data, len(events)))

    def ids(self) -> float:
        """Accounts, client ids and order ids alone."""
        state, events = self._begun(), self._measured
        with pinned(0):
            return self._clock(lambda: ids_alone(state.address, events.ctypes.data, len(events)))

    def records(self) -> float:
        """The records of all events composed alone."""
        state, events = self._begun(), self._measured
        out = np.zeros(1, OUT)
        out[0]["slots"], out[0]["mask"] = self._small.ctypes.data, len(self._small) - 1
        with pinned(0):
            return self._clock(lambda: records_alone(state.address, out.ctypes.data, events.ctypes.data, len(events)))

    def checksums(self) -> float:
        """A checksum for each event, over records that stand in the cache of the ring's size."""
        slots, count = self._small, len(self._measured)
        with pinned(0):
            return self._clock(lambda: checksums_alone(slots.ctypes.data, len(slots) - 1, count))


def _buffer(records: int) -> np.ndarray:
    """Touched private memory for so many events, a power of two."""
    memory = mmap.mmap(-1, records * EVENT.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    array = np.frombuffer(memory, EVENT, records)
    array["seq"] = 0
    return array
