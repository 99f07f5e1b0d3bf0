"""`bench hop`: one record from a process to another and one back, through two rings; both spin, one core each."""

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from bench.conditions import conditions
from bench.cores import pin, pinned
from bench.percentiles import percentiles, text
from ringbuf.atomics import load_acquire, pause, store
from ringbuf.jit import inline, kernel_of
from ringbuf.layout import PUBLISHED_AT
from ringbuf.ring import Ring
from ringbuf.ring_kernels import ring_claim, ring_publish, ring_slot
from ringbuf.shm import unlink
from ringbuf.system import MONOTONIC, clock_ns

HOPS, HOPS_QUICK = 1_000_000, 100_000
WARM_UP = 10_000
CAPACITY = 1 << 12
_PATIENCE_NS = 10_000_000_000  # for the other side, before the hop is given up


@inline
def _send(ring, seq):
    ring_claim(ring, seq)
    slot = ring_slot(ring, seq)
    for offset in range(0, 128, 8):
        store(slot + offset, seq)
    ring_publish(ring, seq)


@inline
def _await(ring, seq):
    """Spin until a sequence is published; False where it does not come."""
    begin = clock_ns(MONOTONIC)
    spins = 0
    while load_acquire(ring + PUBLISHED_AT) < seq:
        pause()
        spins += 1
        if spins & 0xFFFF == 0 and clock_ns(MONOTONIC) - begin > _PATIENCE_NS:
            return False
    return True


@kernel_of("int64(int64, int64, int64, int64)")
def ping(out, back, count, times):  # type: ignore[no-untyped-def]
    """Send a record and wait for the one that answers it, `count` times; nanoseconds there and back in `times`."""
    for seq in range(1, count + 1):
        begin = clock_ns(MONOTONIC)
        _send(out, seq)
        if not _await(back, seq):
            return seq - 1
        store(times + (seq - 1) * 8, clock_ns(MONOTONIC) - begin)
    return count


@kernel_of("int64(int64, int64, int64)")
def echo(incoming, back, count):  # type: ignore[no-untyped-def]
    """Answer each record with one."""
    for seq in range(1, count + 1):
        if not _await(incoming, seq):
            return seq - 1
        _send(back, seq)
    return count


def _answer(names: tuple[str, str], count: int) -> None:
    pin(1)
    incoming, back = (Ring.attach(name, "event") for name in names)
    echo(incoming.address, back.address, count)
    incoming.close()
    back.close()


def measure(hops: int) -> np.ndarray:
    """Nanoseconds there and back of each round, the warm-up left out. Raises RuntimeError where it breaks off."""
    names = tuple(f"/matchline-bench-{os.getpid()}-{way}.events" for way in ("out", "back"))
    rings = [Ring.create(name, CAPACITY, "event", epoch=1, durability="memory", stale="reclaim") for name in names]
    total = hops + WARM_UP
    process = multiprocessing.get_context("fork").Process(target=_answer, args=(names, total), daemon=True)
    times = np.zeros(total, np.int64)
    try:
        process.start()
        with pinned(0):
            done = ping(rings[0].address, rings[1].address, total, times.ctypes.data)
        process.join(20)
        if done != total:
            raise RuntimeError(f"only {done} of {total} records were answered")
    finally:
        for ring, name in zip(rings, names, strict=True):
            ring.close()
            unlink(name)
    return times[WARM_UP:]


def run(quick: bool, tell: Callable[[str], None], hops: int | None = None) -> dict[str, Any]:
    """Percentiles of there and back, and of half of it: one hop."""
    count = hops or (HOPS_QUICK if quick else HOPS)
    times = measure(count)
    both, one = percentiles(times), percentiles(times // 2)
    tell(f"hop, one way       {text(one)}")
    return {
        "round_trip_ns": both,
        "one_way_ns": one,
        "rounds": count,
        "conditions": conditions(
            clock="clock_gettime twice a round, about 28 ns each, is in the figures", wait="both sides spin"
        ),
    }
