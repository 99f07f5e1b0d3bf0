"""The journal alone, as fast as a ring can be filled: events a second that are safe, by durability mode."""

import os
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from bench.cores import pinned, wait_for
from config.catalog import Catalog
from config.context import Context
from config.settings import EngineSettings, Settings
from consumers.journal.checks import fill_checksums
from consumers.journal.process import main
from ops.child import fork
from ops.processes import PROCESSES
from ringbuf.codes import FLAG_LAST, EventType
from ringbuf.cursor import CursorState
from ringbuf.records import EVENT
from ringbuf.ring import Ring
from ringbuf.shm import unlink

CAPACITY = 1 << 17
PIECE = 1 << 12
EVENTS, EVENTS_QUICK = 10_000_000, 1_000_000


def _piece(first: int) -> np.ndarray:
    made = np.zeros(PIECE, EVENT)
    made["seq"] = np.arange(first, first + PIECE)
    made["type"], made["flags"] = EventType.TIME, FLAG_LAST
    fill_checksums(made)
    return made


def _is_alive(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def run_once(name: str, data: Path, mode: str, count: int) -> float:
    """Events a second from the first one published to the last one safe; raises RuntimeError where the journal dies."""
    ring = Ring.create(f"/{name}.events", CAPACITY, "event", 1, mode, gate="journal", stale="reclaim")
    data.mkdir(parents=True)
    (data / "logs").mkdir()
    settings = Settings(engine=EngineSettings(durability=mode))
    context = Context(name=name, data=data, port_base=0, settings=settings, epoch=1, instruments=Catalog())
    spec = next(spec for spec in PROCESSES if spec.name == "journal")
    assert spec.entry_point() is main  # imported before the fork: the child compiles nothing
    allowed = os.sched_getaffinity(0)
    pieces = [_piece(1 + at) for at in range(0, count, PIECE)]
    pid = fork(spec, context, allowed)
    try:
        with pinned(0):
            wait_for(lambda: ring.gate_state == CursorState.RUNNING, lambda: _is_alive(pid), "the journal")
            begin = time.perf_counter()
            for piece in pieces:
                wait_for(lambda: ring.room >= PIECE, lambda: _is_alive(pid), "the journal")
                published = ring.append(piece)
            wait_for(lambda: ring.durable >= published, lambda: _is_alive(pid), "the journal")
            return published / (time.perf_counter() - begin)
    finally:
        os.kill(pid, 15)
        os.waitpid(pid, 0)
        ring.close()
        for segment in ("events", "metrics"):
            unlink(f"/{name}.{segment}")
        shutil.rmtree(data)
        os.sync()  # or the next run shares the disk with what this one left


def measure(folder: Path, name: str, runs: int, quick: bool) -> dict[str, Any]:
    """Medians by mode."""
    count = EVENTS_QUICK if quick else EVENTS
    found: dict[str, Any] = {"events": count, "runs": runs}
    for mode in ("journal", "fsync"):
        rates = [run_once(name, folder / f"{mode}{number}", mode, count) for number in range(runs)]
        found[mode] = {"events_per_s": round(statistics.median(rates)), "best_events_per_s": round(max(rates))}
    return found
