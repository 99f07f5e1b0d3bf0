"""The event ring and the market ring as seen from Python: create, attach, look, write from Python.

Hot paths are in ringbuf.ring_kernels, on `Ring.address`; memory layout in ringbuf.layout.
"""

import numpy as np

from ringbuf.cursor import (
    Cursor,
    CursorSource,
    CursorState,
    CursorView,
    forget_cursor,
    gate_state,
    open_cursor,
    sequence_of,
    view_cursors,
)
from ringbuf.head import attach_ready, check_capacity, check_places, finish, head_of, make
from ringbuf.layout import (
    CLAIMED_AT,
    CREATOR_AT,
    CURSORS_AT,
    DURABILITIES,
    DURABLE_AT,
    KINDS,
    PUBLISHED_AT,
    SLOTS_AT,
    TIMING,
    TIMING_SIZE,
    WRITER_GATE_AT,
    ring_size,
)
from ringbuf.reader import Ahead, Lapped, RingReader
from ringbuf.records import EVENT, MARKET, RECORD_SIZE
from ringbuf.ring_kernels import (
    append_records,
    limit_of,
    read_i64,
    ring_claim,
    ring_publish,
    ring_room,
    ring_slot,
    ring_timing,
    ring_wake,
    ring_wake_spaced,
    room_of,
    set_durable,
    wake,
    write_i64,
)
from ringbuf.shm import Segment, SegmentBusy, SegmentError, SegmentMissing, SegmentStale, owner_alive

__all__ = [
    "Ahead",
    "Cursor",
    "CursorSource",
    "CursorState",
    "CursorView",
    "Lapped",
    "Ring",
    "RingReader",
    "SegmentBusy",
    "SegmentError",
    "SegmentMissing",
    "SegmentStale",
    "ring_claim",
    "ring_publish",
    "ring_room",
    "ring_slot",
    "ring_timing",
    "ring_wake",
    "ring_wake_spaced",
]

_RECORDS = {"event": EVENT, "market": MARKET}


