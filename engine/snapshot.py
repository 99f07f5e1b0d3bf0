"""A state as one file, from which an engine goes on without the history before it.

    ┌────────┬───────────────────────────────────────────────────────────────────────────────────┐
    │ 0      │ HEADER: what it is, where history stood, the limits, how long each section is,     │
    │        │ the state's hash, a BLAKE3 over the sections, one over the header before it         │
    │ header │ sections, one behind another in the order of TABLES: of a table with a pool or a   │
    │        │ count its used part; of an open-addressing table first the positions of the used   │
    │        │ cells (u32), then these cells. Slots stay what they were, so links stay right.     │
    └────────┴───────────────────────────────────────────────────────────────────────────────────┘

Written by `save` so that there is either the whole file or none. `load` takes nothing on trust: another version, layout
or limit, a short file, a flipped bit are each refused with what was found and what was expected, and the state that
comes out has the hash of the one that went in. Who keeps several falls back on the one before, or on the journal.

The multipliers of the state's hashes (`engine.mixing`) go with it: a snapshot is as private as the engine's memory.
"""

import hashlib
import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from blake3 import blake3

from engine import state as tables
from engine.state import MAX_LANES, STATE, Limits, State
from engine.views import state_digest

MAGIC = b"MATCHSNP"
VERSION = 2  # of this format, and of what the tables mean
TEMPORARY = ".tmp"  # a file's ending while it is written
FILLING = 2  # threads that fill an engine's tables: it is waited for
WORD = np.dtype("<i8")
POSITION = np.dtype("<u4")
LIMIT_NAMES = tuple(field.name for field in fields(Limits))


class _Table(NamedTuple):
    """How a table is written: its first records, as many as a word of the state's header says, or its used cells."""

    dtype: np.dtype
    used: str = ""  # that word, or a number; "" = used cells
    key: str = ""  # field that is not 0 in a used cell; "" where a cell is one word


TABLES = {
    "header": _Table(STATE, "1"),
    "assets": _Table(tables.ASSET, "asset_count"),
    "instruments": _Table(tables.INSTRUMENT, "instrument_count"),
    "accounts": _Table(tables.ACCOUNT, key="key"),
    "balances": _Table(tables.BALANCE, key="key"),
    "orders": _Table(tables.ORDER, "order_next"),
    "terms": _Table(tables.TERMS, "order_next"),
    "levels": _Table(tables.LEVEL, "level_next"),
    "nodes": _Table(tables.NODE, "node_next"),
    "expiring": _Table(WORD, "expiring_count"),
    "ids": _Table(WORD),
    "clients": _Table(WORD),
    "busted": _Table(WORD),
}

HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<i8"),
        ("layout_hash", "<i8"),  # of every record's fields and of the tables
        ("size", "<i8"),  # bytes of the whole file
        ("epoch", "<i8"),  # of the history
        ("seq", "<i8"),  # last event in it
        ("lanes", "<i8", (MAX_LANES,)),  # the table of that name: who only asks how far commands got needs no more
        *((name, "<i8") for name in LIMIT_NAMES),
        *((f"{name}_records", "<i8") for name in TABLES),
        ("state_hash", "S64"),
        ("sections_hash", "S64"),
        ("header_hash", "S64"),  # over what stands before it
    ]
)
SEALED_BYTES = int(HEADER.fields["header_hash"][1])  # type: ignore[index]
HEADER_BYTES = HEADER.itemsize
assert set(STATE.names[: len(TABLES)]) == set(TABLES) - {"header"} | {"lanes"}, "a table has no section"  # type: ignore[index]


class SnapshotError(Exception):
    """A snapshot that can't be used: names the field, what it is and what was expected."""


@dataclass(frozen=True)
class SnapshotInfo:
    """What a good header says."""

    seq: int
    epoch: int
    state_hash: str
    size: int
    lanes: tuple[int, ...]  # commands of each lane that were answered


@cache
def layout_hash() -> int:
    """63 bits over the fields of every record, which tables there are, and how they are written."""
    text = "\n".join(f"{name}:{table.dtype.descr}:{table.used}:{table.key}" for name, table in TABLES.items())
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") & (2**63 - 1)


