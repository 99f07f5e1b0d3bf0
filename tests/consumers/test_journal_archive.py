"""Segments behind the snapshots: archived or removed by the rule, killed at every step, damaged, read across."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.errors import ConfigError
from consumers.checkpoint import CHECKPOINT
from consumers.journal import packed, prune
from consumers.journal.format import JournalCorrupt, JournalRemoved, archive_folder, journal_folder, list_segments
from consumers.journal.prune import ARCHIVE, REMOVE, STORED, Pruner, holders, prepare
from consumers.journal.reader import JournalReader
from consumers.journal.verify import diff, verify
from consumers.journal.writer import JournalWriter
from consumers.source import JournalSource
from consumers.store import Store
from tests.consumers.journal_files import EPOCH, make_events

COUNT = 6000  # 511 records a block, 2 blocks a segment: six segments
SEGMENT = 1022


@pytest.fixture
def events(tmp_path: Path) -> np.ndarray:
    """A journal of six segments with times, and every consumer's store at its end."""
    made = make_events(1, COUNT)
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    timing = np.stack([made["ts_ns"], made["ts_ns"] + 5], axis=1)
    writer.append(made, timing)
    writer.close()
    stand_at(tmp_path, COUNT)
    shutil.copytree(tmp_path / "journal", tmp_path / "other" / "journal")
    return made


def stand_at(data: Path, sequence: int, names: tuple[str, ...] = STORED) -> None:
    for name in names:
        shutil.rmtree(data / "stores" / name, ignore_errors=True)
        with Store(data / "stores" / name, EPOCH) as store:
            store.commit(sequence)


def pruned(data: Path, mode: str, oldest: int = COUNT) -> int:
    """Move away all that may go; how many segments."""
    prepare(data, mode, "")
    pruner = Pruner(data, EPOCH, mode)
    count = 0
    while pruner.turn(oldest):
        count += 1
    return count


def everything(data: Path, first: int = 1) -> bytes:
    with JournalReader(data) as reader:
        parts, seq = [], first
        while seq <= reader.last:
            parts.append(reader.read(seq, 700))
            seq += len(parts[-1])
    return b"".join(part.tobytes() for part in parts)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_archived_segments_are_read_like_the_others(tmp_path: Path, events: np.ndarray) -> None:
    with JournalReader(tmp_path) as open_before:
        assert pruned(tmp_path, ARCHIVE) == 4, "all but the last two"
        assert open_before.read(1, 100).tobytes() == events[:100].tobytes(), "what was open stays readable"
    assert everything(tmp_path) == events.tobytes()
    with JournalReader(tmp_path) as reader:
        assert (reader.first, reader.last, reader.epoch) == (1, COUNT, EPOCH)
        for seq in (1, 511, 512, SEGMENT, SEGMENT + 1, 3 * SEGMENT + 5, COUNT):
            assert reader.record(seq).tobytes() == events[seq - 1 : seq].tobytes()
            assert reader.timing(seq) == (seq * 10, seq * 10 + 5)
        assert reader.locate(5)[0] == "00000000000000000001.journal.zst"
    source = JournalSource(tmp_path, 900)
    parts = []
    while (piece := source.next(256)) is not None:
        parts.append(piece)
    assert np.concatenate(parts).tobytes() == events[900:].tobytes()
    source.close()
    verdict = verify(tmp_path)
    assert (verdict.ok, verdict.first, verdict.last, verdict.segments, verdict.archived) == (True, 1, COUNT, 6, 4)
    assert diff(tmp_path, tmp_path / "other").seq == 0
    shutil.rmtree(tmp_path / "stores")
    assert verify(tmp_path).chain == verify(tmp_path / "other").chain


def test_what_is_in_the_archive_unpacks_with_plain_zstd(tmp_path: Path, events: np.ndarray) -> None:
    import zstandard

    pruned(tmp_path, ARCHIVE)
    with (archive_folder(tmp_path / "journal") / "00000000000000001023.journal.zst").open("rb") as file:
        plain = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    assert plain == (tmp_path / "other" / "journal" / "00000000000000001023.journal").read_bytes()


def test_a_history_whose_beginning_was_removed_says_so(tmp_path: Path, events: np.ndarray) -> None:
    assert pruned(tmp_path, REMOVE) == 4
    first = 4 * SEGMENT + 1
    assert everything(tmp_path, first) == events[first - 1 :].tobytes()
    with JournalReader(tmp_path) as reader:
        assert (reader.first, reader.last) == (first, COUNT)
        with pytest.raises(
            JournalRemoved, match=f"sequence 7 asked for, the history in .* begins at {first}: .*removed"
        ):
            reader.record(7)
    with pytest.raises(JournalRemoved, match=f"sequence 1 asked for, .* begins at {first}"):
        JournalSource(tmp_path).next(100)
    verdict = verify(tmp_path)
    assert (verdict.ok, verdict.first, verdict.last) == (True, first, COUNT)
    found = diff(tmp_path, tmp_path / "other")
    assert (found.seq, found.first, found.compared) == (0, first, COUNT)
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    writer.append(make_events(COUNT + 1, 1500))
    writer.close()
    assert verify(tmp_path).ok and verify(tmp_path).last == COUNT + 1500


