"""A snapshot is the state: the same hash, the same future, wherever it was taken; or it is refused."""

import dataclasses
import os
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from blake3 import blake3

from engine.core import Engine
from engine.snapshot import (
    HEADER,
    HEADER_BYTES,
    SEALED_BYTES,
    VERSION,
    SnapshotError,
    describe,
    encode,
    load,
    save,
)
from engine.snapshot import decode as restored
from engine.snapshots import list_snapshots, newest_good, snapshot_path, write_snapshot
from engine.state import Limits
from engine.views import state_digest
from tests.engine.fast import Event, FastEngine
from tests.engine.model import tables_of
from tests.reference.features import ALL
from tests.reference.limits import FEW_EVENTS, ROOMY, TIGHT, TableLimits
from tests.reference.run_case import answer
from tests.reference.stream import CommandStream, instruments

EPOCH = 1_700_000_000_000_000_007


def whole(engine: Engine) -> bytes:
    """A snapshot's bytes."""
    return b"".join(encode(engine.state, EPOCH))


def engine_from(raw: bytes, limits: Limits) -> Engine:
    """An engine that goes on from a snapshot."""
    engine = Engine(limits)
    engine.state, _ = restored(raw, limits)
    return engine


class Recorder(FastEngine):
    """Keeps the commands that it was given, as records."""

    def __init__(self, limits: TableLimits) -> None:
        self.commands: list[np.ndarray] = []
        super().__init__(instruments(ALL), tables_of(limits))

    def _answer(self, commands: np.ndarray) -> list[Event]:
        self.commands.append(commands.copy())
        return super()._answer(commands)


class Recording(NamedTuple):
    """A random stream, run: of every command its records, its events, the state's hash after it; some snapshots."""

    limits: Limits
    commands: list[np.ndarray]
    events: list[np.ndarray]
    hashes: list[str]
    snapshots: dict[int, bytes]  # by how many commands were answered before


def record(seed: int, count: int, limits: TableLimits, snapshots: int) -> Recording:
    engine, source = Recorder(limits), CommandStream(seed, ALL)
    engine.commands.clear()
    engine.records.clear()
    made = Recording(engine.engine.limits, engine.commands, engine.records, [], {})
    points = set(random.Random(seed).sample(range(count), snapshots))
    for number in range(count):
        if number in points:
            made.snapshots[number] = whole(engine.engine)
        source.saw(answer(engine, source.next()))
        made.hashes.append(engine.engine.state_hash())
    return made


def go_on(made: Recording, seed: int) -> None:
    """From every snapshot of a recording: apply what followed; decide what followed."""
    for point, raw in made.snapshots.items():
        where = f"seed {seed}, from the snapshot before command {point}"
        applied, decided = engine_from(raw, made.limits), engine_from(raw, made.limits)
        for number in range(point, len(made.commands)):
            applied.apply(made.events[number])
            assert applied.state_hash() == made.hashes[number], f"{where}: another state after applying {number}"
            events = decided.run(made.commands[number])
            assert events.tobytes() == made.events[number].tobytes(), f"{where}: other events answer {number}"
        assert decided.state_hash() == made.hashes[-1], f"{where}: another state after deciding"


@pytest.mark.parametrize(
    ("limits", "seed"), [(ROOMY, 60), (TIGHT, 61), (FEW_EVENTS, 62)], ids=["roomy", "tight", "few"]
)
def test_a_snapshot_has_the_same_future_from_any_point(limits: TableLimits, seed: int) -> None:
    go_on(record(seed, 700, limits, snapshots=5), seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3100, 3110))
def test_a_snapshot_has_the_same_future_from_any_point_of_a_long_stream(seed: int) -> None:
    go_on(record(seed, 10_000, (ROOMY, TIGHT, FEW_EVENTS)[seed % 3], snapshots=10), seed)


@pytest.fixture(scope="module")
def busy() -> Engine:
    """An engine in the middle of things: with open, waiting, hidden and expiring orders."""
    engine, source = FastEngine(instruments(ALL), tables_of(TIGHT)), CommandStream(63, ALL)
    for _ in range(500):
        source.saw(answer(engine, source.next()))
    assert engine.engine.header()["order_count"] > 3
    return engine.engine


def test_a_file_gives_the_state_back_and_says_where_it_stood(busy: Engine, tmp_path: Path) -> None:
    path = tmp_path / "one"
    save(busy.state, EPOCH, path)
    state, info = load(path, busy.limits)
    assert state_digest(state) == busy.state_hash() == info.state_hash
    assert describe(path) == info
    assert (info.seq, info.epoch, info.size) == (busy.seq, EPOCH, path.stat().st_size)
    assert b"".join(encode(state, EPOCH)) == path.read_bytes()


