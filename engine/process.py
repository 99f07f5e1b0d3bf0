"""The pinned matching process: recover, then poll the command lanes for ever. No I/O after the start.

It returns to Python at least every 10 ms, so that signals are heard; it waits as the profile says.
"""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

import numpy as np

from config.context import Context
from consumers.journal.format import JournalError
from engine.compose import OUT
from engine.limits import limits_of
from engine.recovery import RecoveryError, catch_up, recover
from engine.serve import find_positions, scratch_command, serve_command, serve_turn
from engine.snapshot import WORD
from engine.state import State
from ringbuf.lanes import Lanes, Producer
from ringbuf.ring import Ring
from ringbuf.shm import SegmentBusy

NAME = "engine"
IDLE_WAIT_NS = 10_000_000
BEAT_S = 0.2
FULL_WAIT_S = 0.0005


class _Serving:
    """One running engine: its state, its ring and lanes, and whether to go on."""

    def __init__(self, context: Context, ring: Ring, lanes: Lanes, state: State) -> None:
        self.ring = ring
        self.lanes = lanes
        self.state = state
        self.spins = context.settings.engine.wait == "spin"
        self.stopping = False
        self._parent = os.getppid()
        self._out = np.zeros(1, OUT)
        self._out[0]["slots"] = ring.records.ctypes.data
        self._out[0]["mask"] = ring.capacity - 1
        self._out[0]["timing"] = ring.timing.ctypes.data
        self._out[0]["ring"] = ring.address
        self._scratch = scratch_command()
        self.seen = np.zeros(lanes.lanes, np.int64)
        self._arguments = (
            state.address,
            self._out.ctypes.data,
            lanes.address,
            ring.address,
            self.seen.ctypes.data,
            self._scratch.ctypes.data,
        )
        find_positions(state.address, lanes.address, self.seen.ctypes.data)

    def seed(self, commands: np.ndarray) -> None:
        """Begin a new history with its listings; with those that are left, where an engine died among them."""
        begun = int(self.state.view("lanes", WORD, 1)[0])  # they come by no lane: lane 0, the engine's own, counts them
        if begun != int(self.state.record["seq"]):
            return  # more than listings has happened: this history was begun long ago
        for index in range(begun, len(commands)):
            serve_command(
                self.state.address,
                self._out.ctypes.data,
                self.ring.address,
                commands.ctypes.data + index * commands.dtype.itemsize,
            )
        find_positions(self.state.address, self.lanes.address, self.seen.ctypes.data)  # lane 0 has none waiting

    def turn(self) -> int:
        """One round over the lanes: how many commands it answered, -1 where the ring has no room."""
        return serve_turn(*self._arguments)

    def run(self, own: Producer) -> None:
        """Serve until told to stop or the supervisor is gone; then finish what lies in the lanes.

        Life is shown in its `own` lane.
        """
        beat_s = 0.0
        while True:
            now_s = time.monotonic()
            if now_s - beat_s > BEAT_S:
                beat_s = now_s
                own.beat()
            answered = self.turn()
            if answered > 0:
                continue
            if answered < 0:
                time.sleep(FULL_WAIT_S)
            elif self.stopping or os.getppid() != self._parent:
                return
            else:
                self.ring.wake()
                if not self.spins:
                    self.lanes.wait(self.seen, IDLE_WAIT_NS)

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Signal handler."""
        self.stopping = True


def _say(line: str) -> None:
    print(f"engine: {line}", file=sys.stderr)


def main(context: Context) -> int:
    """Recover, then run until told to stop; 0, or 1 with the reason on standard error."""
    return _serve(context, lambda ring: recover(limits_of(context.settings.engine), context.data, ring, _say))


def take_over(context: Context, state: State) -> int:
    """Go on as the engine, which is dead, from a state that followed it; otherwise as `main`."""

    def caught_up(ring: Ring) -> State:
        catch_up(state, context.data, ring, lambda line: _say(f"taking over at {int(state.record['seq'])}, {line}"))
        return state

    return _serve(context, caught_up)


def _serve(context: Context, state_at_end: Callable[[Ring], State]) -> int:
    """`state_at_end` gives the state at the ring's `published`. Owning its lane is how this process says: at work."""
    ring = Ring.attach(f"/{context.name}.events", "event")
    lanes = Lanes.attach(f"/{context.name}.lanes")
    began = time.perf_counter()
    try:
        lanes.refuse_live_owner(NAME)  # two engines never write: not even while the second only recovers
        state = state_at_end(ring)
    except (RecoveryError, JournalError, SegmentBusy) as error:
        print(f"engine: no recovery: {error}", file=sys.stderr)
        return 1
    state.use_huge_pages()
    serving = _Serving(context, ring, lanes, state)
    signal.signal(signal.SIGTERM, serving.stop)
    print(f"engine: at {ring.published} after {time.perf_counter() - began:.3f} s", file=sys.stderr)
    serving.seed(context.instruments.seed_commands())
    own = lanes.producer(NAME)
    gc.collect()
    gc.freeze()
    serving.run(own)
    own.close()
    print(f"engine: stopped at {ring.published}", file=sys.stderr)
    lanes.close()
    ring.close()
    return 0
