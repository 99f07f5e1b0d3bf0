"""The ring's protocol on a raw address, for compiled writers and readers.

UNSAFE like ringbuf.atomics: `addr` is the address of a checked, mapped segment. Sequences begin at 1.

Writer (one):  room → claim(seq) → write slot(seq) and timing(seq) … → publish(seq) → wake.
Reader (many): published → copy → acquire fence → claimed again: if the writer may have been in what was copied,
the copy is thrown away (lapped). Nobody ever waits for a reader, but for the one cursor that gates.
"""

from ringbuf.atomics import (
    copy_bytes,
    exchange_u32,
    fence,
    fence_acquire,
    fence_release,
    fetch_add_u32,
    load,
    load_acquire,
    load_relaxed,
    load_u8,
    load_u32_acquire,
    store,
    store_relaxed,
    store_release,
)
from ringbuf.cuts import may_cut
from ringbuf.jit import inline, kernel_of
from ringbuf.layout import (
    CLAIMED_AT,
    DURABLE_AT,
    EVENT_COUNT_AT,
    FLAG_AT,
    GATE_AT,
    PUBLISHED_AT,
    TIMING_SIZE,
    WRITER_GATE_AT,
    WRITER_WOKE_AT,
    cursor_offset,
    head_offset,
)
from ringbuf.records import RECORD_SIZE
from ringbuf.system import MONOTONIC, clock_ns, futex_wake

_CAPACITY_AT = head_offset("capacity")
_FIRST_AT = head_offset("first_seq")
_SLOTS_AT = head_offset("slots_at")
_TIMING_AT = head_offset("timing_at")
_SEQUENCE_AT = cursor_offset("sequence")
_EVERYBODY = 0x7FFFFFFF

WAKE_SPACING_NS = 50_000
CLAIM_RESERVE = 128  # see ring_room
CLAIM_CHUNK = 64  # records claimed ahead at once; shortens what readers may lag by as much

# What `ring_copy` says instead of a count.
LAPPED = -1
NO_WHOLE_COMMAND = -2
AHEAD = -3


@inline
def ring_capacity(addr):  # type: ignore[no-untyped-def]
    """Records in the ring, a power of two."""
    return load(addr + _CAPACITY_AT)


@inline
def ring_slot(addr, seq):  # type: ignore[no-untyped-def]
    """Address of the 128-byte slot of a sequence."""
    return addr + load(addr + _SLOTS_AT) + (seq & (load(addr + _CAPACITY_AT) - 1)) * RECORD_SIZE


@inline
def ring_timing(addr, seq):  # type: ignore[no-untyped-def]
    """Address of ingress_ns and match_ns (16 bytes) of a sequence."""
    return addr + load(addr + _TIMING_AT) + (seq & (load(addr + _CAPACITY_AT) - 1)) * TIMING_SIZE


@inline
def ring_published(addr):  # type: ignore[no-untyped-def]
    """Highest visible sequence (acquire)."""
    return load_acquire(addr + PUBLISHED_AT)


@inline
def ring_room(addr):  # type: ignore[no-untyped-def]
    """How many records beyond `published` the writer may write now; the whole capacity where nothing gates.

    Where something gates, an eighth of the ring, at most 128 records, is kept back: so a writer that claims some
    records ahead never claims one that the gating reader has yet to read. Looks at the gating cursor itself only
    when the remembered sequence leaves less than five eighths of the ring: who waits for more than that waits for ever.
    """
    capacity = load(addr + _CAPACITY_AT)
    gate = load_relaxed(addr + GATE_AT)
    if gate == 0:
        return capacity
    published = load(addr + PUBLISHED_AT)
    kept = capacity >> 3
    if kept > CLAIM_RESERVE:
        kept = CLAIM_RESERVE
    room = capacity - kept - (published - load(addr + WRITER_GATE_AT))
    if room * 8 < capacity * 5:
        passed = load_acquire(addr + gate + _SEQUENCE_AT)
        store(addr + WRITER_GATE_AT, passed)
        room = capacity - kept - (published - passed)
    return room if room > 0 else 0


@inline
def ring_claim(addr, seq):  # type: ignore[no-untyped-def]
    """Make slot and timing of `seq` the writer's own: call before the first byte is written.

    Precondition: `ring_room` covers it. Claims a chunk at once; never lowers a claim, so that what a dead
    writer may have spoilt stays marked.
    """
    if seq > load(addr + CLAIMED_AT):
        capacity = load(addr + _CAPACITY_AT)
        chunk = capacity >> 4
        if chunk > CLAIM_CHUNK:
            chunk = CLAIM_CHUNK
        target = seq + chunk
        if load_relaxed(addr + GATE_AT) != 0:
            allowed = load(addr + WRITER_GATE_AT) + capacity
            if target > allowed:
                target = allowed if allowed > seq else seq
        store_relaxed(addr + CLAIMED_AT, target)
        fence_release()  # the claim is seen before any of the new bytes


@inline
def ring_publish(addr, seq):  # type: ignore[no-untyped-def]
    """Make everything up to `seq` visible, once per whole command. Precondition: all of it is written."""
    store_release(addr + PUBLISHED_AT, seq)


@inline
def event_count_wake(count_addr):  # type: ignore[no-untyped-def]
    """Wake all sleepers of an event count, if there are any; returns how many were flagged (0 or 1).

    The full fence keeps the flag's load behind the caller's publication.
    """
    fence()
    if load_u32_acquire(count_addr + FLAG_AT) == 0:
        return 0
    exchange_u32(count_addr + FLAG_AT, 0)
    fetch_add_u32(count_addr, 1)
    futex_wake(count_addr, _EVERYBODY)
    return 1


