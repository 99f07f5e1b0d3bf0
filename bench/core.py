"""`bench core`: the public yardstick through the whole engine, its reports read by a second process inside the clock.

The clock starts with the first message and stops when the reader has every event: decided, applied, published in
the ring, copied out of it. Commands are made before, text and hash after.
"""

import contextlib
import mmap
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.core_run import RingEngine
from bench.yardstick import text, workload
from bench.yardstick.commands import commands_of, setup_commands
from bench.yardstick.reports import reports_of
from bench.yardstick.workload import NEW, SCENARIOS, Scenario
from engine.state import Limits
from ringbuf.cursor import CursorSource, CursorState
from ringbuf.records import EVENT, RECORD_SIZE
from ringbuf.ring import Ring, RingReader
from ringbuf.shm import unlink

RUNS, RUNS_QUICK = 10, 3
CAPACITY = 1 << 16
BATCH = 4_096
EVENTS_PER_MESSAGE_MAX = 2  # of the yardstick's workloads; checked by the reader
# The yardstick leaves 20 000 orders standing on one account, more than an account may by default.
LIMITS = Limits(max_account_orders=1 << 18)
_STOP, _COUNT, _FOLD = 0, 1, 2  # words that engine and reader share beside the ring
_READER = "bench-reader"


@dataclass(frozen=True)
class Run:
    """One pass over a workload."""

    seconds: float
    events: int
    fold: int  # over the checksums of all events that the reader got
    kept: np.ndarray | None  # those events, where asked for


def shared_array(dtype: np.dtype, count: int) -> np.ndarray:
    """Zeroed memory that a forked process shares."""
    return np.frombuffer(mmap.mmap(-1, max(1, count) * dtype.itemsize), dtype, count)


def own_copy(array: np.ndarray) -> np.ndarray:
    """A copy in memory that forked processes do not get.

    What is written after a fork is otherwise copied first, page by page, within the clock.
    """
    memory = mmap.mmap(-1, max(1, array.nbytes), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_DONTFORK)
    memory.madvise(mmap.MADV_HUGEPAGE)
    copy = np.frombuffer(memory, array.dtype, len(array))
    copy[:] = array
    return copy


def pin(core: int) -> None:
    """Keep to one of the cores that this process may use; no choice on a host with a single one."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """`pin`, and back to where it was."""
    before = os.sched_getaffinity(0)
    pin(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def read_everything(name: str, words: np.ndarray, kept: np.ndarray | None) -> None:
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
    words[_COUNT], words[_FOLD] = count, fold
    cursor.close()
    ring.close()


def wait_for(condition: Callable[[], bool], alive: Callable[[], bool]) -> None:
    """Spin until condition; RuntimeError where the reader's process ends first."""
    while not condition():
        if not alive() and not condition():
            raise RuntimeError("the reader of the ring has died")


def run_once(setup: np.ndarray, commands: np.ndarray, messages: np.ndarray, keep: bool) -> Run:
    """One pass in a fresh engine and a fresh ring. Raises RuntimeError where the reader dies."""
    targets = own_copy(np.where(messages["kind"] == NEW, messages["order"], -messages["order"]))
    order_ids = own_copy(np.zeros(int(messages["order"].max()) + 1, np.int64))
    words = shared_array(np.dtype(np.int64), 3)
    kept = shared_array(EVENT, EVENTS_PER_MESSAGE_MAX * len(messages) + 64) if keep else None
    name = f"/matchline-bench-{os.getpid()}.events"
    ring = Ring.create(name, CAPACITY, "event", epoch=1, durability="memory", stale="reclaim")
    try:
        process = multiprocessing.get_context("fork").Process(
            target=read_everything, args=(name, words, kept), daemon=True
        )
        process.start()
        wait_for(
            lambda: any(c.name == _READER and c.state == CursorState.RUNNING for c in ring.cursors()), process.is_alive
        )
        with pinned(0):
            engine = RingEngine(ring, LIMITS)
            engine.run(setup)
            before = engine.seq
            begin = time.perf_counter()
            engine.run(commands, targets, order_ids, process.is_alive)
            last = engine.seq
            words[_STOP] = last
            wait_for(lambda: words[_COUNT] >= last, process.is_alive)
            seconds = time.perf_counter() - begin
        process.join(30)
        if process.exitcode != 0 or int(words[_COUNT]) != last:
            raise RuntimeError(f"the reader of the ring got {int(words[_COUNT])} of {last} events")
        return Run(seconds, last - before, int(words[_FOLD]), None if kept is None else kept[before:last])
    finally:
        ring.close()
        unlink(name)


def measure(scenario: Scenario, runs: int, orders: int = workload.ORDERS) -> dict[str, Any]:
    """One scenario: the first pass is kept and hashed, `runs` more are timed; each must give the same events."""
    messages = workload.make(scenario, orders)
    setup, commands = setup_commands(), own_copy(commands_of(messages))
    proof = run_once(setup, commands, messages, keep=True)
    assert proof.kept is not None
    digest = text.digest(reports_of(proof.kept, messages))
    timed = [run_once(setup, commands, messages, keep=False) for _ in range(runs)]
    same = all((run.events, run.fold) == (proof.events, proof.fold) for run in timed)
    seconds = [run.seconds for run in timed]
    return {
        "messages_per_s": round(len(messages) / statistics.median(seconds)),
        "best_messages_per_s": round(len(messages) / min(seconds)),
        "events_per_s": round(proof.events / statistics.median(seconds)),
        "sha256": digest,
        "sha256_ok": same and digest == scenario.sha256,
        "messages": len(messages),
        "events": proof.events,
        "runs": runs,
    }


def conditions() -> dict[str, Any]:
    """What the numbers depend on."""
    model = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as cpuinfo:
        model = next((line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")), "")
    return {
        "cpu": model or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "engine": "funds, fees, client ids, events with checksums in the ring, published every 16 commands",
        "reader": f"second process, gating cursor, copies every event, batches of {BATCH}",
        "ring_mib": CAPACITY * RECORD_SIZE >> 20,
        "clock": "first message decided … last event read by the second process; median of the runs",
    }


def run(quick: bool = False, tell: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """All five scenarios; `tell` gets a line as each is done."""
    found: dict[str, Any] = {}
    for scenario in SCENARIOS:
        found[scenario.name] = measure(scenario, RUNS_QUICK if quick else RUNS)
        result = found[scenario.name]
        tell(
            f"{scenario.name:<12} {result['messages_per_s'] / 1e6:6.2f} M messages/s"
            f"   sha256 {'as published' if result['sha256_ok'] else 'WRONG'}"
        )
    return {
        "yardstick": found,
        "worst_messages_per_s": min(result["messages_per_s"] for result in found.values()),
        "conditions": conditions(),
        "peers": {},
    }
