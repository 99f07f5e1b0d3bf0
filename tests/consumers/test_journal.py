"""The journal written and read: arithmetic, live reading, segments, kills and torn tails."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from consumers.journal.checks import fill_checksums
from consumers.journal.format import (
    BLOCK_RECORDS,
    MARK_OFFSET,
    JournalCorrupt,
    JournalError,
    encode_mark,
    list_segments,
    record_offset,
)
from consumers.journal.reader import JournalReader
from consumers.journal.tail import scan
from consumers.journal.verify import diff, verify
from consumers.journal.writer import MODES, JournalWriter
from ringbuf.codes import FLAG_LAST
from ringbuf.records import RECORD_SIZE
from tests.consumers.journal_files import EPOCH, make_events, write_journal


def segment_of(data: Path, number: int = -1) -> Path:
    return list_segments(data / "journal")[number]


def set_mark(path: Path, seq: int) -> None:
    with path.open("r+b") as file:
        file.seek(MARK_OFFSET)
        file.write(encode_mark(seq))


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def flip(path: Path, offset: int, bit: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def read_all(reader: JournalReader) -> np.ndarray:
    parts = []
    seq = 1
    while len(piece := reader.read(seq, 1_000)):
        parts.append(piece)
        seq += len(piece)
    return np.concatenate(parts)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 510, 511, 512, 2_044, 2_045, 7_000])
def test_what_was_written_is_read_back_in_every_mode(tmp_path: Path, mode: str, count: int) -> None:
    events = write_journal(tmp_path, count, mode=mode)
    with JournalReader(tmp_path) as reader:
        assert (reader.first, reader.last, reader.epoch) == (1, count, EPOCH)
        assert read_all(reader).tobytes() == events.tobytes()
    verdict = verify(tmp_path)
    assert verdict.ok, verdict.problems
    assert (verdict.last, verdict.tail) == (count, "")
    assert verdict.blocks_sealed == count // BLOCK_RECORDS


def test_bytes_do_not_depend_on_how_they_came_in(tmp_path: Path) -> None:
    events = write_journal(tmp_path / "whole", 3_000)
    writer = JournalWriter(tmp_path / "pieces", EPOCH, "journal", 4)
    done = 0
    for size in (1, 2, 509, 700, 3, 1_785):
        writer.append(events[done : done + size])
        writer.sync()
        done += size
    writer.close()
    for number in range(2):
        one = segment_of(tmp_path / "whole", number).read_bytes()
        two = segment_of(tmp_path / "pieces", number).read_bytes()
        assert one[4096:] == two[4096:]
    assert diff(tmp_path / "whole", tmp_path / "pieces").seq == 0


def test_a_writer_that_starts_again_goes_on_where_it_ended(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    whole = make_events(1, 6_000, 1)
    done = 0
    while done < len(whole):
        size = int(rng.integers(1, 900))
        writer = JournalWriter(tmp_path, EPOCH, "journal", 4)
        assert writer.last == done
        writer.append(whole[done : done + size])
        writer.close()
        done = min(done + size, len(whole))
    with JournalReader(tmp_path) as reader:
        assert read_all(reader).tobytes() == whole.tobytes()
    assert verify(tmp_path).ok


def test_a_sequence_is_found_by_arithmetic(tmp_path: Path) -> None:
    events = write_journal(tmp_path, 5_000)
    with JournalReader(tmp_path) as reader:
        for seq in (1, 511, 512, 2_044, 2_045, 5_000):
            name, offset = reader.locate(seq)
            raw = (tmp_path / "journal" / name).read_bytes()[offset : offset + RECORD_SIZE]
            assert raw == events[seq - 1].tobytes()
            assert int(reader.record(seq)["seq"][0]) == seq
        with pytest.raises(JournalError, match="5001 is not written"):
            reader.record(5_001)


def test_a_reader_follows_a_living_writer_over_segments(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    with JournalReader(tmp_path) as reader:
        assert (reader.first, reader.last) == (0, 0)
        for first in range(1, 4_000, 100):
            writer.append(make_events(first, 100, 100))
            assert reader.last == first + 99
            assert int(reader.read(first, 100)["seq"][0]) == first
    writer.close()


def test_half_a_command_is_not_there_yet(tmp_path: Path) -> None:
    events = make_events(1, 30, 10)
    writer = JournalWriter(tmp_path, EPOCH)
    writer.append(events[:25])
    with JournalReader(tmp_path) as reader:
        assert reader.last == 20
        writer.append(events[25:])
        assert reader.last == 30
    writer.close()


def test_timing_is_kept_beside_and_is_not_in_the_chain(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, EPOCH, "journal", 1)
    timing = np.arange(2_000, dtype="<i8").reshape(1_000, 2)
    writer.append(make_events(1, 1_000, 1), timing)
    writer.close()
    with JournalReader(tmp_path) as reader:
        assert reader.timing(1) == (0, 1)
        assert reader.timing(1_000) == (1_998, 1_999)
        assert reader.timing(9_000) == (0, 0)


def test_events_that_do_not_continue_or_fit_are_refused(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, EPOCH)
    with pytest.raises(JournalError, match="field seq is 5, expected 1"):
        writer.append(make_events(5, 3))
    bad = make_events(1, 3)
    bad["qty_lots"][1] += 1
    with pytest.raises(JournalError, match="refused at 2: field crc"):
        writer.append(bad)
    assert writer.last == 0
    writer.close()


def test_another_epoch_is_refused_by_name(tmp_path: Path) -> None:
    write_journal(tmp_path, 10)
    with pytest.raises(JournalError, match=f"field epoch is {EPOCH}, expected 78"):
        JournalWriter(tmp_path, 78)


def test_every_byte_of_a_torn_last_record_is_cut_and_written_again(tmp_path: Path) -> None:
    events = write_journal(tmp_path, 700, command=1)
    path = segment_of(tmp_path)
    offset = record_offset(699)
    for kept in range(RECORD_SIZE):
        set_mark(path, 699)
        overwrite(path, offset, events[699].tobytes()[:kept] + bytes(RECORD_SIZE - kept))
        with JournalReader(tmp_path) as reader:
            assert reader.last == 699 + (events[699].tobytes()[kept:] == bytes(RECORD_SIZE - kept))
        writer = JournalWriter(tmp_path, EPOCH)
        assert writer.last == 699
        writer.append(events[699:])
        writer.close()
        assert verify(tmp_path).last == 700


def test_a_torn_tail_that_was_called_durable_is_cut_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_journal(tmp_path, 700, command=1)
    os.truncate(segment_of(tmp_path), record_offset(699) + 50)
    writer = JournalWriter(tmp_path, EPOCH)
    assert writer.last == 699
    assert "sequences 700 to 700 were durable" in caplog.text
    writer.close()


@pytest.mark.parametrize("count", [1, 509, 511, 512, 1_022, 1_023, 1_500])
def test_an_unfinished_command_is_cut_whole_even_over_blocks_and_segments(tmp_path: Path, count: int) -> None:
    """Two blocks a segment; a command of ``count`` events after 5 whole ones, its last event missing."""
    events = make_events(1, 5 + count + 1, 1)
    events["flags"][5:-1] = 0
    fill_checksums(events)
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    writer.append(events[:5])
    writer.sync()
    writer.append(events[5:-1])
    os.close(writer._fd)  # the process dies here: no sync, no close
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    assert writer.last == 5
    writer.append(events[5:])
    writer.close()
    assert verify(tmp_path).ok
    with JournalReader(tmp_path) as reader:
        assert read_all(reader).tobytes() == events.tobytes()
    assert int(events["flags"][-1]) & FLAG_LAST


@pytest.mark.parametrize("missing", [1, 4, 7])
def test_an_unfinished_group_is_cut_with_its_whole_commands(tmp_path: Path, missing: int) -> None:
    events = make_events(1, 32, 2, group=4)  # groups of 8 events
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    writer.append(events[: 32 - missing])
    os.close(writer._fd)  # the process dies here
    with JournalReader(tmp_path) as reader:
        assert reader.last == 24
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    assert writer.last == 24
    writer.append(events[24:])
    writer.close()
    assert verify(tmp_path).ok and verify(tmp_path).last == 32


def test_a_seal_that_was_not_written_is_written_at_the_next_start(tmp_path: Path) -> None:
    write_journal(tmp_path, 600)
    path = segment_of(tmp_path)
    set_mark(path, 400)
    overwrite(path, record_offset(510) + RECORD_SIZE, bytes(60))
    assert scan(path).unsealed == (0,)
    JournalWriter(tmp_path, EPOCH).close()
    assert scan(path).unsealed == ()
    assert verify(tmp_path).ok


def test_killing_the_writer_anywhere_leaves_whole_commands(tmp_path: Path) -> None:
    """kill -9 in the middle of appending, ten times; each start finds a prefix of the history and goes on."""
    history = make_events(1, 60_000, 7)
    rng = np.random.default_rng(11)
    last = 0
    for round_number in range(10):
        seen, tell = os.pipe()
        child = os.fork()
        if child == 0:
            writer = JournalWriter(tmp_path, EPOCH, "journal", 8)
            while writer.last < len(history):
                end = min(writer.last - writer.last % 7 + 7 * 20, len(history))
                writer.append(history[writer.last : end])
                os.write(tell, writer.sync().to_bytes(8, "little"))
            os._exit(0)
        os.close(tell)
        acknowledged = last
        for _ in range(int(rng.integers(3, 40))):
            acknowledged = int.from_bytes(os.read(seen, 8) or acknowledged.to_bytes(8, "little"), "little")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while raw := os.read(seen, 8):
            acknowledged = int.from_bytes(raw, "little")
        os.close(seen)
        with JournalReader(tmp_path) as reader:
            last = reader.last
            assert last >= acknowledged, f"round {round_number}: {acknowledged} acknowledged, {last} there"
            assert read_all(reader).tobytes() == history[:last].tobytes()
        assert verify(tmp_path).ok


def test_damage_of_a_whole_segment_in_the_middle_is_an_error(tmp_path: Path) -> None:
    write_journal(tmp_path, 7_000)
    segment_of(tmp_path, 1).rename(tmp_path / "gone")
    with pytest.raises(JournalCorrupt, match="field first_seq"):
        JournalReader(tmp_path)
    assert not verify(tmp_path).ok


@pytest.mark.parametrize("count", [40, 511, 700])
def test_what_a_dead_writer_did_not_sync_is_written_again_and_synced_before_anybody_may_rely_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """It may have died of a failed sync: the next sync may say OK and pass over the same bytes."""
    writer = JournalWriter(tmp_path, EPOCH, "fsync", blocks=2)
    writer.append(make_events(1, 20, command=1))
    writer.sync()
    writer.append(make_events(21, count - 20, command=1))  # and here it is killed
    done: list[tuple[str, int, int]] = []
    real_write, real_sync = os.pwrite, os.fdatasync

    def pwrite(fd: int, data: bytes, at: int) -> int:
        done.append(("write", at, at + len(data)))
        return real_write(fd, data, at)

    def fdatasync(fd: int) -> None:
        done.append(("sync", 0, 0))
        real_sync(fd)

    monkeypatch.setattr(os, "pwrite", pwrite)
    monkeypatch.setattr(os, "pwritev", lambda fd, parts, at: pwrite(fd, b"".join(parts), at))
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with_tail = JournalWriter(tmp_path, EPOCH, "fsync", blocks=2)
    assert with_tail.last == count
    written = [(first, end) for kind, first, end in done if kind == "write"]
    assert any(first <= record_offset(20) and end >= record_offset(count) for first, end in written), written
    assert done[[kind for kind, _, _ in done].index("write") + 1][0] == "sync"
    with_tail.close()
    assert verify(tmp_path).ok
