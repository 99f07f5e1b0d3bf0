"""Command lanes: one single-producer ring per producer, all in one segment, all read by the engine.

A lane counts commands from 0: `produced` is how many its producers have put in, `consumed` how many the engine
has let go; command i stands in slot i & (capacity - 1). `base` is how many of the lane's commands the engine's
history already held when this segment was made, so that history's count = base + count here.
"""

import os
import time

import numpy as np

from ringbuf.atomics import copy_bytes, load, load_acquire, load_u8, load_u32, pause, store, store_release, store_u32
from ringbuf.codes import CMD_GROUP
from ringbuf.cursor import encode_name
from ringbuf.head import attach_ready, check_capacity, check_places, finish, head_of, make
from ringbuf.jit import inline, kernel_of
from ringbuf.layout import (
    CREATOR_AT,
    EVENT_COUNT_AT,
    KINDS,
    LANE,
    LANE_BASE_AT,
    LANE_CONSUMED_AT,
    LANE_HEARTBEAT_AT,
    LANE_LIMIT,
    LANE_LINES_AT,
    LANE_NAME_AT,
    LANE_OWNER_AT,
    LANE_PRODUCED_AT,
    LANE_SEEN_AT,
    LANE_SIZE,
    head_offset,
    lanes_size,
)
from ringbuf.records import COMMAND, RECORD_SIZE, offset_of
from ringbuf.ring_kernels import event_count_wake, read_i64, write_i64
from ringbuf.shm import Segment, SegmentBusy, SegmentError, owner_alive, owner_pid, owner_word
from ringbuf.system import REALTIME, clock_ns, futex_wait
from ringbuf.wait import event_count_prepare

_CAPACITY_AT = head_offset("capacity")
_LANES_AT = head_offset("first_seq")
_SLOTS_AT = head_offset("slots_at")
_INGRESS_AT = offset_of(COMMAND, "ingress_ns")
_SESSION_AT = offset_of(COMMAND, "session")
_FLAGS_AT = offset_of(COMMAND, "flags")
_SESSION_BITS = 24
_SESSION_MASK = (1 << _SESSION_BITS) - 1
NAME_LIMIT = 64


@inline
def lane_count(addr):  # type: ignore[no-untyped-def]
    """How many lanes there are."""
    return load(addr + _LANES_AT)


@inline
def lane_line(addr, lane):  # type: ignore[no-untyped-def]
    """Address of a lane's four lines."""
    return addr + LANE_LINES_AT + lane * LANE_SIZE


@inline
def lane_base(addr, lane):  # type: ignore[no-untyped-def]
    """Commands of this lane in history before this segment's first."""
    return load(lane_line(addr, lane) + LANE_BASE_AT)


@inline
def lane_produced(addr, lane):  # type: ignore[no-untyped-def]
    """How many commands stand in the lane since the segment was made (acquire: they can be read)."""
    return load_acquire(lane_line(addr, lane) + LANE_PRODUCED_AT)


@inline
def lane_consumed(addr, lane):  # type: ignore[no-untyped-def]
    """How many commands the engine has released."""
    return load_acquire(lane_line(addr, lane) + LANE_CONSUMED_AT)


@inline
def lane_slot(addr, lane, index):  # type: ignore[no-untyped-def]
    """Address of command `index` (from 0). Readable while consumed <= index < produced."""
    capacity = load(addr + _CAPACITY_AT)
    return addr + load(addr + _SLOTS_AT) + (lane * capacity + (index & (capacity - 1))) * RECORD_SIZE


@inline
def lane_release(addr, lane, index):  # type: ignore[no-untyped-def]
    """Engine only: the first `index` commands are done with; their slots may be written again."""
    store_release(lane_line(addr, lane) + LANE_CONSUMED_AT, index)


@inline
def lanes_pending(addr, seen_addr):  # type: ignore[no-untyped-def]
    """The first lane with more commands than the i64 array at `seen_addr` (one per lane) says, or -1."""
    for lane in range(load(addr + _LANES_AT)):
        if lane_produced(addr, lane) > load(seen_addr + lane * 8):
            return lane
    return -1