class Ring:
    """A mapped ring. Attributes: `kind`, `capacity`, `epoch`, `durability` (word), `first_seq`, `address`."""

    def __init__(self, segment: Segment, kind: str) -> None:
        head = head_of(segment)
        self.segment = segment
        self.name = segment.name
        self.kind = kind
        self.address = segment.address
        self.capacity = int(head["capacity"])
        self.epoch = int(head["epoch"])
        self.first_seq = int(head["first_seq"])
        self.durability = {number: word for word, number in DURABILITIES.items()}[int(head["durability"])]

    @classmethod
    def create(
        cls,
        name: str,
        capacity: int,
        kind: str,
        epoch: int,
        durability: str,
        first_seq: int = 1,
        gate: str | None = None,
        stale: str = "refuse",
    ) -> "Ring":
        """New ring whose first record will be `first_seq` (journal's last + 1 after a recovery).

        kind "event" | "market"; durability "memory" | "journal" | "fsync"; `gate` names the one cursor that the
        writer waits for, from the start, before its owner has opened it. `stale` says what to do about a segment
        whose creator is dead: "refuse", "reclaim" (unlink it, start afresh) or "reattach" (go on in it; capacity,
        epoch and durability must be the same; `first_seq` is then the old one).
        Raises SegmentBusy where a live process created it, SegmentStale, SegmentError.
        """
        check_capacity(name, capacity)
        if kind not in _RECORDS:
            raise SegmentError(f"{name}: kind: expected event or market, found {kind!r}")
        if durability not in DURABILITIES:
            raise SegmentError(f"{name}: durability: expected memory, journal or fsync, found {durability!r}")
        if first_seq < 1:
            raise SegmentError(f"{name}: first_seq: expected 1 or more, found {first_seq}")
        segment, reattached = make(name, ring_size(capacity), kind, stale)
        if reattached:
            return cls._reattached(segment, kind, capacity, epoch, durability)
        for at in (CLAIMED_AT, PUBLISHED_AT, DURABLE_AT, WRITER_GATE_AT):
            write_i64(segment.address + at, first_seq - 1)
        head_of(segment)["first_seq"] = first_seq
        if gate is not None:
            open_cursor(segment, gate, gates=True, sequence=first_seq - 1, owned=False)
        finish(
            segment,
            capacity=capacity,
            kind=KINDS[kind],
            durability=DURABILITIES[durability],
            epoch=epoch,
            first_seq=first_seq,
            cursors_at=CURSORS_AT,
            slots_at=SLOTS_AT,
            timing_at=SLOTS_AT + capacity * RECORD_SIZE,
        )
        return cls(segment, kind)

    @classmethod
    def _reattached(cls, segment: Segment, kind: str, capacity: int, epoch: int, durability: str) -> "Ring":
        ring = cls(segment, kind)
        asked = {"capacity": capacity, "epoch": epoch, "durability": durability}
        for field, value in asked.items():
            found = getattr(ring, field)
            if found != value:
                write_i64(segment.address + CREATOR_AT, 0)  # not ours after all
                segment.close()
                raise SegmentError(f"{segment.name}: {field}: expected {value}, found {found}; reclaim it")
        return ring

    @classmethod
    def attach(cls, name: str, kind: str) -> "Ring":
        """Map an existing ring. Raises SegmentMissing, or SegmentError naming the field that differs."""
        segment = attach_ready(name, kind)
        capacity = int(head_of(segment)["capacity"])
        timing_at = SLOTS_AT + capacity * RECORD_SIZE
        check_places(segment, size=ring_size(capacity), cursors_at=CURSORS_AT, slots_at=SLOTS_AT, timing_at=timing_at)
        return cls(segment, kind)

    @property
    def published(self) -> int:
        """Highest visible sequence; first_seq - 1 = none yet."""
        return int(read_i64(self.address + PUBLISHED_AT))

    @property
    def claimed(self) -> int:
        """Highest sequence whose slot may be being written."""
        return int(read_i64(self.address + CLAIMED_AT))

    @property
    def durable(self) -> int:
        """Highest sequence that the journal calls safe."""
        return int(read_i64(self.address + DURABLE_AT))

    def set_durable(self, seq: int) -> None:
        """Journal only: call everything up to `seq` safe and wake those who waited for it."""
        set_durable(self.address, seq)

    @property
    def limit(self) -> int:
        """Highest sequence for everyone but journal and replica: min(published, durable), or published."""
        return int(limit_of(self.address, int(self.reads_published)))

    @property
    def reads_published(self) -> bool:
        """Whether nobody needs to wait for the journal: memory mode, and market rings."""
        return self.durability == "memory" or self.kind == "market"

    @property
    def room(self) -> int:
        """Writer only: records that may be written now beyond `published`."""
        return int(room_of(self.address))

    @property
    def records(self) -> np.ndarray:
        """The slots, on shared memory: sequence s at index s & (capacity - 1). Not checked against overwriting."""
        end = SLOTS_AT + self.capacity * RECORD_SIZE
        return self.segment.buffer[SLOTS_AT:end].view(_RECORDS[self.kind])

    @property
    def timing(self) -> np.ndarray:
        """The timing lane, on shared memory, indexed like `records`."""
        start = SLOTS_AT + self.capacity * RECORD_SIZE
        return self.segment.buffer[start : start + self.capacity * TIMING_SIZE].view(TIMING)

    @property
    def creator_alive(self) -> bool:
        """Whether the process that created (or reattached) the ring runs."""
        return owner_alive(int(read_i64(self.address + CREATOR_AT)))

    @property
    def is_current(self) -> bool:
        """Whether the name still means this segment; False = attach again."""
        return self.segment.is_current()

    def append(self, records: np.ndarray, timing: np.ndarray | None = None) -> int:
        """Write records as the next sequences, publish them as one, wake readers; returns `published`.

        Writer only. Raises SegmentError where the gate leaves too little room, or for the wrong dtype.
        """
        if records.dtype != _RECORDS[self.kind]:
            raise SegmentError(f"{self.name}: records: expected {self.kind} records, found {records.dtype}")
        if timing is not None and (timing.dtype != TIMING or len(timing) != len(records)):
            raise SegmentError(f"{self.name}: timing: expected {len(records)} TIMING records")
        if len(records) > self.room:
            raise SegmentError(f"{self.name}: room: expected {len(records)}, found {self.room}")
        source = np.ascontiguousarray(records)
        times = None if timing is None else np.ascontiguousarray(timing)
        return int(
            append_records(self.address, source.ctypes.data, len(source), 0 if times is None else times.ctypes.data)
        )

    def wake(self) -> None:
        """Wake everybody who sleeps on this ring; the writer does so before it goes idle."""
        wake(self.address)

    def cursor(self, name: str, gates: bool = False, sequence: int | None = None) -> Cursor:
        """Open the cursor of that name, or take it over from a dead owner; see ringbuf.cursor.open_cursor."""
        return open_cursor(self.segment, name, gates, sequence)

    @property
    def gate_state(self) -> CursorState:
        """What the reader that the writer waits for was doing when it last said so; CLOSED where nobody gates."""
        return gate_state(self.segment)

    def cursors(self) -> list[CursorView]:
        """Every named cursor as it is now."""
        return view_cursors(self.segment)

    def sequence_of(self, name: str) -> int | None:
        """Where the cursor of that name stands; None where there is none."""
        return sequence_of(self.segment, name)

    def forget(self, name: str) -> bool:
        """Free a cursor that nobody owns; False = no such cursor."""
        return forget_cursor(self.segment, name)

    def close(self) -> None:
        """Let go of the mapping."""
        self.segment.close()
        self.address = 0
