"""Two processes on one small ring, paused, lapped and killed: no torn record, no silent gap."""

import multiprocessing
import os
import random
import signal
import time

import pytest

from ringbuf.ring import Ring, RingReader, SegmentBusy, SegmentMissing
from tests.ringbuf.stress import Tally, kill, read_until, reader_process, write_until, writer_process

CONTEXT = multiprocessing.get_context("fork")
DEADLINE_S = 120


def attached(name: str) -> Ring:
    """The ring, once its writer has made it."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            return Ring.attach(name, "event")
        except SegmentMissing:
            assert time.monotonic() < deadline
            os.sched_yield()


def run(name: str, records: int, burst: int, seed: int) -> Tally:
    """A writer beside this process, which reads and dawdles."""
    writer = CONTEXT.Process(target=writer_process, args=(name, records, burst))
    writer.start()
    try:
        ring = attached(name)
        tally = read_until(ring, RingReader(ring, ring.cursor("reader"), timing=True), records, seed)
        writer.join(DEADLINE_S)
        assert writer.exitcode == 0
    finally:
        writer.kill()
    assert tally.records + tally.skipped == records
    return tally


def test_a_dawdling_reader_is_lapped_but_never_fooled(segment_name):
    seed = random.randrange(2**32)
    tally = run(segment_name, 2_000_000, 64, seed)
    print(f"seed {seed}: {tally}")
    assert tally.laps > 0 and tally.records > 0


@pytest.mark.long
def test_a_dawdling_reader_is_never_fooled_in_a_thousand_million_records(segment_name):
    seed = random.randrange(2**32)
    tally = run(segment_name, 1_000_000_000, 128, seed)
    print(f"seed {seed}: {tally}")
    assert tally.laps > 0 and tally.records > 0


def test_a_reader_stopped_by_signal_notices_what_it_missed(segment_name):
    records = 300_000
    ring = Ring.create(segment_name, 1024, "event", 1, "memory")
    reader = CONTEXT.Process(target=reader_process, args=(segment_name, "reader", records, 5))
    reader.start()
    try:
        while not ring.cursors():
            os.sched_yield()
        for step in range(10):
            os.kill(reader.pid, signal.SIGSTOP if step % 2 == 0 else signal.SIGCONT)
            write_until(ring.address, ring.published + 1, records * (step + 1) // 10, 512)
        reader.join(DEADLINE_S)
        assert reader.exitcode == 0
        assert ring.cursors()[0].sequence == records
    finally:
        reader.kill()


def test_a_killed_reader_hinders_nobody_and_its_successor_goes_on(segment_name):
    records = 400_000
    ring = Ring.create(segment_name, 1024, "event", 1, "memory")
    for step in range(4):
        reader = CONTEXT.Process(target=reader_process, args=(segment_name, "reader", records, step))
        reader.start()
        write_until(ring.address, ring.published + 1, records * (step + 1) // 4, 64)
        while not (ring.cursors() and ring.cursors()[0].pid == reader.pid and ring.cursors()[0].sequence):
            os.sched_yield()
        before = ring.cursors()[0].sequence
        if step < 3:
            kill(reader.pid)
            reader.join()
            assert not ring.cursors()[0].alive
        else:
            reader.join(DEADLINE_S)
            assert reader.exitcode == 0
        assert ring.cursors()[0].sequence >= before
    assert ring.cursors()[0].sequence == records


def test_a_killed_writers_successor_reattaches_and_readers_see_one_sequence(segment_name):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    records = 3_000_000
    writer = CONTEXT.Process(target=writer_process, args=(segment_name, records, 64))
    writer.start()
    kills = 0
    try:
        ring = attached(segment_name)
        reader = RingReader(ring, ring.cursor("reader"), timing=True)
        while reader.position < records:
            part = min(records, reader.position + chance.randrange(1, 200_000))
            read_until(ring, reader, part, seed)
            while kills < 5 and writer.is_alive() and not ring.creator_alive:
                os.sched_yield()  # it has not taken the ring over yet
            if kills < 5 and writer.is_alive():
                with pytest.raises(SegmentBusy):
                    Ring.create(segment_name, 1024, "event", 1, "memory", stale="reattach")
                kill(writer.pid)
                writer.join()
                kills += 1
                writer = CONTEXT.Process(target=writer_process, args=(segment_name, records, 64))
                writer.start()
        writer.join(DEADLINE_S)
        assert writer.exitcode == 0
    finally:
        writer.kill()
    print(f"seed {seed}: writer killed {kills} times")
    assert kills > 0