def _plain(dtype: np.dtype) -> np.dtype:
    """A record as so many bytes: NumPy copies those whole, and a record field by field."""
    return np.dtype((np.void, dtype.itemsize))


def _used_cells(state: State, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(positions, cells) of an open-addressing table."""
    table = TABLES[name]
    cells = state.tables[name].view(table.dtype) if table.key == "" else _whole_cells(state, name)
    positions = np.flatnonzero(cells if table.key == "" else cells[table.key])
    return positions.astype(POSITION), cells.view(_plain(table.dtype))[positions]


def _whole_cells(state: State, name: str) -> np.ndarray:
    dtype = TABLES[name].dtype
    return state.view(name, dtype, len(state.tables[name]) // dtype.itemsize)


def _count(record: np.void, name: str) -> int:
    used = TABLES[name].used
    return int(used) if used.isdigit() else int(record[used])


def _plain_header(state: State) -> np.ndarray:
    """The state's header without its addresses."""
    header = state.header.copy()
    for name in state.tables:
        header[name] = 0
    return header


def _sections(state: State) -> Iterator[tuple[str, int, list[np.ndarray]]]:
    """(table, how many records, what is written of it)."""
    for name, table in TABLES.items():
        if name == "header":
            yield name, 1, [_plain_header(state)]
        elif table.used != "":
            count = _count(state.record, name)
            yield name, count, [state.view(name, table.dtype, count)]
        else:
            positions, cells = _used_cells(state, name)
            yield name, len(cells), [positions, cells]


def _bytes_of(array: np.ndarray) -> memoryview:
    return memoryview(np.ascontiguousarray(array).view(np.uint8)).cast("B")


def encode(state: State, epoch: int) -> list[memoryview]:
    """The file's parts, in order. They are views of the state: write them before it changes.

    Precondition: the state stands between two commands or steps. Raises SnapshotError where it does not.
    """
    if state.record["active"] != 0:
        raise SnapshotError(f"active: order in slot {int(state.record['active'])} is trading, expected none")
    header = np.zeros(1, HEADER)
    parts, digest, size = [], blake3(), HEADER_BYTES
    for name, count, arrays in _sections(state):
        header[f"{name}_records"] = count
        for part in map(_bytes_of, arrays):
            digest.update(part)
            size += len(part)
            parts.append(part)
    header["magic"], header["version"], header["layout_hash"] = MAGIC, VERSION, layout_hash()
    header["size"], header["epoch"], header["seq"] = size, epoch, state.record["seq"]
    header["lanes"] = state.view("lanes", WORD, MAX_LANES)
    for name in LIMIT_NAMES:
        header[name] = getattr(state.limits, name)
    header["state_hash"], header["sections_hash"] = state_digest(state), digest.hexdigest()
    header["header_hash"] = blake3(header.tobytes()[:SEALED_BYTES]).hexdigest()
    return [memoryview(header.tobytes()), *parts]


def save(state: State, epoch: int, path: Path) -> None:
    """Write a snapshot; what stood at the path before stays there until the new one is whole and safe on the disk.

    One that can't be finished leaves nothing; of one whose process was killed, `.tmp` stays beside it.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with open(temporary, "wb") as file:
            for part in encode(state, epoch):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _expect(what: str, field: str, found: object, expected: object) -> None:
    if found != expected:
        raise SnapshotError(f"{what}: {field} is {found}, expected {expected}")


def _read_header(what: str, raw: bytes) -> np.void:
    """The header, if these bytes begin with a good one of this version and layout."""
    if len(raw) < HEADER_BYTES:
        raise SnapshotError(f"{what}: size is {len(raw)}, expected {HEADER_BYTES} at least")
    header = np.frombuffer(raw[:HEADER_BYTES], HEADER)[0]
    _expect(what, "magic", bytes(header["magic"]), MAGIC)
    _expect(what, "version", int(header["version"]), VERSION)
    found = blake3(raw[:SEALED_BYTES]).hexdigest()
    _expect(what, "header_hash", found, header["header_hash"].decode("ascii", "replace"))
    _expect(what, "layout_hash", int(header["layout_hash"]), layout_hash())
    return header


def _info(header: np.void) -> SnapshotInfo:
    return SnapshotInfo(
        int(header["seq"]),
        int(header["epoch"]),
        header["state_hash"].decode(),
        int(header["size"]),
        tuple(header["lanes"].tolist()),
    )


def describe(path: Path) -> SnapshotInfo:
    """What a snapshot's header says, the rest not looked at. Raises SnapshotError, or OSError."""
    with open(path, "rb") as file:
        return _info(_read_header(path.name, file.read(HEADER_BYTES)))


def limits_in(path: Path) -> Limits:
    """The limits of the engine whose state a snapshot is. Raises SnapshotError, or OSError."""
    with open(path, "rb") as file:
        header = _read_header(path.name, file.read(HEADER_BYTES))
    return Limits(**{name: int(header[name]) for name in LIMIT_NAMES})


class _Copy(NamedTuple):
    """What goes where: `into[at] = source`."""

    into: np.ndarray
    at: np.ndarray | slice
    source: np.ndarray

    def make(self) -> None:
        self.into[self.at] = self.source


def _fill(state: State, header: np.void, sections: memoryview, threads: int) -> None:
    """Put the sections, whose checksum was good, into an empty state."""
    offset = 0
    copies = []

    def take(dtype: np.dtype, count: int) -> np.ndarray:
        nonlocal offset
        offset += count * dtype.itemsize
        return np.frombuffer(sections[offset - count * dtype.itemsize : offset], dtype)

    for name, table in TABLES.items():
        count, plain = int(header[f"{name}_records"]), _plain(table.dtype)
        if name == "header":
            addresses = {table_name: state.record[table_name] for table_name in state.tables}
            state.header[:] = take(STATE, 1)
            for table_name, address in addresses.items():
                state.record[table_name] = address
        elif table.used != "":
            copies.append(_Copy(state.view(name, plain, count), slice(None), take(plain, count)))
        else:
            positions = take(POSITION, count)
            copies.append(_Copy(_whole_cells(state, name).view(plain), positions, take(plain, count)))
    copies.sort(key=lambda copy: copy.into.nbytes, reverse=True)  # the longest first: nobody waits for it at the end
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_Copy.make, copies))