def test_a_lost_first_segment_is_no_pruned_one(tmp_path: Path, events: np.ndarray) -> None:
    pruned(tmp_path, REMOVE, oldest=SEGMENT)
    list_segments(tmp_path / "journal")[0].unlink()
    problems = verify(tmp_path).problems
    assert problems[0] == f"{2 * SEGMENT + 1:020d}.journal: field first_seq is {2 * SEGMENT + 1}, expected 1"


@pytest.mark.parametrize("name", STORED)
def test_who_still_needs_a_segment_holds_it_back(
    name: str, tmp_path: Path, events: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    stand_at(tmp_path, 2 * SEGMENT, (name,))
    assert pruned(tmp_path, REMOVE) == 2
    assert f"held back by {name}, which begins after {2 * SEGMENT}" in caplog.text
    stand_at(tmp_path, 3 * SEGMENT - 1, (name,))
    assert pruned(tmp_path, REMOVE) == 0, "one event of it is still needed"
    stand_at(tmp_path, 3 * SEGMENT, (name,))
    assert pruned(tmp_path, REMOVE) == 1
    shutil.rmtree(tmp_path / "stores" / name)
    assert pruned(tmp_path, REMOVE) == 0, "whoever has no store needs all"


def test_a_checkpoint_counts_and_not_the_cursor_and_an_unknown_store_too(tmp_path: Path, events: np.ndarray) -> None:
    shutil.rmtree(tmp_path / "stores" / "risk")
    with Store(tmp_path / "stores" / "risk", EPOCH, (CHECKPOINT,)) as store:
        store.commit(COUNT)
    assert holders(tmp_path)["risk"] == 0
    stand_at(tmp_path, COUNT, ("risk",))
    stand_at(tmp_path, SEGMENT, ("sink-far", "sink-old.aside-5"))
    assert min(holders(tmp_path).values()) == SEGMENT
    assert pruned(tmp_path, ARCHIVE) == 1


def test_snapshots_hold_back_what_is_not_behind_the_oldest(tmp_path: Path, events: np.ndarray) -> None:
    assert pruned(tmp_path, ARCHIVE, oldest=SEGMENT - 1) == 0
    assert pruned(tmp_path, ARCHIVE, oldest=3 * SEGMENT - 1) == 2


def test_a_damaged_segment_stays_and_is_named(
    tmp_path: Path, events: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    path = list_segments(tmp_path / "journal")[1]
    flip(path, 5000)
    for mode in (REMOVE, ARCHIVE):
        pruned(tmp_path, mode)
        assert path.exists()
        assert f"{path.name} offset" in caplog.text and "field crc" in caplog.text


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("mode", [ARCHIVE, REMOVE])
def test_a_kill_at_any_step_leaves_a_whole_history_and_no_litter(
    mode: str, tmp_path: Path, events: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each system call that changes a folder is where it dies once, before and after it took effect."""
    calls = [(os, "fsync"), (Path, "replace"), (Path, "unlink"), (packed, "pack_file"), (prune, "pack_file")]
    kept = shutil.copytree(tmp_path / "journal", tmp_path / "kept")
    for owner, name in calls:
        for after in (False, True):
            for number in range(1, 40):
                shutil.rmtree(tmp_path / "journal")
                shutil.copytree(kept, tmp_path / "journal")
                with monkeypatch.context() as patch:
                    died = dying(patch, owner, name, number, after)
                    with suppress(Killed):
                        pruned(tmp_path, mode)
                assert verify(tmp_path).ok, f"{mode} {name} {number}: {verify(tmp_path).problems}"
                with JournalReader(tmp_path) as reader:
                    first = reader.first
                assert everything(tmp_path, first) == events[first - 1 :].tobytes()
                pruned(tmp_path, mode)
                assert left_over(tmp_path) == [], f"{mode} {name} {number} {after}"
                if not died:
                    break
            else:
                pytest.fail(f"{name} never ran out")


def dying(patch: pytest.MonkeyPatch, owner: Any, name: str, number: int, after: bool) -> list[int]:
    """Let the `number`-th call raise Killed, before or after it does its work."""
    plain: Callable[..., Any] = getattr(owner, name)
    calls = [0]
    died: list[int] = []

    def call(*arguments: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == number and not after:
            died.append(number)
            raise Killed
        found = plain(*arguments, **more)
        if calls[0] == number:
            died.append(number)
            raise Killed
        return found

    patch.setattr(owner, name, call)
    return died


def left_over(data: Path) -> list[str]:
    """Files that belong to nothing."""
    folder = journal_folder(data)
    found = [name for name in names(folder) + names(archive_folder(folder)) if name.endswith(".next")]
    plain = {path.stem for path in list_segments(folder)}
    found += [name for name in names(folder) if name.endswith((".timing", ".listed")) and name[:20] not in plain]
    archived = {name[:20] for name in names(archive_folder(folder)) if ".journal." in name}
    assert not archived & plain
    return found


def test_damage_in_the_archive_is_found_and_named(tmp_path: Path, events: np.ndarray) -> None:
    pruned(tmp_path, ARCHIVE)
    path = archive_folder(tmp_path / "journal") / "00000000000000001023.journal.zst"
    whole = path.read_bytes()
    with JournalReader(tmp_path) as reader:
        for at in range(3, len(whole), len(whole) // 24):
            flip(path, at)
            verdict = verify(tmp_path)
            assert not verdict.ok and path.name in verdict.problems[0], f"byte {at}"
            assert verdict.last == COUNT, "what follows is proven all the same"
            path.write_bytes(whole)
        middle = 3 * len(whole) // 4
        flip(path, middle)
        assert "block 1, sequences 1534 to 2044" in verify(tmp_path).problems[0]
        assert reader.read(1100, 10).tobytes() == events[1099:1109].tobytes(), "other blocks can be read"
        with pytest.raises(JournalCorrupt, match=r"00001023.journal.zst .*sequences 1534 to 2044"):
            reader.read(1600, 10)
    path.write_bytes(whole[: len(whole) // 2])
    assert path.name in verify(tmp_path).problems[0]
    path.unlink()
    assert not verify(tmp_path).ok


def test_a_record_changed_inside_the_archive_is_named_by_field(tmp_path: Path, events: np.ndarray) -> None:
    pruned(tmp_path, ARCHIVE)
    plain = tmp_path / "other" / "journal" / "00000000000000001023.journal"
    flip(plain, 4096 + 128 * 3 + 8)
    packed.pack_file(plain, archive_folder(tmp_path / "journal") / f"{plain.name}.zst", 4096)
    problems = verify(tmp_path).problems
    assert "00000000000000001023.journal.zst offset 4480 (sequence 1026): field crc" in problems[0]


def test_the_archive_lies_where_the_settings_say(tmp_path: Path, events: np.ndarray) -> None:
    place = tmp_path / "far" / "away"
    prepare(tmp_path, ARCHIVE, str(place))
    pruner = Pruner(tmp_path, EPOCH, ARCHIVE)
    while pruner.turn(COUNT):
        pass
    assert "00000000000000000001.journal.zst" in names(place)
    assert everything(tmp_path) == events.tobytes()
    with pytest.raises(ConfigError, match="journal.archive"):
        prepare(tmp_path, ARCHIVE, str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigError, match="journal.behind_snapshots"):
        prepare(tmp_path, REMOVE, "")
    shutil.move(place, tmp_path / "gone")
    with JournalReader(tmp_path) as reader, pytest.raises(JournalRemoved, match="the archive at .*away is not there"):
        reader.record(1)


def test_another_histories_archive_is_not_written_over(
    tmp_path: Path, events: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(tmp_path, ARCHIVE, "")
    writer = JournalWriter(tmp_path / "third", EPOCH + 1, "journal", 2)
    writer.close()
    foreign = list_segments(tmp_path / "third" / "journal")[0]
    target = archive_folder(tmp_path / "journal") / f"{foreign.name}.zst"
    packed.pack_file(foreign, target, 4096)
    before = target.read_bytes()
    assert not Pruner(tmp_path, EPOCH, ARCHIVE).turn(COUNT)
    assert "the archive is another history's" in caplog.text
    assert target.read_bytes() == before


def test_reading_while_segments_are_moved_away(tmp_path: Path, events: np.ndarray) -> None:
    """A reader opened at any moment between two moves reads the whole history."""
    prepare(tmp_path, ARCHIVE, "")
    pruner = Pruner(tmp_path, EPOCH, ARCHIVE)
    readers = [JournalReader(tmp_path)]
    while pruner.turn(COUNT):
        readers.append(JournalReader(tmp_path))
    for reader in readers:
        for seq in range(1, COUNT, 97):
            assert reader.record(seq).tobytes() == events[seq - 1 : seq].tobytes()
        reader.close()


@pytest.mark.parametrize("mode", [ARCHIVE, REMOVE])
def test_a_reader_that_looked_last_before_segments_were_moved_goes_on(mode: str, tmp_path: Path) -> None:
    events = make_events(1, COUNT)
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    writer.append(events[:300])
    with JournalReader(tmp_path) as reader:
        assert reader.last == 300
        writer.append(events[300:])
        writer.close()
        stand_at(tmp_path, COUNT)
        assert pruned(tmp_path, mode) == 4
        assert reader.last == COUNT
        assert reader.first == (1 if mode == ARCHIVE else 4 * SEGMENT + 1)
        assert reader.read(COUNT - 9, 10).tobytes() == events[-10:].tobytes()
        if mode == ARCHIVE:
            assert reader.read(2000, 10).tobytes() == events[1999:2009].tobytes()
        else:
            with pytest.raises(JournalRemoved, match="sequence 301 asked for"):
                reader.read(301, 10)