@inline
def lanes_wait_futex(addr, seen_addr, timeout_ns):  # type: ignore[no-untyped-def]
    """Engine only: sleep until a lane has more than `seen` says; the lane, or -1 at the time-out or a signal."""
    for _ in range(100):
        lane = lanes_pending(addr, seen_addr)
        if lane >= 0:
            return lane
        pause()
    word = event_count_prepare(addr + EVENT_COUNT_AT)
    lane = lanes_pending(addr, seen_addr)
    if lane >= 0:
        return lane
    futex_wait(addr + EVENT_COUNT_AT, word, timeout_ns)
    return lanes_pending(addr, seen_addr)


@inline
def lane_send(addr, lane, source, count):  # type: ignore[no-untyped-def]
    """Producer only: put in as many of `count` commands at `source` as fit, of a group all or none; returns how many.

    Stamps the lane into the session's top byte and the wall clock where ingress_ns is 0; wakes the engine.
    """
    line = lane_line(addr, lane)
    capacity = load(addr + _CAPACITY_AT)
    produced = load(line + LANE_PRODUCED_AT)
    room = capacity - (produced - load(line + LANE_SEEN_AT))
    if room < count:
        consumed = load_acquire(line + LANE_CONSUMED_AT)
        store(line + LANE_SEEN_AT, consumed)
        room = capacity - (produced - consumed)
    fits = count if count < room else room
    if fits < count:
        while fits > 0 and load_u8(source + (fits - 1) * RECORD_SIZE + _FLAGS_AT) & CMD_GROUP != 0:
            fits -= 1
    if fits <= 0:
        return 0
    now = clock_ns(REALTIME)
    for index in range(fits):
        slot = lane_slot(addr, lane, produced + index)
        copy_bytes(slot, source + index * RECORD_SIZE, RECORD_SIZE)
        if load(slot + _INGRESS_AT) == 0:
            store(slot + _INGRESS_AT, now)
        session = load_u32(slot + _SESSION_AT) & _SESSION_MASK
        store_u32(slot + _SESSION_AT, session | lane << _SESSION_BITS)
    store_release(line + LANE_PRODUCED_AT, produced + fits)
    event_count_wake(addr + EVENT_COUNT_AT)
    return fits


@kernel_of("int64(int64, int64, int64, int64)")
def send_commands(addr, lane, source, count):  # type: ignore[no-untyped-def]
    """See lane_send."""
    return lane_send(addr, lane, source, count)


@kernel_of("int64(int64, int64, int64)")
def wait_lanes(addr, seen_addr, timeout_ns):  # type: ignore[no-untyped-def]
    """See lanes_wait_futex."""
    return lanes_wait_futex(addr, seen_addr, timeout_ns)


@kernel_of("int64(int64)")
def wake_engine(addr):  # type: ignore[no-untyped-def]
    """Wake the engine out of `lanes_wait_futex`, whatever the lanes hold."""
    return event_count_wake(addr + EVENT_COUNT_AT)


