"""One pass: prebuilt commands through the whole engine into a ring, every event read by a second process.

The clock starts with the first measured command and stops when the reader has the last event: decided, applied,
published in the ring, copied out of it. What stands before (listings, deposits, opening orders) is not timed.
"""

import contextlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.core_run import RingEngine
from bench.cores import own_copy, pin, pinned, shared_array, wait_for
from engine.state import Limits, State
from ringbuf.codes import EventType
from ringbuf.cursor import CursorSource, CursorState
from ringbuf.records import EVENT, RECORD_SIZE
from ringbuf.ring import Ring, RingReader
from ringbuf.shm import unlink

CAPACITY = 1 << 16
BATCH = 4_096
_STOP, _COUNT, _FOLD, _WORDS = 0, 1, 2, 3  # words that engine and reader share beside the ring
_READER = "bench-reader"

HOW = {
    "engine": "funds, fees, client ids, events with checksums in the ring, published every 16 commands",
    "reader": f"second process, gating cursor, copies every event, batches of {BATCH}",
    "ring_mib": CAPACITY * RECORD_SIZE >> 20,
    "clock": "first message decided … last event read by the second process; median of the runs",
}


@dataclass(frozen=True)
class Workload:
    """What is sent: `setup` before the clock starts, then `commands`, both dtype COMMAND.

    `targets`, where given, is the order that each command is about, see `bench.core_run.run_into_ring`.
    """

    limits: Limits
    setup: np.ndarray
    commands: np.ndarray
    targets: np.ndarray | None = None
    events_max: int = 2  # a command, on average


@dataclass(frozen=True)
class Run:
    """One pass over a workload."""

    seconds: float
    events: int
    fold: int  # over the checksums of all events that the reader got
    state_bytes: int  # of the engine's tables, resident at the end
    setup_events: int
    kept: np.ndarray | None  # all events, those of the setup too, where asked for


def _read_everything(name: str, words: np.ndarray, kept: np.ndarray | None) -> None:
    """The reader's process: every event out of the ring, through a gating cursor, until told the last sequence."""
    pin(1)
    ring = Ring.attach(name, "event")
    cursor = ring.cursor(_READER, gates=True)
    reader = RingReader(ring, cursor)
    cursor.beat(CursorState.RUNNING, CursorSource.RING)
    count, fold = 0, 0
    while words[_STOP] == 0 or reader.position < words[_STOP]:
        batch = reader.poll(BATCH)
        if batch is None:
            continue
        if kept is not None:
            kept[count : count + len(batch)] = batch
        count += len(batch)
        fold ^= int(np.bitwise_xor.reduce(batch["crc"].astype(np.int64) * batch["seq"]))
        cursor.set(reader.position)
        words[_COUNT] = count
    words[_COUNT], words[_FOLD] = count, fold
    cursor.close()
    ring.close()


@contextlib.contextmanager
def _ring() -> Iterator[Ring]:
    name = f"/matchline-bench-{os.getpid()}.events"
    ring = Ring.create(name, CAPACITY, "event", epoch=1, durability="memory", stale="reclaim")
    try:
        yield ring
    finally:
        ring.close()
        unlink(name)


def run_once(load: Workload, keep: bool = False) -> Run:
    """One pass in a fresh engine and a fresh ring. Raises RuntimeError where the reader dies."""
    targets = order_ids = None
    if load.targets is not None:
        targets = own_copy(load.targets)
        order_ids = own_copy(np.zeros(int(np.abs(load.targets).max(initial=0)) + 1, np.int64))
    words = shared_array(np.dtype(np.int64), _WORDS)
    kept = None
    if keep:
        kept = shared_array(EVENT, len(load.setup) + load.events_max * len(load.commands) + 64)
    with _ring() as ring:
        process = multiprocessing.get_context("fork").Process(
            target=_read_everything, args=(ring.name, words, kept), daemon=True
        )
        process.start()
        wait_for(
            lambda: any(c.name == _READER and c.state == CursorState.RUNNING for c in ring.cursors()), process.is_alive
        )
        with pinned(0):
            engine = RingEngine(ring, load.limits)
            engine.run(load.setup, reader_lives=process.is_alive)
            before = engine.seq
            wait_for(lambda: words[_COUNT] >= before, process.is_alive)
            begin = time.perf_counter()
            engine.run(load.commands, targets, order_ids, process.is_alive)
            last = engine.seq
            words[_STOP] = last
            wait_for(lambda: words[_COUNT] >= last, process.is_alive)
            seconds = time.perf_counter() - begin
        process.join(30)
        if process.exitcode != 0 or int(words[_COUNT]) != last:
            raise RuntimeError(f"the reader of the ring got {int(words[_COUNT])} of {last} events")
        resident = resident_bytes(engine.state)
        return Run(seconds, last - before, int(words[_FOLD]), resident, before, None if kept is None else kept[:last])


def run_alone(load: Workload, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the same pass without the second process: nothing gates, nobody reads."""
    targets = order_ids = None
    if load.targets is not None:
        targets = own_copy(load.targets)
        order_ids = own_copy(np.zeros(int(np.abs(load.targets).max(initial=0)) + 1, np.int64))
    with _ring() as ring, pinned(0):
        engine = RingEngine(ring, load.limits)
        engine.run(load.setup)
        begin = clock()
        engine.run(load.commands, targets, order_ids)
        return clock() - begin


def resident_bytes(state: State) -> int:
    """How much of an engine's tables stands in memory now (Rss of their mappings)."""
    addresses = {table.ctypes.data for table in state.tables.values()}
    total, inside = 0, False
    with open("/proc/self/smaps") as smaps:
        for line in smaps:
            first = line.split(maxsplit=1)[0]
            if not first.endswith(":"):
                start, end = (int(part, 16) for part in first.split("-"))
                inside = any(start <= address < end for address in addresses)  # neighbours may share one mapping
            elif inside and first == "Rss:":
                total += int(line.split()[1]) * 1024
    return total


def measure(load: Workload, runs: int) -> tuple[dict[str, Any], Run]:
    """Figures of `runs` timed passes, and the pass before them, whose events were kept; all must give the same."""
    proof = run_once(load, keep=True)
    timed = [run_once(load) for _ in range(runs)]
    same = all((run.events, run.fold) == (proof.events, proof.fold) for run in timed)
    seconds = [run.seconds for run in timed]
    count = len(load.commands)
    figures = {
        "messages_per_s": round(count / statistics.median(seconds)),
        "best_messages_per_s": round(count / min(seconds)),
        "ns_per_message": round(1e9 * statistics.median(seconds) / count, 1),
        "events_per_s": round(proof.events / statistics.median(seconds)),
        "messages": count,
        "events": proof.events,
        "runs": runs,
        "same_events_each_run": same,
    }
    return figures, proof


def counts_by_type(run: Run) -> dict[str, int]:
    """Measured events of a kept run, by their type's name; those that did not come are left out."""
    assert run.kept is not None
    counts = np.bincount(run.kept["type"][run.setup_events :], minlength=256)
    return {kind.name.lower(): int(counts[kind]) for kind in EventType if counts[kind]}
