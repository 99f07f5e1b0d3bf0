"""`bench ring`: one writer, one and several readers in processes of their own, records a second.

Records are written word by word and published 16 at a time, without checksums; each reader copies every record out.
The first reader gates the writer, so that none is lost; the others keep up or are lapped, which is counted.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from bench.conditions import conditions
from bench.cores import pin, pinned, shared_array, wait_for
from ringbuf.atomics import pause, store
from ringbuf.codes import FLAG_LAST
from ringbuf.cursor import CursorSource, CursorState
from ringbuf.jit import kernel_of
from ringbuf.records import EVENT, RECORD_SIZE, offset_of
from ringbuf.ring import Lapped, Ring, RingReader
from ringbuf.ring_kernels import ring_claim, ring_publish, ring_room, ring_slot
from ringbuf.shm import unlink

RECORDS, RECORDS_QUICK = 20_000_000, 2_000_000
RUNS, RUNS_QUICK = 5, 2
READERS = (1, 2, 4)
CAPACITY = 1 << 16
BATCH = 4_096
PUBLISHED_AT_ONCE = 16
_HEAD_AT = offset_of(EVENT, "type")
_LAST_FLAG = int(FLAG_LAST) << 8


@kernel_of("int64(int64, int64, int64)")
def write_records(ring, first, count):  # type: ignore[no-untyped-def]
    """Write and publish `count` records from sequence `first` on; waits for the gating reader."""
    room = 0
    for seq in range(first, first + count):
        while room < PUBLISHED_AT_ONCE:
            ring_publish(ring, seq - 1)
            room = ring_room(ring)
            if room < PUBLISHED_AT_ONCE:
                pause()
        ring_claim(ring, seq)
        slot = ring_slot(ring, seq)
        for offset in range(0, 128, 8):
            store(slot + offset, seq)
        store(slot + _HEAD_AT, _LAST_FLAG)
        room -= 1
        if seq & (PUBLISHED_AT_ONCE - 1) == 0:
            ring_publish(ring, seq)
            room = 0 if room < PUBLISHED_AT_ONCE else room
    ring_publish(ring, first + count - 1)
    return count


def _read(name: str, number: int, last: int, words: np.ndarray) -> None:
    """Reader's process: every record up to `last`; words: [read, lapped] of each reader."""
    pin(1 + number)
    ring = Ring.attach(name, "event")
    cursor = ring.cursor(f"bench-{number}", gates=number == 0)
    reader = RingReader(ring, cursor)
    cursor.beat(CursorState.RUNNING, CursorSource.RING)
    while reader.position < last:
        try:
            batch = reader.poll(BATCH)
        except Lapped as lapped:
            words[2 * number + 1] += lapped.oldest - 1 - lapped.position
            reader.seek(lapped.oldest - 1)
            continue
        if batch is not None:
            words[2 * number] += len(batch)
            cursor.set(reader.position)
    cursor.close()
    ring.close()


def run_once(readers: int, records: int) -> tuple[float, int]:
    """Seconds until every reader is at the end, and how many records the readers that don't gate were lapped by."""
    words = shared_array(np.dtype(np.int64), 2 * readers)
    name = f"/matchline-bench-{os.getpid()}.events"
    ring = Ring.create(name, CAPACITY, "event", epoch=1, durability="memory", stale="reclaim")
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_read, args=(name, n, records, words), daemon=True) for n in range(readers)]
    try:
        for process in processes:
            process.start()

        def alive() -> bool:
            return all(process.is_alive() for process in processes)

        wait_for(lambda: sum(c.state == CursorState.RUNNING for c in ring.cursors()) == readers, alive)
        with pinned(0):
            begin = time.perf_counter()
            write_records(ring.address, 1, records)
            for process in processes:
                process.join()
            seconds = time.perf_counter() - begin
        if any(process.exitcode != 0 for process in processes):
            raise RuntimeError("a reader of the ring has died")
        assert int(words[0]) == records, f"the gating reader got {int(words[0])} of {records}"
        return seconds, int(words[1::2].sum())
    finally:
        ring.close()
        unlink(name)


def run(quick: bool, tell: Callable[[str], None], records: int | None = None) -> dict[str, Any]:
    """READERS one after another."""
    count = records or (RECORDS_QUICK if quick else RECORDS)
    found: dict[str, Any] = {}
    for readers in READERS:
        passes = [run_once(readers, count) for _ in range(RUNS_QUICK if quick else RUNS)]
        rate = round(count / statistics.median(seconds for seconds, _ in passes))
        lapped = max(lost for _, lost in passes)
        found[f"readers_{readers}"] = {"records_per_s": rate, "lapped_records_max": lapped, "runs": len(passes)}
        tell(f"ring, {readers} reader(s)   {rate / 1e6:6.2f} M records/s, lapped at most {lapped:,}")
    found["conditions"] = conditions(
        ring_mib=CAPACITY * RECORD_SIZE >> 20,
        published="16 records at once",
        records=count,
        readers="processes of their own on the other core(s), batches of 4096, the first one gates",
    )
    return found