class Producer:
    """One lane, owned by this process. `lane` is its number. One thread at a time."""

    def __init__(self, lanes: "Lanes", lane: int, name: str, owner: int) -> None:
        self._lanes = lanes
        self._owner = owner
        self.lane = lane
        self.name = name

    def send(self, commands: np.ndarray) -> int:
        """Put in commands (COMMAND, or a view of it); returns how many fitted, from the first on (of a group all).

        The session's top byte and a missing ingress_ns are filled in the lane; `commands` stays as it is.
        """
        if commands.dtype.itemsize != RECORD_SIZE or commands.ndim != 1:
            raise SegmentError(f"commands: expected a row of {RECORD_SIZE}-byte records, found {commands.dtype}")
        if not self._owner:
            raise SegmentError(f"lane {self.name}: closed")
        if len(commands) == 0:
            return 0
        source = np.ascontiguousarray(commands)
        return int(send_commands(self._lanes.address, self.lane, source.ctypes.data, len(source)))

    def session(self, number: int) -> int:
        """The session field of this producer's session `number` (0 .. 2**24 - 1), as its events will carry it."""
        if not 0 <= number <= _SESSION_MASK:
            raise SegmentError(f"session: expected 0 to {_SESSION_MASK}, found {number}")
        return self.lane << _SESSION_BITS | number

    def beat(self) -> None:
        """Show that the owner lives; only who calls this now and then (the engine) is watched by it."""
        write_i64(self._line + LANE_HEARTBEAT_AT, time.monotonic_ns())

    @property
    def produced(self) -> int:
        """Commands put into this lane since the segment was made."""
        return int(read_i64(self._line + LANE_PRODUCED_AT))

    @property
    def consumed(self) -> int:
        """Commands of this lane that the engine has released."""
        return int(read_i64(self._line + LANE_CONSUMED_AT))

    @property
    def base(self) -> int:
        """Commands of this lane in history before this segment."""
        return int(read_i64(self._line + LANE_BASE_AT))

    @property
    def _line(self) -> int:
        return self._lanes.address + LANE_LINES_AT + self.lane * LANE_SIZE

    def close(self) -> None:
        """Give the lane up; what it holds is still consumed. Twice is harmless."""
        if self._owner and self._lanes.address and read_i64(self._line + LANE_OWNER_AT) == self._owner:
            write_i64(self._line + LANE_OWNER_AT, 0)
        self._owner = 0


