"""The first line of every segment: written last when a segment is made, checked before one is used."""

import os
import time

import numpy as np

from ringbuf.layout import CREATOR_AT, HEAD, KINDS, LINE, MAGIC, head_offset
from ringbuf.records import LAYOUT_VERSION, RECORD_SIZE, SCHEMA_HASH
from ringbuf.ring_kernels import read_i64, write_i64
from ringbuf.shm import (
    Segment,
    SegmentBusy,
    SegmentError,
    SegmentMissing,
    SegmentStale,
    owner_alive,
    owner_pid,
    owner_word,
    unlink,
)

STALE_CHOICES = ("refuse", "reclaim", "reattach")
_UNREADY_GRACE_S = 1.0  # how long a segment may stay half made before it counts as abandoned


def head_of(segment: Segment) -> np.void:
    """The header as a record that reads and writes shared memory."""
    return segment.buffer[:LINE].view(HEAD)[0]


def check_capacity(name: str, capacity: int) -> None:
    """Refuse a capacity that is no power of two of at least 64."""
    if capacity < 64 or capacity & (capacity - 1):
        raise SegmentError(f"{name}: capacity: expected a power of two of at least 64, found {capacity}")


def check_head(segment: Segment, kind: str) -> None:
    """Refuse a segment that is not what this build reads, naming the field."""
    if segment.size < LINE:
        raise SegmentError(f"{segment.name}: size: expected at least {LINE}, found {segment.size}")
    head = head_of(segment)
    expected = {
        "magic": MAGIC,
        "ready": 1,
        "layout_version": LAYOUT_VERSION,
        "record_size": RECORD_SIZE,
        "schema_hash": SCHEMA_HASH,
        "kind": KINDS[kind],
        "size": segment.size,
    }
    for field, value in expected.items():
        found = int(head[field])
        if found != value:
            raise SegmentError(f"{segment.name}: {field}: expected {value}, found {found}")
    check_capacity(segment.name, int(head["capacity"]))


def is_whole(name: str) -> bool:
    """Whether a segment of that name was finished by its maker, of whatever version."""
    try:
        segment = Segment.attach(name)
    except SegmentMissing:
        return False
    try:
        return segment.size >= LINE and int(head_of(segment)["magic"]) == MAGIC and int(head_of(segment)["ready"]) == 1
    finally:
        segment.close()


def check_places(segment: Segment, **expected: int) -> None:
    """Refuse a header whose parts stand elsewhere than this build puts them: kernels go by these numbers."""
    head = head_of(segment)
    for field, value in expected.items():
        if int(head[field]) != value:
            segment.close()
            raise SegmentError(f"{segment.name}: {field}: expected {value}, found {int(head[field])}")


def is_ready(segment: Segment) -> bool:
    """Whether the creator has finished the header."""
    return segment.size >= LINE and read_i64(segment.address + head_offset("ready")) == 1


def attach_ready(name: str, kind: str) -> Segment:
    """Attach a finished segment of this kind; SegmentMissing while there is none, SegmentError where it differs."""
    segment = Segment.attach(name)
    if not is_ready(segment) and int(head_of(segment)["magic"]) in (0, MAGIC):
        segment.close()
        raise SegmentMissing(f"shared memory {name}: is just being made")
    try:
        check_head(segment, kind)
    except SegmentError:
        segment.close()
        raise
    return segment


def make(name: str, size: int, kind: str, stale: str) -> tuple[Segment, bool]:
    """Create the segment, or deal with one that is there as `stale` says; True = an old one, reattached.

    A new one has only its creator filled in; `finish` does the rest.
    Raises SegmentBusy where a live creator has it, SegmentStale where a dead one had it and stale = "refuse".
    """
    if stale not in STALE_CHOICES:
        raise SegmentError(f"{name}: stale: expected one of {', '.join(STALE_CHOICES)}, found {stale!r}")
    deadline = time.monotonic() + _UNREADY_GRACE_S
    while True:
        try:
            segment = Segment.create(name, size)
            write_i64(segment.address + CREATOR_AT, owner_word(os.getpid()))
            return segment, False
        except SegmentBusy:
            pass
        try:
            old = Segment.attach(name)
        except SegmentMissing:
            if time.monotonic() < deadline:
                time.sleep(0.01)
                continue
            unlink(name)  # never got a size: its creator died between two calls
            continue
        if _settle(old, kind, stale, deadline):
            return old, True


def _settle(old: Segment, kind: str, stale: str, deadline: float) -> bool:
    """True = `old` is ours now; False = try again. Raises where it must not be touched."""
    creator = read_i64(old.address + CREATOR_AT) if old.size >= LINE else 0
    if owner_alive(creator):
        old.close()
        raise SegmentBusy(f"shared memory {old.name}: in use by live process {owner_pid(creator)}")
    if not is_ready(old):
        if time.monotonic() < deadline:
            time.sleep(0.01)
        else:
            unlink(old.name)
        old.close()
        return False
    if stale == "refuse":
        old.close()
        raise SegmentStale(
            f"shared memory {old.name}: left by process {owner_pid(creator)}, which is gone: reclaim or reattach it"
        )
    with old.locked():
        if not old.is_current() or read_i64(old.address + CREATOR_AT) != creator:
            return False  # somebody else was quicker
        if stale == "reclaim":
            unlink(old.name)
            return False
        check_head(old, kind)
        write_i64(old.address + CREATOR_AT, owner_word(os.getpid()))
    return True


def finish(segment: Segment, **fields: int) -> None:
    """Fill the header of a new segment; `ready` comes last."""
    head = head_of(segment)
    fields |= {
        "magic": MAGIC,
        "layout_version": LAYOUT_VERSION,
        "record_size": RECORD_SIZE,
        "schema_hash": SCHEMA_HASH,
        "size": segment.size,
    }
    for field, value in fields.items():
        head[field] = value
    write_i64(segment.address + head_offset("ready"), 1)
