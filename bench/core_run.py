"""The measured loop: prebuilt commands through the whole engine into the event ring."""

from collections.abc import Callable

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from engine.compose import OUT, out_at
from engine.decide import decide
from engine.lookahead import FIRST, SPACING, STEPS, look, pays
from engine.memory import load_i64, store_i64
from engine.state import Limits, State, state_at
from ringbuf.atomics import pause, prefetch_write
from ringbuf.jit import inline, kernel_of
from ringbuf.layout import SLOTS_AT
from ringbuf.records import COMMAND, RECORD_SIZE
from ringbuf.ring import Ring
from ringbuf.ring_kernels import ring_publish, ring_room, ring_wake

PAUSES_MAX = 10_000_000  # a quarter of a second
PUBLISH_MASK = 15  # publish every 16 commands; the serving loop does after each turn of a lane, up to 64
LOOK_AHEAD = 16
_ORDER_ID_AT = int((COMMAND.fields or {})["order_id"][1])


@inline
def _step(state, out, commands, i, count, targets, order_ids, looks):
    """Decide one command, aimed at the order that the workload means; see run_into_ring."""
    command = commands + i * 128
    if targets != 0 and i + LOOK_AHEAD < count:
        # the map from workload ids to the engine's is large and read at random: its lines are asked for early
        upcoming = load_i64(targets + (i + LOOK_AHEAD) * 8)
        prefetch_write(order_ids + (upcoming if upcoming > 0 else -upcoming) * 8)
    if looks and i + FIRST < count:
        for step in range(STEPS):
            look(state, command + (FIRST - step * SPACING) * 128, step)
    target = 0
    if targets != 0:
        target = load_i64(targets + i * 8)
    if target < 0:
        store_i64(command + _ORDER_ID_AT, load_i64(order_ids - target * 8))
    first = state.seq + 1
    decide(state, out, command)
    if target > 0:
        # an order's id is the sequence of its `accepted`, the first event of its command
        store_i64(order_ids + target * 8, first)


@kernel_of("int64(int64, int64, int64, int64, int64, int64, int64, int64)")
def run_into_ring(state_address, out_address, ring, commands, start, count, targets, order_ids):  # type: ignore[no-untyped-def]
    """Decide commands `start` up to `count`, published a few at a time; returns where it stopped.

    It waits for the gating reader, but not for ever: where that one stands still it returns early.

    `targets`: i64 a command, the workload's order: > 0 it is placed, < 0 it is aimed at. `order_ids`: i64 an order
    of the workload, the engine's id. Both addresses may be 0 where no command is about an order.
    """
    state = state_at(state_address)
    out = out_at(out_address)
    margin = state.max_events + 128  # claims run ahead by less than the 128
    room = 0
    looks = pays(state)
    for i in range(start, count):
        patience = PAUSES_MAX
        while room < margin:
            ring_publish(ring, state.seq)
            room = ring_room(ring)
            if room < margin:
                patience -= 1
                if patience == 0:
                    return i
                pause()
        first = state.seq + 1
        _step(state, out, commands, i, count, targets, order_ids, looks)
        if i & PUBLISH_MASK == PUBLISH_MASK:
            ring_publish(ring, state.seq)
        room -= state.seq + 1 - first
    ring_publish(ring, state.seq)
    ring_wake(ring)
    return count


@kernel_of("void(int64, int64, int64, int64, int64, int64)")
def run_private(state_address, out_address, commands, count, targets, order_ids):  # type: ignore[no-untyped-def]
    """The same loop into memory of its own: no room to look for, nothing claimed or published."""
    state = state_at(state_address)
    out = out_at(out_address)
    looks = pays(state)
    for i in range(count):
        _step(state, out, commands, i, count, targets, order_ids, looks)


class RingEngine:
    """An engine that writes into a ring of its own process, without entry, lanes or signals."""

    def __init__(self, ring: Ring, limits: Limits) -> None:
        if ring.capacity < 4 * limits.max_events:
            raise ValueError(f"ring.capacity: expected at least {4 * limits.max_events}, got {ring.capacity}")
        self.state = State(limits)
        self.state.use_huge_pages()
        self.ring = ring
        self._out = np.zeros(1, OUT)
        self._out[0]["slots"] = ring.address + SLOTS_AT
        self._out[0]["mask"] = ring.capacity - 1
        self._out[0]["timing"] = ring.address + SLOTS_AT + ring.capacity * RECORD_SIZE
        self._out[0]["ring"] = ring.address

    @property
    def seq(self) -> int:
        """Sequence of the last event."""
        return int(self.state.record["seq"])

    def run(
        self,
        commands: np.ndarray,
        targets: np.ndarray | None = None,
        order_ids: np.ndarray | None = None,
        reader_lives: Callable[[], bool] = lambda: True,
    ) -> None:
        """All of COMMAND records, in order; see run_into_ring for targets and order_ids.

        Raises RuntimeError when the ring is full and reader_lives says that nobody will make room.
        """
        assert commands.dtype == COMMAND and commands.flags.c_contiguous
        done = 0
        while done < len(commands):
            done = run_into_ring(
                self.state.address,
                self._out.ctypes.data,
                self.ring.address,
                commands.ctypes.data,
                done,
                len(commands),
                0 if targets is None else targets.ctypes.data,
                0 if order_ids is None else order_ids.ctypes.data,
            )
            if done < len(commands) and not reader_lives():
                raise RuntimeError("the reader of the ring has died")