class Lanes:
    """The mapped segment of all lanes: `address`, `lanes` (how many), `capacity` (commands in each), `epoch`."""

    def __init__(self, segment: Segment) -> None:
        head = head_of(segment)
        self.segment = segment
        self.name = segment.name
        self.address = segment.address
        self.capacity = int(head["capacity"])
        self.epoch = int(head["epoch"])
        self.lanes = int(head["first_seq"])

    @classmethod
    def create(
        cls,
        name: str,
        lanes: int = 16,
        capacity: int = 4096,
        epoch: int = 0,
        names: tuple[str, ...] = (),
        bases: np.ndarray | None = None,
        stale: str = "refuse",
    ) -> "Lanes":
        """New segment. `names` take lanes 0, 1, … for good; the others go to whoever asks first.

        `bases` (i64 per lane): commands of each lane in history already. `stale` as in Ring.create; a
        reattached segment keeps its names, bases and commands.
        """
        check_capacity(name, capacity)
        if not 1 <= lanes <= LANE_LIMIT:
            raise SegmentError(f"{name}: lanes: expected 1 to {LANE_LIMIT}, found {lanes}")
        if len(names) > lanes or len(set(names)) != len(names):
            raise SegmentError(f"{name}: names: expected at most {lanes} different ones, found {list(names)}")
        if bases is not None and len(bases) != lanes:
            raise SegmentError(f"{name}: bases: expected {lanes}, found {len(bases)}")
        keys = [encode_name(lane_name, NAME_LIMIT) for lane_name in names]
        segment, reattached = make(name, lanes_size(lanes, capacity), "lanes", stale)
        if reattached:
            old = cls(segment)
            if (old.lanes, old.capacity) != (lanes, capacity):
                write_i64(segment.address + CREATOR_AT, 0)  # not ours after all
                segment.close()
                raise SegmentError(f"{name}: lanes x capacity: expected {lanes} x {capacity}, found another size")
            return old
        lines = _lines(segment, lanes)
        for index, key in enumerate(keys):
            lines[index]["name"] = key
            lines[index]["fixed"] = 1
        if bases is not None:
            lines["base"] = bases
        slots_at = LANE_LINES_AT + lanes * LANE_SIZE
        finish(
            segment,
            capacity=capacity,
            kind=KINDS["lanes"],
            epoch=epoch,
            first_seq=lanes,
            cursors_at=LANE_LINES_AT,
            slots_at=slots_at,
        )
        return cls(segment)

    @classmethod
    def attach(cls, name: str) -> "Lanes":
        """Map existing lanes. Raises SegmentMissing, or SegmentError naming the field that differs."""
        segment = attach_ready(name, "lanes")
        lanes = cls(segment)
        size = lanes_size(lanes.lanes, lanes.capacity)
        check_places(segment, size=size, slots_at=LANE_LINES_AT + lanes.lanes * LANE_SIZE)
        return lanes

    def producer(self, name: str) -> Producer:
        """Own the lane of that name: the same one as last time where it has one, else a free one.

        A lane that nobody alive owns, whose name is not fixed and whose commands are all consumed, can go to
        another name. Raises SegmentBusy where a live process has the lane, SegmentError where all are taken.
        """
        key = encode_name(name, NAME_LIMIT)
        with self.segment.locked():
            lines = _lines(self.segment, self.lanes)
            lane = self._find(lines, key)
            holder = int(lines[lane]["owner"])
            if owner_alive(holder):
                raise SegmentBusy(f"lane {name} of {self.name}: in use by live process {owner_pid(holder)}")
            lines[lane]["name"] = key
            lines[lane]["heartbeat_ns"] = 0
            owner = owner_word(os.getpid())
            write_i64(self.address + LANE_LINES_AT + lane * LANE_SIZE + LANE_OWNER_AT, owner)
        return Producer(self, lane, name, owner)

    def refuse_live_owner(self, name: str) -> None:
        """SegmentBusy where a live process has the lane of that name; takes nothing."""
        key = encode_name(name, NAME_LIMIT)
        for line in _lines(self.segment, self.lanes):
            holder = int(line["owner"])
            if bytes(line["name"]) == key and owner_alive(holder):
                raise SegmentBusy(f"lane {name} of {self.name}: in use by live process {owner_pid(holder)}")

    def _find(self, lines: np.ndarray, key: bytes) -> int:
        for lane in range(self.lanes):
            if bytes(lines[lane]["name"]) == key:
                return lane
        for lane in range(self.lanes):
            if not bytes(lines[lane]["name"]):
                return lane
        for lane in range(self.lanes):
            line = lines[lane]
            drained = int(line["produced"]) == int(line["consumed"])
            if not line["fixed"] and drained and not owner_alive(int(line["owner"])):
                return lane
        raise SegmentError(f"lanes of {self.name}: expected a free one of {self.lanes}, found none")

    def names(self) -> list[str]:
        """Name of each lane, "" where it has none."""
        return [bytes(line["name"]).decode() for line in _lines(self.segment, self.lanes)]

    def owner(self, name: str) -> int:
        """The pid that owns the lane of that name; 0 where nobody does."""
        key = encode_name(name, NAME_LIMIT)
        found = [int(line["owner"]) for line in _lines(self.segment, self.lanes) if bytes(line["name"]) == key]
        return owner_pid(found[0]) if found else 0

    def heartbeat_ns(self, name: str) -> int:
        """When the owner of the lane of that name last showed life (monotonic clock); 0 where it gives no sign."""
        key = encode_name(name, NAME_LIMIT)
        lines = _lines(self.segment, self.lanes)
        return max((int(line["heartbeat_ns"]) for line in lines if bytes(line["name"]) == key), default=0)

    def wake(self) -> None:
        """Wake the engine, whatever the lanes hold."""
        wake_engine(self.address)

    def wait(self, seen: np.ndarray, timeout_ns: int) -> int:
        """Engine only: sleep until a lane holds more than `seen` (i64 per lane); the lane, or -1."""
        if seen.dtype != np.int64 or seen.shape != (self.lanes,) or not seen.flags.c_contiguous:
            raise SegmentError(f"seen: expected {self.lanes} i64, found {seen.dtype} {seen.shape}")
        return int(wait_lanes(self.address, seen.ctypes.data, timeout_ns))

    @property
    def is_current(self) -> bool:
        """Whether the name still means this segment; False = attach again."""
        return self.segment.is_current()

    @property
    def creator_alive(self) -> bool:
        """Whether the process that created (or reattached) the lanes runs."""
        return owner_alive(int(read_i64(self.address + CREATOR_AT)))

    def close(self) -> None:
        """Let go of the mapping."""
        self.segment.close()
        self.address = 0


def _lines(segment: Segment, lanes: int) -> np.ndarray:
    """The lanes' lines as LANE records on shared memory."""
    return segment.buffer[LANE_LINES_AT : LANE_LINES_AT + lanes * LANE_SIZE].view(LANE)


assert offset_of(LANE, "name") == LANE_NAME_AT