def decode(
    raw: bytes | memoryview, limits: Limits, what: str = "snapshot", for_engine: bool = False
) -> tuple[State, SnapshotInfo]:
    """A new state with these limits from a snapshot's bytes. Raises SnapshotError.

    for_engine: with huge pages, filled by several threads, and the state that came out is not hashed once more: the
    engine is waited for, its replica proves it. The bytes' own hash is always checked.
    """
    view = memoryview(raw)
    header = _read_header(what, bytes(view[:HEADER_BYTES]))
    for name in LIMIT_NAMES:
        _expect(what, name, int(header[name]), getattr(limits, name))
    _expect(what, "size", len(view), int(header["size"]))
    found = blake3(view[HEADER_BYTES:]).hexdigest()
    _expect(what, "sections_hash", found, header["sections_hash"].decode())
    state = State(limits)
    if for_engine:
        state.use_huge_pages()  # now: what is already there stays in small ones
    state.view("lanes", WORD, MAX_LANES)[:] = header["lanes"]
    _fill(state, header, view[HEADER_BYTES:], FILLING if for_engine else 1)
    if not for_engine:
        _expect(what, "state_hash", state_digest(state), header["state_hash"].decode())
    return state, _info(header)


def _read(path: Path) -> memoryview:
    """A file's bytes, in huge pages: most of the time a large one takes is that of its pages.

    Read, not mapped: what a disk can't give is an OSError then, not the end of the process.
    """
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        memory = mmap.mmap(-1, max(size, 1))
        memory.madvise(mmap.MADV_HUGEPAGE)
        view = memoryview(memory)[:size]
        read = 0
        while read < size and (got := file.readinto(view[read:])):
            read += got
    return view[:read]


def load(path: Path, limits: Limits, for_engine: bool = False) -> tuple[State, SnapshotInfo]:
    """The state of a snapshot file and where its history stood, see `decode`. Raises SnapshotError, or OSError."""
    return decode(_read(path), limits, path.name, for_engine)
