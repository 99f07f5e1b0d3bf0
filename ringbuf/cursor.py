"""Named cursors of a ring: who reads it, how far they have finished, whether they live."""

import os
import time
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ringbuf.layout import CURSOR, CURSOR_COUNT, CURSORS_AT, GATE_AT, LINE, cursor_offset, head_offset
from ringbuf.ring_kernels import read_i64, write_i64
from ringbuf.shm import Segment, SegmentBusy, SegmentError, owner_alive, owner_pid, owner_start, owner_word

_SEQUENCE_AT = cursor_offset("sequence")
_OWNER_AT = cursor_offset("owner")
NAME_LIMIT = 32


class CursorState(IntEnum):
    """What a cursor's owner is doing."""

    CLOSED = 0
    STARTING = 1
    RUNNING = 2
    CATCHING_UP = 3
    STOPPING = 4
    FAILED = 5
    AWAY = 6  # at work, while what it writes to is not


class CursorSource(IntEnum):
    """Where the owner reads from just now."""

    NONE = 0
    RING = 1
    JOURNAL = 2
    TOPIC = 3  # of another host's events


@dataclass(frozen=True)
class CursorView:
    """One cursor as it was at a moment; `alive` says whether its owner runs."""

    name: str
    sequence: int
    pid: int
    start: int
    heartbeat_ns: int
    state: CursorState
    source: CursorSource
    gates: bool
    alive: bool


def encode_name(name: str, limit: int) -> bytes:
    """A cursor's or lane's name as bytes; refuses an empty, too long or non-ASCII one."""
    if not name or not name.isascii() or len(name) > limit or "\0" in name:
        raise SegmentError(f"name: expected 1 to {limit} ASCII characters, found {name!r}")
    return name.encode()


def cursor_lines(segment: Segment) -> np.ndarray:
    """All cursor lines as records on shared memory."""
    return segment.buffer[CURSORS_AT : CURSORS_AT + CURSOR_COUNT * LINE].view(CURSOR)


class Cursor:
    """This process's own cursor. Closed or dead, it keeps its name and sequence for the next owner."""

    def __init__(self, segment: Segment, index: int, owner: int) -> None:
        self._segment = segment
        self._owner = owner
        self._at = segment.address + CURSORS_AT + index * LINE
        self._line = cursor_lines(segment)[index]
        self.name = bytes(self._line["name"]).decode()

    @property
    def sequence(self) -> int:
        """Last sequence finished."""
        return int(read_i64(self._at + _SEQUENCE_AT))

    @property
    def gates(self) -> bool:
        """Whether the writer waits for this cursor."""
        return bool(self._line["gates"])

    def set(self, seq: int) -> None:
        """Everything up to `seq` is finished (release: effects before it are visible first)."""
        write_i64(self._at + _SEQUENCE_AT, seq)

    def beat(self, state: CursorState = CursorState.RUNNING, source: CursorSource = CursorSource.RING) -> None:
        """Show that the owner lives, what it does and where it reads."""
        self._line["state"] = int(state)
        self._line["source"] = int(source)
        self._line["heartbeat_ns"] = time.monotonic_ns()

    def close(self) -> None:
        """Give the cursor up; its line stays. A gating cursor goes on gating. Twice is harmless."""
        if self._owner and self._segment.address and read_i64(self._at + _OWNER_AT) == self._owner:
            self._line["state"] = int(CursorState.CLOSED)
            write_i64(self._at + _OWNER_AT, 0)
        self._owner = 0


