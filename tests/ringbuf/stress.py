"""A writer and a reader for the stress tests: every word of every record follows from its sequence."""

import os
import random
import signal
from dataclasses import dataclass

from ringbuf.atomics import load, store, store_u8
from ringbuf.codes import FLAG_LAST
from ringbuf.jit import kernel
from ringbuf.records import EVENT, offset_of
from ringbuf.ring import Lapped, Ring, RingReader
from ringbuf.ring_kernels import ring_claim, ring_publish, ring_slot, ring_timing, ring_wake_spaced
from ringbuf.system import sleep_ns

FLAGS_AT = offset_of(EVENT, "flags")
MIXER = 0x1E3779B97F4A7C15
LONGEST_COMMAND = 7
REST_NS = 20_000


@kernel
def write_until(addr, first, last, burst):
    """Publish `first`..`last` as commands of 1 to 7 events, resting after uneven runs of about 4 × `burst`."""
    seq = first
    while seq <= last:
        end = seq + seq * MIXER % LONGEST_COMMAND
        if end < seq:
            end = seq
        if end > last:
            end = last
        for at in range(seq, end + 1):
            ring_claim(addr, at)
            slot = ring_slot(addr, at)
            store(slot, at)
            for word in range(1, 16):
                store(slot + word * 8, at * MIXER + word)
            store_u8(slot + FLAGS_AT, FLAG_LAST if at == end else 0)
            store(ring_timing(addr, at), at)
            store(ring_timing(addr, at) + 8, -at)
        ring_publish(addr, end)
        ring_wake_spaced(addr)
        block = end // burst
        if block != seq // burst and block * MIXER >> 60 & 3 == 0:
            sleep_ns(REST_NS)
        seq = end + 1


@kernel
def first_bad(batch, timing, count, expected):
    """Index of the first record that is not whole and the next in sequence, or -1."""
    for index in range(count):
        slot = batch + index * 128
        seq = expected + index
        if load(slot) != seq or load(timing + index * 16) != seq or load(timing + index * 16 + 8) != -seq:
            return index
        for word in range(1, 16):
            value = load(slot + word * 8)
            wanted = seq * MIXER + word
            if word == FLAGS_AT // 8:
                shift = FLAGS_AT % 8 * 8
                value = value & ~(255 << shift)
                wanted = wanted & ~(255 << shift)
            if value != wanted:
                return index
    return -1


@dataclass
class Tally:
    """What a reader met."""

    records: int = 0
    batches: int = 0
    laps: int = 0
    skipped: int = 0


def read_until(ring: Ring, reader: RingReader, last: int, seed: int, pauses: bool = True) -> Tally:
    """Read and check up to `last`; with `pauses`, dawdle now and then so as to be lapped."""
    tally = Tally()
    chance = random.Random(seed)
    while reader.position < last:
        before = reader.position
        try:
            batch = reader.poll(chance.choice((1, 17, 256, ring.capacity)))
        except Lapped as lap:
            tally.laps += 1
            # As the journal would: everything up to a published sequence is known; go on there.
            reader.seek(max(lap.position, ring.published))
            tally.skipped += reader.position - before
            continue
        if batch is None:
            os.sched_yield()
            continue
        bad = first_bad(batch.ctypes.data, reader.timing.ctypes.data, len(batch), before + 1)
        assert bad == -1, f"seed {seed}: record {bad} after {before} is torn or not the next: {batch[bad]}"
        assert batch["flags"][-1] & FLAG_LAST, f"seed {seed}: half a command before {reader.position}"
        tally.records += len(batch)
        tally.batches += 1
        if pauses and chance.random() < 0.01:
            target = ring.published + ring.capacity
            while ring.published < min(target, last):
                os.sched_yield()
    return tally


def writer_process(name: str, last: int, burst: int) -> None:
    """Create the ring, or reattach to what a killed writer left, and go on to `last`."""
    ring = Ring.create(name, 1024, "event", 1, "memory", stale="reattach")
    write_until(ring.address, ring.published + 1, last, burst)
    ring.wake()


def reader_process(name: str, cursor: str, last: int, seed: int) -> None:
    """Read on from the cursor's place, setting it after every batch, until `last`."""
    ring = Ring.attach(name, "event")
    own = ring.cursor(cursor)
    reader = RingReader(ring, own, timing=True)
    while reader.position < last:
        read_until(ring, reader, min(last, max(reader.position + 1, ring.published)), seed, pauses=False)
        own.set(reader.position)


def kill(pid: int) -> None:
    """SIGKILL one process."""
    os.kill(pid, signal.SIGKILL)
