"""The measured loop of the attacks: a clock round every command and round every step."""

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from engine.compose import out_at
from engine.core import Engine
from engine.decide import decide, time_of
from engine.expiry import is_expiry_due
from engine.state import state_at
from engine.steps import take_steps
from ringbuf.jit import inline, kernel_of
from ringbuf.records import COMMAND, RECORD_SIZE
from ringbuf.system import MONOTONIC, clock_ns

# One row a command.
TURN = np.dtype(
    [
        ("command_ns", "<i8"),
        ("command_events", "<i8"),
        ("steps", "<i8"),  # before it, because of its time, and after it, because of what it did
        ("steps_ns", "<i8"),
        ("longest_step_ns", "<i8"),
    ]
)
THREAD_CPU = 3  # Linux's CLOCK_THREAD_CPUTIME_ID


@inline
def _less(wall_ns, cpu_ns):
    """Time by the clock, or of the processor where that is less: somebody else had the core in between."""
    return cpu_ns if cpu_ns < wall_ns else wall_ns


@kernel_of("int64(int64, int64, int64, int64, int64[:, :])")
def _run_timed(state_address, out_address, commands_address, count, turns):  # type: ignore[no-untyped-def]
    state = state_at(state_address)
    out = out_at(out_address)
    for i in range(count):
        address = commands_address + i * RECORD_SIZE
        for after in range(2):
            now_ns = state.ts_ns if after == 1 else time_of(state, out, address)
            while state.due_head != 0 or is_expiry_due(state, now_ns):
                cpu = clock_ns(THREAD_CPU)
                before = clock_ns(MONOTONIC)
                take_steps(state, out, now_ns, state.seq)  # one of them
                took = clock_ns(MONOTONIC) - before
                took = _less(took, clock_ns(THREAD_CPU) - cpu)
                turns[i, 2] += 1
                turns[i, 3] += took
                if took > turns[i, 4]:
                    turns[i, 4] = took
            if after == 0:
                first = state.seq
                cpu = clock_ns(THREAD_CPU)
                before = clock_ns(MONOTONIC)
                decide(state, out, address)
                took = clock_ns(MONOTONIC) - before
                turns[i, 0] = _less(took, clock_ns(THREAD_CPU) - cpu)
                turns[i, 1] = state.seq - first
    return state.seq


class TimedEngine(Engine):
    """An engine whose commands and steps are timed one by one; their events are overwritten as it goes on."""

    def run_timed(self, commands: np.ndarray) -> np.ndarray:
        """A TURN row for each command."""
        assert commands.dtype == COMMAND and commands.flags.c_contiguous
        turns = np.zeros((len(commands), len(TURN)), np.int64)
        _run_timed(self.state.address, self._out.ctypes.data, commands.ctypes.data, len(commands), turns)
        return turns.view(TURN).reshape(-1)