def open_cursor(segment: Segment, name: str, gates: bool, sequence: int | None, owned: bool = True) -> Cursor:
    """Open, or take over from a dead owner, the cursor of that name.

    `sequence` None = where it stood; a new one stands before the ring's first sequence.
    Raises SegmentBusy where a live process has it or another cursor gates, SegmentError where all 48 are taken.
    """
    key = encode_name(name, NAME_LIMIT)
    with segment.locked():
        lines = cursor_lines(segment)
        index = _find(segment, lines, key)
        line = lines[index]
        known = bool(line["used"])
        holder = int(line["owner"]) if known else 0
        if owner_alive(holder):
            raise SegmentBusy(f"cursor {name} of {segment.name}: in use by live process {owner_pid(holder)}")
        at = CURSORS_AT + index * LINE
        _check_gate(segment, name, at, gates)
        if not known:
            line["name"] = key
            first = read_i64(segment.address + head_offset("first_seq"))
            write_i64(segment.address + at + _SEQUENCE_AT, first - 1)
        if sequence is not None:
            write_i64(segment.address + at + _SEQUENCE_AT, sequence)
        owner = owner_word(os.getpid()) if owned else 0
        line["state"] = int(CursorState.STARTING if owned else CursorState.CLOSED)
        line["source"] = int(CursorSource.NONE)
        line["heartbeat_ns"] = time.monotonic_ns() if owned else 0
        line["gates"] = int(gates or bool(line["gates"]))
        write_i64(segment.address + at + _OWNER_AT, owner)
        write_i64(segment.address + at + cursor_offset("used"), 1)
        if gates:
            write_i64(segment.address + GATE_AT, at)
        return Cursor(segment, index, owner)


def _find(segment: Segment, lines: np.ndarray, key: bytes) -> int:
    """Index of the cursor of that name, else of a free line."""
    for index, line in enumerate(lines):
        if line["used"] and bytes(line["name"]) == key:
            return index
    for index, line in enumerate(lines):
        if not line["used"]:
            return index
    raise SegmentError(f"cursors of {segment.name}: expected a free one of {CURSOR_COUNT}, found none")


def _check_gate(segment: Segment, name: str, at: int, gates: bool) -> None:
    gate = read_i64(segment.address + GATE_AT)
    if gates and gate not in (0, at):
        raise SegmentBusy(f"cursor {name} of {segment.name}: gates: another cursor gates already")


def gate_state(segment: Segment) -> CursorState:
    """State of the cursor that gates, as its owner last set it, alive or not; CLOSED where none gates.

    Raises SegmentError where the gate points at no cursor.
    """
    gate = read_i64(segment.address + GATE_AT)
    if gate == 0:
        return CursorState.CLOSED
    index, off = divmod(gate - CURSORS_AT, LINE)
    if off or not 0 <= index < CURSOR_COUNT:
        raise SegmentError(f"gate of {segment.name}: expected the place of a cursor, found {gate}")
    return CursorState(int(cursor_lines(segment)[index]["state"]))


def forget_cursor(segment: Segment, name: str) -> bool:
    """Free the line of a cursor that nobody owns and that gates nothing; False = no such cursor."""
    key = encode_name(name, NAME_LIMIT)
    with segment.locked():
        for line in cursor_lines(segment):
            if not line["used"] or bytes(line["name"]) != key:
                continue
            if owner_alive(int(line["owner"])):
                raise SegmentBusy(f"cursor {name} of {segment.name}: in use by live process {line['owner']}")
            if line["gates"]:
                raise SegmentBusy(f"cursor {name} of {segment.name}: gates the writer and can't be forgotten")
            line["used"] = 0
            line["owner"] = 0
            line["name"] = b""
            return True
    return False


def sequence_of(segment: Segment, name: str) -> int | None:
    """Where the cursor of that name stands, whoever owns it; None where there is none. Quick: nobody is looked up."""
    lines = cursor_lines(segment)
    found = np.flatnonzero((lines["name"] == encode_name(name, NAME_LIMIT)) & (lines["used"] == 1))
    return read_i64(segment.address + CURSORS_AT + int(found[0]) * LINE + _SEQUENCE_AT) if len(found) else None


def view_cursors(segment: Segment) -> list[CursorView]:
    """Every cursor that has a name."""
    views = []
    for line in cursor_lines(segment).copy():
        if not line["used"]:
            continue
        owner = int(line["owner"])
        views.append(
            CursorView(
                name=bytes(line["name"]).decode(),
                sequence=int(line["sequence"]),
                pid=owner_pid(owner),
                start=owner_start(owner),
                heartbeat_ns=int(line["heartbeat_ns"]),
                state=CursorState(int(line["state"])),
                source=CursorSource(int(line["source"])),
                gates=bool(line["gates"]),
                alive=owner_alive(owner),
            )
        )
    return views