def test_a_new_state_without_any_event_can_be_kept_too() -> None:
    limits = tables_of(TIGHT)
    assert engine_from(whole(Engine(limits)), limits).state_hash() == Engine(limits).state_hash()


def test_only_what_is_in_use_is_written() -> None:
    engine = FastEngine(instruments(ALL), Limits())
    assert sum(map(len, engine.engine.state.tables.values())) > 50_000_000
    assert len(whole(engine.engine)) < 10_000


def test_a_writer_that_dies_leaves_the_snapshot_before_it(
    busy: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one"
    save(busy.state, EPOCH, path)

    def dies(fd: int) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", dies)
        with pytest.raises(OSError, match="no space left"):
            save(busy.state, EPOCH + 1, path)
    assert load(path, busy.limits)[1].epoch == EPOCH
    save(busy.state, EPOCH + 2, path)
    assert load(path, busy.limits)[1].epoch == EPOCH + 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize("keep", [1, 2])
def test_a_snapshot_is_not_pruned_in_favour_of_those_beyond_it(busy: Engine, tmp_path: Path, keep: int) -> None:
    """They were passed over, damaged or ahead of the journal, by whoever began before them and writes this one."""
    beyond = [snapshot_path(tmp_path, busy.seq + more) for more in (5, 9)]
    beyond[0].parent.mkdir()
    for path in beyond:
        path.write_bytes(b"damaged")
    for older in (3, 2, 1):
        snapshot_path(tmp_path, busy.seq - older).write_bytes(b"older")
    written = write_snapshot(tmp_path, busy.state, 7, keep)
    kept = [seq for seq, _ in list_snapshots(tmp_path)]
    assert written.exists()
    assert kept == [*range(busy.seq - keep + 1, busy.seq + 1), busy.seq + 5, busy.seq + 9]
    found = newest_good(tmp_path, busy.limits, 7, busy.seq + 9, lambda _: None)
    assert found is not None and found[1].seq == busy.seq


def test_a_torn_file_is_refused_whatever_is_missing(busy: Engine) -> None:
    raw, seed = whole(busy), 64
    draw = random.Random(seed)
    for size in (0, 1, HEADER_BYTES - 1, HEADER_BYTES, len(raw) - 1, *draw.sample(range(len(raw)), 40)):
        with pytest.raises(SnapshotError, match=f"^snapshot: size is {size}, expected"):
            restored(raw[:size], busy.limits)
    with pytest.raises(SnapshotError, match="^snapshot: size is"):
        restored(raw + b"x", busy.limits)


def test_a_flipped_bit_is_refused_wherever_it_is(busy: Engine) -> None:
    raw, seed = whole(busy), 65
    draw = random.Random(seed)
    for place in [*range(HEADER_BYTES), *draw.sample(range(HEADER_BYTES, len(raw)), 300)]:
        spoilt = bytearray(raw)
        spoilt[place] ^= 1 << draw.randrange(8)
        with pytest.raises(SnapshotError, match="^snapshot: (magic|version|header_hash|sections_hash) is"):
            restored(bytes(spoilt), busy.limits)


def reheaded(raw: bytes, **values: object) -> bytes:
    """With other values in the header, and a fitting checksum."""
    header = np.frombuffer(bytearray(raw[:HEADER_BYTES]), HEADER)
    for name, value in values.items():
        header[name] = value
    header["header_hash"] = blake3(header.tobytes()[:SEALED_BYTES]).hexdigest()
    return header.tobytes() + raw[HEADER_BYTES:]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"magic": b"MATCHLN1"}, "magic"),
        ({"version": VERSION + 1}, "version"),
        ({"layout_hash": 7}, "layout_hash"),
        ({"state_hash": b"0" * 64}, "state_hash"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_another_version_wrote_is_refused_by_name(busy: Engine, values: dict[str, object], field: str) -> None:
    with pytest.raises(SnapshotError, match=f"^snapshot: {field} is .*, expected "):
        restored(reheaded(whole(busy), **values), busy.limits)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Limits)])
def test_other_limits_are_refused_by_name(busy: Engine, name: str) -> None:
    was = getattr(busy.limits, name)
    with pytest.raises(SnapshotError, match=f"^snapshot: {name} is {was}, expected {was + 1}$"):
        restored(whole(busy), dataclasses.replace(busy.limits, **{name: was + 1}))


def test_a_state_in_the_middle_of_a_command_is_not_kept() -> None:
    engine = Engine(tables_of(TIGHT))
    engine.state.record["active"] = 3
    with pytest.raises(SnapshotError, match="^active: "):
        whole(engine)
