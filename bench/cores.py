"""Which core a measured process keeps to, and memory that a forked one does or does not share."""

import contextlib
import mmap
import os
from collections.abc import Callable, Iterator

import numpy as np


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


def wait_for(condition: Callable[[], bool], alive: Callable[[], bool], whom: str = "the reader of the ring") -> None:
    """Spin until condition; RuntimeError where the process that it waits for ends first."""
    while not condition():
        if not alive() and not condition():
            raise RuntimeError(f"{whom} has died")
