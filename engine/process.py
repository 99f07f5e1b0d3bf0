"""Step 1 of nine: the pinned matching process. It recovers, seeds a new history, and serves the command lanes.

Compiled code runs for at most 10 ms at a time, so that signals are heard; the supervisor pins the process.
"""

import logging
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np

from consumers.journal.format import JournalError
from engine.compose import OUT
from engine.core import run_commands
from engine.loop import serve, spin
from engine.recovery import RecoveryError, recover
from engine.state import Limits, State
from ringbuf.lanes import Lanes
from ringbuf.layout import LANE_BASE_AT, LANE_LINES_AT, LANE_PRODUCED_AT, LANE_SIZE, PUBLISHED_AT
from ringbuf.ring import Ring
from ringbuf.ring_kernels import read_i64, write_i64
from ringbuf.shm import SegmentError

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

BUDGET_NS = 10_000_000
WAIT_NS = 20_000_000
GATED_S = 0.0005
PARENT_CHECK_S = 0.2
DRAIN_S = 2.0


class _Told:
    """Whether a stop was asked for."""

    def __init__(self) -> None:
        self.stop = False
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop = True


class LiveEngine:
    """State, ring and lanes of the running engine."""

    def __init__(self, context: "Context") -> None:
        settings = context.settings.engine
        self.ring = Ring.attach(f"/{context.name}.events", "event")
        self.lanes = Lanes.attach(f"/{context.name}.lanes")
        self.state = State(
            Limits(
                max_orders=settings.max_orders,
                max_accounts=settings.max_accounts,
                max_balances=settings.max_balances,
                max_instruments=settings.max_instruments,
                max_assets=settings.max_assets,
                max_events=settings.max_events,
            )
        )
        self.seen = np.zeros(self.lanes.lanes, dtype=np.int64)
        self.out = np.zeros(1, OUT)
        self.out[0]["slots"] = self.ring.records.ctypes.data
        self.out[0]["mask"] = self.ring.capacity - 1
        self.out[0]["timing"] = self.ring.timing.ctypes.data
        self.out[0]["ring"] = self.ring.address
        self.spins = settings.wait == "spin"

    def recover(self, context: "Context") -> None:
        """Fold history; find where each lane goes on; list the instruments where there is no history yet."""
        answered = recover(self.state, context.data, self.ring)
        for lane in range(self.lanes.lanes):
            line = self.lanes.address + LANE_LINES_AT + lane * LANE_SIZE
            since = int(answered[lane]) - read_i64(line + LANE_BASE_AT)
            # The listings count for lane 0 but came through no lane: never beyond what was produced.
            self.seen[lane] = min(max(since, 0), read_i64(line + LANE_PRODUCED_AT))
        if self.ring.published == 0:
            self._seed(context)

    def _seed(self, context: "Context") -> None:
        """Make the listings visible at once: a history has all of its instruments or has not begun."""
        commands = context.instruments.seed_commands()
        self.out[0]["match_ns"] = time.time_ns()
        took = run_commands(
            self.state.address, self.out.ctypes.data, commands.ctypes.data, len(commands), self.ring.room
        )
        if took != len(commands):
            raise RecoveryError(f"the ring has room for {took} of {len(commands)} listings")
        write_i64(self.ring.address + PUBLISHED_AT, int(self.state.record["seq"]))
        self.ring.wake()

    def serve(self) -> int:
        """Answer commands for a while; how many."""
        return int(
            serve(
                self.state.address,
                self.out.ctypes.data,
                self.ring.address,
                self.lanes.address,
                self.seen.ctypes.data,
                BUDGET_NS,
            )
        )

    def wait(self) -> bool:
        """Until there is a command or a while has passed; whether there is one."""
        if self.spins:
            return bool(spin(self.lanes.address, self.seen.ctypes.data, BUDGET_NS) >= 0)
        return self.lanes.wait(self.seen, WAIT_NS) >= 0

    def close(self) -> None:
        """Let go of shared memory."""
        self.ring.wake()
        self.lanes.close()
        self.ring.close()


def _loop(engine: LiveEngine, told: _Told) -> None:
    parent = os.getppid()
    looked_s = time.monotonic()
    stop_s = None
    pending = False
    while True:
        done = engine.serve()
        if done == 0:
            engine.ring.wake()
            if told.stop and (not pending or (stop_s is not None and time.monotonic() > stop_s)):
                return
            if pending:
                time.sleep(GATED_S)  # there are commands, but the journal must catch up first
            pending = engine.wait()
        else:
            pending = False
        now_s = time.monotonic()
        if now_s - looked_s > PARENT_CHECK_S:
            looked_s = now_s
            if os.getppid() != parent or not engine.ring.is_current:
                log.warning("engine: the supervisor or its ring is gone: stopping")
                told.stop = True
        if told.stop:
            stop_s = stop_s or now_s + DRAIN_S
            if now_s > stop_s:
                return


def main(context: "Context") -> int:
    """Serve until SIGTERM or the supervisor's death. 0 = stopped, 1 = a named failure."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    told = _Told()
    engine = None
    try:
        engine = LiveEngine(context)
        engine.recover(context)
        log.info("engine: at sequence %d", int(engine.state.record["seq"]))
        _loop(engine, told)
        return 0
    except (RecoveryError, JournalError, SegmentError, OSError) as error:
        log.error("engine: %s: %s", type(error).__name__, error)
        return 1
    finally:
        if engine is not None:
            engine.close()