@inline
def ring_wake(addr):  # type: ignore[no-untyped-def]
    """Wake the ring's sleepers now: the journal after `durable`, the writer before it goes idle."""
    return event_count_wake(addr + EVENT_COUNT_AT)


@inline
def ring_wake_spaced(addr):  # type: ignore[no-untyped-def]
    """Writer only, after publishing: wake, but at most every 50 µs. Call `ring_wake` before going idle."""
    fence()
    if load_u32_acquire(addr + EVENT_COUNT_AT + FLAG_AT) == 0:
        return 0
    now = clock_ns(MONOTONIC)
    if now - load(addr + WRITER_WOKE_AT) < WAKE_SPACING_NS:
        return 0
    store(addr + WRITER_WOKE_AT, now)
    return event_count_wake(addr + EVENT_COUNT_AT)


@inline
def ring_limit(addr, whole_ring):  # type: ignore[no-untyped-def]
    """Highest sequence to read: `published` (whole_ring = 1: journal, replica), else no further than `durable`."""
    published = load_acquire(addr + PUBLISHED_AT)
    if whole_ring == 0:
        durable = load_acquire(addr + DURABLE_AT)
        if durable < published:
            return durable
    return published


@inline
def _copy_range(base, capacity, size, first, count, to):  # type: ignore[no-untyped-def]
    """Copy `count` cells from sequence `first` on, which may go round the end."""
    at = first & (capacity - 1)
    straight = capacity - at
    if straight > count:
        straight = count
    copy_bytes(to, base + at * size, straight * size)
    if count > straight:
        copy_bytes(to + straight * size, base, (count - straight) * size)


@inline
def ring_copy(addr, last, limit, most, to, timing_to, flags_at):  # type: ignore[no-untyped-def]
    """Copy up to `most` records after sequence `last`, none beyond `limit`; returns how many.

    A batch ends where `may_cut` says so (of the byte `flags_at` of a record), or at `limit`, which always does.
    `to` has room for most × 128 bytes, `timing_to` for most × 16 (0 = not wanted).
    Else: LAPPED, NO_WHOLE_COMMAND (`most` is too small), AHEAD (`last` was never published).
    """
    if limit <= last:
        return AHEAD if last > load_acquire(addr + PUBLISHED_AT) else 0
    capacity = load(addr + _CAPACITY_AT)
    first = last + 1
    if first < load(addr + _FIRST_AT) or load_relaxed(addr + CLAIMED_AT) - first >= capacity:
        return LAPPED
    count = limit - last
    if count > most:
        count = most
    _copy_range(addr + load(addr + _SLOTS_AT), capacity, RECORD_SIZE, first, count, to)
    if timing_to != 0:
        _copy_range(addr + load(addr + _TIMING_AT), capacity, TIMING_SIZE, first, count, timing_to)
    fence_acquire()  # every byte is read before the claim is looked at again
    if load_relaxed(addr + CLAIMED_AT) - first >= capacity:
        return LAPPED
    if last + count == limit:
        return count
    while count > 0 and not may_cut(load_u8(to + (count - 1) * RECORD_SIZE + flags_at)):
        count -= 1
    return count if count > 0 else NO_WHOLE_COMMAND


@inline
def ring_append(addr, source, count, timing_from):  # type: ignore[no-untyped-def]
    """Write `count` records at `source` as the next sequences, publish them as one, wake; returns `published`.

    Precondition: count <= ring_room(addr). `timing_from` 0 = no times.
    """
    last = load(addr + PUBLISHED_AT)
    for index in range(count):
        seq = last + 1 + index
        ring_claim(addr, seq)
        copy_bytes(ring_slot(addr, seq), source + index * RECORD_SIZE, RECORD_SIZE)
        timing = ring_timing(addr, seq)
        if timing_from != 0:
            copy_bytes(timing, timing_from + index * TIMING_SIZE, TIMING_SIZE)
        else:
            store(timing, 0)
            store(timing + 8, 0)
    ring_publish(addr, last + count)
    ring_wake_spaced(addr)
    return last + count


# Entry points from Python.


@kernel_of("int64(int64)")
def read_i64(address):  # type: ignore[no-untyped-def]
    """Acquire load at an address."""
    return load_acquire(address)


@kernel_of("void(int64, int64)")
def write_i64(address, value):  # type: ignore[no-untyped-def]
    """Release store at an address."""
    store_release(address, value)


@kernel_of("int64(int64, int64)")
def limit_of(addr, whole_ring):  # type: ignore[no-untyped-def]
    """See ring_limit."""
    return ring_limit(addr, whole_ring)


@kernel_of("int64(int64)")
def room_of(addr):  # type: ignore[no-untyped-def]
    """See ring_room."""
    return ring_room(addr)


@kernel_of("int64(int64, int64, int64, int64, int64, int64, int64)")
def copy_records(addr, last, limit, most, to, timing_to, flags_at):  # type: ignore[no-untyped-def]
    """See ring_copy."""
    return ring_copy(addr, last, limit, most, to, timing_to, flags_at)


@kernel_of("int64(int64, int64, int64, int64)")
def append_records(addr, source, count, timing_from):  # type: ignore[no-untyped-def]
    """See ring_append."""
    return ring_append(addr, source, count, timing_from)


@kernel_of("int64(int64)")
def wake(addr):  # type: ignore[no-untyped-def]
    """Wake everybody who sleeps on a ring. `addr` is the ring's address."""
    return ring_wake(addr)


@kernel_of("void(int64, int64)")
def set_durable(addr, seq):  # type: ignore[no-untyped-def]
    """Journal only: everything up to `seq` is as safe as the mode promises; wakes who waited for it."""
    store_release(addr + DURABLE_AT, seq)
    ring_wake(addr)
