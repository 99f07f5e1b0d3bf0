"""The engine as a library: commands in, events out, without a process, a ring or a clock."""

from typing import Any

import numpy as np

from engine.compose import OUT, out_at
from engine.decide import command_at, decide, time_of
from engine.fold import fold
from engine.group import decide_run
from engine.matching import EVENTS_BEYOND
from engine.state import Limits, State, state_at
from engine.steps import may_have_steps, take_steps
from engine.views import balances_of, depth_of, open_orders, state_digest, suspended_of, waiting_orders
from ringbuf.codes import CMD_GROUP
from ringbuf.jit import kernel_of
from ringbuf.records import COMMAND, EVENT, RECORD_SIZE


@kernel_of("int64(int64, int64, int64, int64, int64)")
def run_commands(state_address, out_address, commands_address, count, room):  # type: ignore[no-untyped-def]
    """Decide up to `count` commands and take the steps that they make due, while `room` records are left for one that
    emits most; how many commands it took. Steps may still be due then."""
    state = state_at(state_address)
    out = out_at(out_address)
    most = state.seq + room - state.max_events - EVENTS_BEYOND
    i = 0
    while i < count:
        address = commands_address + i * RECORD_SIZE
        if state.seq > most:
            return i
        if may_have_steps(state) and not take_steps(state, out, time_of(state, out, address), most):
            return i
        if command_at(address).flags & CMD_GROUP == 0:
            decide(state, out, address)
            i += 1
        else:
            i += decide_run(state, out, address, count - i)
    take_steps(state, out, state.ts_ns, most)
    return count


class Engine:
    """A whole engine in private memory, for offline runs, recovery checks and tests."""

    def __init__(self, limits: Limits | None = None, seed: int = 0) -> None:
        self.limits = limits or Limits()
        self.state = State(self.limits, seed)
        capacity = 1 << (4 * (self.limits.max_events + EVENTS_BEYOND) - 1).bit_length()
        self._slots = np.zeros(capacity, EVENT)
        self._out = np.zeros(1, OUT)
        self._out[0]["slots"] = self._slots.ctypes.data
        self._out[0]["mask"] = capacity - 1

    @property
    def seq(self) -> int:
        """Sequence of the last event."""
        return int(self.state.record["seq"])

    def run(self, commands: np.ndarray) -> np.ndarray:
        """Events (EVENT records) that answer COMMAND records, in order."""
        commands = np.ascontiguousarray(commands)
        assert commands.dtype.itemsize == RECORD_SIZE, f"{commands.dtype} is no {COMMAND}"
        address, count = commands.ctypes.data, len(commands)
        parts = []
        done = 0
        while done < count or self.state.record["due_head"] != 0:
            first = self.seq
            took = run_commands(
                self.state.address,
                self._out.ctypes.data,
                address + done * RECORD_SIZE,
                count - done,
                len(self._slots),
            )
            done += took
            parts.append(self._between(first, self.seq))
        return np.concatenate(parts) if parts else np.zeros(0, EVENT)

    def _between(self, first: int, last: int) -> np.ndarray:
        """Copy of the events first+1 … last out of the private ring."""
        mask = len(self._slots) - 1
        start, stop = (first + 1) & mask, (last + 1) & mask
        if last - first and stop <= start:
            return np.concatenate([self._slots[start:], self._slots[:stop]])
        return self._slots[start:stop].copy()

    def apply(self, events: np.ndarray) -> None:
        """Fold recorded events; raises HistoryError naming the first that does not fit."""
        fold(self.state, events)

    def balances(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows account, asset, available, frozen sorted; fees per asset id), minor units."""
        return balances_of(self.state)

    def suspended_accounts(self) -> list[int]:
        """Those that may place nothing, ascending."""
        return suspended_of(self.state)

    def orders(self, symbol: int) -> np.ndarray:
        """Open orders of a symbol in priority: bids best first, then asks; see engine.views.OPEN_ORDER."""
        return open_orders(self.state, symbol)

    def waiting(self, symbol: int) -> np.ndarray:
        """Orders of a symbol that stand in no book yet, as OPEN_ORDER rows: those to enter next come first."""
        return waiting_orders(self.state, symbol)

    def depth(self, symbol: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(bids, asks) as (price_ticks, total_lots), best first."""
        return depth_of(self.state, symbol)

    def state_hash(self) -> str:
        """Hex digest over everything that decides what comes next, whatever its place in memory."""
        return state_digest(self.state)

    def header(self) -> dict[str, Any]:
        """Counters of the state header."""
        return {name: int(self.state.record[name]) for name in self.state.header.dtype.names or ()}
