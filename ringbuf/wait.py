"""Waiting for a ring to move on: spin, spin-then-yield, back-off sleep, or futex.

The futex strategy is an event count. Waker: publish, full fence, if the flag is set: clear it, word += 1, wake.
Sleeper: read the word, set the flag, full fence, look again, sleep on the word with a time-out. A bare flag
would lose wakes. The writer wakes at most every 50 µs (a wake per event costs it more than the event), so it
wakes once more before it goes idle; the time-out bounds what a waker killed in between can cost.

Which one: spin only where each spinner has a core; futex is the default elsewhere; sleep for bulk consumers.
"""

import time
from typing import Protocol

from ringbuf.atomics import fence, load_acquire, load_u32_acquire, pause, store_u32_release
from ringbuf.jit import inline, kernel_of
from ringbuf.layout import DURABLE_AT, EVENT_COUNT_AT, FLAG_AT, PUBLISHED_AT
from ringbuf.ring_kernels import wake
from ringbuf.system import MONOTONIC, clock_ns, futex_wait, sleep_ns, yield_cpu

__all__ = ["STRATEGIES", "Waiter", "event_count_prepare", "wake"]

STRATEGIES = ("spin", "yield", "sleep", "futex")
_SPIN, _YIELD, _SLEEP, _FUTEX = 0, 1, 2, 3
_SPINS = 200  # pauses before yielding, sleeping or going into the kernel
_SLICE_NS = 10_000_000  # a compiled wait returns at least so often, so that Python handles signals
_SLEEP_MIN_NS = 20_000


class _HasAddress(Protocol):
    @property
    def address(self) -> int: ...
    @property
    def reads_published(self) -> bool: ...


@inline
def event_count_prepare(count_addr):  # type: ignore[no-untyped-def]
    """Announce a sleeper: returns the word to wait on. Look at the condition again before `futex_wait`."""
    word = load_u32_acquire(count_addr)
    store_u32_release(count_addr + FLAG_AT, 1)
    fence()  # the flag is out before the condition is read again
    return word


@inline
def _newest(first, second):  # type: ignore[no-untyped-def]
    """The lesser of two sequences."""
    a = load_acquire(first)
    b = load_acquire(second)
    return b if b < a else a


@kernel_of("int64(int64, int64, int64, int64, int64, int64, int64)")
def _wait(strategy, first, second, seen, count_addr, timeout_ns, sleep_max_ns):  # type: ignore[no-untyped-def]
    """1 once min(first, second) > seen, 0 at the time-out or earlier (signal, stray wake)."""
    for _ in range(_SPINS):
        if _newest(first, second) > seen:
            return 1
        pause()
    deadline = clock_ns(MONOTONIC) + timeout_ns
    if strategy == _FUTEX:
        word = event_count_prepare(count_addr)
        if _newest(first, second) > seen:
            return 1
        futex_wait(count_addr, word, timeout_ns)
        return 1 if _newest(first, second) > seen else 0
    nap = _SLEEP_MIN_NS
    while True:
        if strategy == _SPIN:
            for _ in range(64):
                pause()
                if _newest(first, second) > seen:
                    return 1
        elif strategy == _YIELD:
            yield_cpu()
        else:
            if nap > sleep_max_ns:
                nap = sleep_max_ns
            left = deadline - clock_ns(MONOTONIC)
            if left < nap:
                nap = left if left > 0 else 0
            interrupted = sleep_ns(nap)
            nap = nap * 2
            if interrupted != 0:
                return 1 if _newest(first, second) > seen else 0
        if _newest(first, second) > seen:
            return 1
        if clock_ns(MONOTONIC) >= deadline:
            return 0


class Waiter:
    """Waits on one ring with one strategy: "spin", "yield" (spin, then yield), "sleep" (back-off), "futex".

    `ahead` = wait for `published` rather than for the ring's limit. `sleep_max_ns` bounds the back-off.
    """

    def __init__(self, strategy: str, ring: _HasAddress, ahead: bool = False, sleep_max_ns: int = 1_000_000) -> None:
        if strategy not in STRATEGIES:
            raise ValueError(f"wait strategy: expected one of {', '.join(STRATEGIES)}, found {strategy!r}")
        if sleep_max_ns < 1:
            raise ValueError(f"sleep_max_ns: expected above 0, found {sleep_max_ns}")
        self.strategy = strategy
        self._strategy = STRATEGIES.index(strategy)
        self._ring = ring
        self._first = ring.address + PUBLISHED_AT
        self._second = self._first if ahead or ring.reads_published else ring.address + DURABLE_AT
        self._sleep_max_ns = sleep_max_ns

    def wait(self, seen_seq: int, timeout_ns: int) -> bool:
        """True once there is more than `seen_seq` to read; False at the time-out, or earlier after a signal."""
        count_addr = self._ring.address + EVENT_COUNT_AT
        sliced = self._strategy in (_SPIN, _YIELD)
        deadline = time.monotonic_ns() + timeout_ns
        left = max(0, timeout_ns)
        while True:
            this = min(left, _SLICE_NS) if sliced else left
            if _wait(self._strategy, self._first, self._second, seen_seq, count_addr, this, self._sleep_max_ns):
                return True
            left = deadline - time.monotonic_ns()
            if not sliced or left <= 0:
                return False
