"""Damage to the journal: flipped bits, moved records, cut seals, full disks. Never silently skipped."""

import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from consumers.journal.format import (
    BLOCK_BYTES,
    BLOCK_SIZE,
    PAGE_SIZE,
    JournalCorrupt,
    JournalError,
    list_segments,
    record_offset,
)
from consumers.journal.reader import JournalReader
from consumers.journal.verify import diff, verify
from consumers.journal.writer import JournalWriter
from ringbuf.records import EVENT, RECORD_SIZE
from tests.consumers.journal_files import EPOCH, make_events, write_journal
from tests.consumers.pipeline_parts import exit_code, fork


def segment_of(data: Path, number: int = -1) -> Path:
    return list_segments(data / "journal")[number]


def flip(path: Path, offset: int, bit: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def test_a_flipped_bit_anywhere_in_a_record_is_named(tmp_path: Path) -> None:
    """Every byte of one record in a sealed block and of one in the open block, a bit of each."""
    seed = time.time_ns() % 1_000_000
    rng = np.random.default_rng(seed)
    write_journal(tmp_path, 900)
    path = segment_of(tmp_path)
    for index in (300, 700):
        for byte in range(RECORD_SIZE):
            offset, bit = record_offset(index) + byte, int(rng.integers(8))
            flip(path, offset, bit)
            verdict = verify(tmp_path)
            where = f"{path.name} offset {record_offset(index)} (sequence {index + 1})"
            assert any(where in problem for problem in verdict.problems), f"seed {seed}, byte {byte}"
            with pytest.raises(JournalCorrupt, match=f"sequence {index + 1}"):
                JournalWriter(tmp_path, EPOCH)
            with pytest.raises(JournalCorrupt, match=f"sequence {index + 1}"), JournalReader(tmp_path) as reader:
                reader.read(1, 511)
                reader.read(512, 400)
            flip(path, offset, bit)
    assert verify(tmp_path).ok


def test_a_record_rewritten_with_a_fitting_checksum_breaks_the_chain(tmp_path: Path) -> None:
    from consumers.journal.checks import fill_checksums

    events = write_journal(tmp_path, 1_100)
    forged = events[99:100].copy()
    forged["qty_lots"] += 1
    fill_checksums(forged)
    path = segment_of(tmp_path)
    with path.open("r+b") as file:
        file.seek(record_offset(99))
        file.write(forged.tobytes())
    verdict = verify(tmp_path)
    assert not verdict.ok
    assert f"offset {PAGE_SIZE + BLOCK_BYTES}" in verdict.problems[0]
    assert "field chain" in verdict.problems[0]
    with pytest.raises(JournalCorrupt, match="field chain"):
        JournalWriter(tmp_path, EPOCH)


@pytest.mark.parametrize("offset", [0, 8, 16, 24, 32, 40, 48, 80])
def test_a_flipped_bit_in_a_header_is_found(tmp_path: Path, offset: int) -> None:
    write_journal(tmp_path, 100)
    flip(segment_of(tmp_path), offset)
    assert not verify(tmp_path).ok
    with pytest.raises(JournalError):
        JournalReader(tmp_path)


def test_a_flipped_bit_in_an_old_segment_is_found_by_verify_and_on_reading(tmp_path: Path) -> None:
    write_journal(tmp_path, 5_000)
    flip(segment_of(tmp_path, 0), record_offset(1_000) + 60)
    verdict = verify(tmp_path)
    assert [("sequence 1001" in text) for text in verdict.problems][0]
    with JournalReader(tmp_path) as reader:
        assert reader.last == 5_000
        assert len(reader.read(1, 1_000)) == 1_000
        with pytest.raises(JournalCorrupt, match="sequence 1001"):
            reader.read(900, 300)


def test_a_segment_of_another_history_is_found(tmp_path: Path) -> None:
    write_journal(tmp_path / "a", 5_000)
    events = make_events(1, 5_000)
    writer = JournalWriter(tmp_path / "b", EPOCH + 1, "journal", 4)
    writer.append(events)
    writer.close()
    swapped = segment_of(tmp_path / "b", 1)
    swapped.rename(segment_of(tmp_path / "a", 1))
    verdict = verify(tmp_path / "a")
    assert any("field epoch" in problem for problem in verdict.problems)
    assert any("field chain" in problem for problem in verdict.problems)


def test_diff_names_the_first_event_and_field(tmp_path: Path) -> None:
    from consumers.journal.checks import fill_checksums

    write_journal(tmp_path / "a", 900)
    events = make_events(1, 900)
    events["price_ticks"][600] = 17
    fill_checksums(events)
    writer = JournalWriter(tmp_path / "b", EPOCH, "journal", 4)
    writer.append(events)
    writer.close()
    found = diff(tmp_path / "a", tmp_path / "b")
    assert (found.compared, found.seq) == (600, 601)
    assert found.detail == "field price_ticks: 0 here, 17 there"


def test_a_full_disk_ends_the_writer_by_name_and_keeps_what_is_there(tmp_path: Path) -> None:
    """The file size limit stands for the disk: writing beyond it fails as on a full one."""

    def task() -> int:
        writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
        events = make_events(1, 4_000, 1)
        writer.append(events[:1_000])
        writer.sync()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK_SIZE, BLOCK_SIZE))
        try:
            writer.append(events[1_000:])
        except JournalError as error:
            first = str(error)
        else:
            return 1
        try:
            writer.append(events[writer.last : writer.last + 1])
        except JournalError as error:
            return 0 if "failed" in first and "takes nothing more" in str(error) else 2
        return 3

    assert exit_code(fork(task)) == 0
    with JournalReader(tmp_path) as reader:
        assert reader.last >= 1_000
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    writer.append(make_events(writer.last + 1, 10))
    writer.close()
    assert verify(tmp_path).ok


def test_a_failed_sync_is_never_tried_again(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, EPOCH, "fsync", 2)
    writer.append(make_events(1, 10))
    kept = os.dup(writer._fd)
    os.dup2(os.open("/dev/full", os.O_RDWR), writer._fd)
    with pytest.raises(JournalError, match="sync up to sequence 10 failed"):
        writer.sync()
    os.dup2(kept, writer._fd)  # the device answers again: too late
    with pytest.raises(JournalError, match="takes nothing more"):
        writer.sync()
    writer.close()


def test_a_short_file_reads_as_far_as_it_goes(tmp_path: Path) -> None:
    events = write_journal(tmp_path, 700, command=1)
    for size in (record_offset(650) + 1, record_offset(511), record_offset(10) + 127, PAGE_SIZE):
        os.truncate(segment_of(tmp_path), size)
        whole = next(i for i in range(700, -1, -1) if i == 0 or record_offset(i - 1) + RECORD_SIZE <= size)
        with JournalReader(tmp_path) as reader:
            assert reader.last == whole
            assert reader.read(1, 1_000).tobytes() == (events[:whole] if whole else np.empty(0, EVENT)).tobytes()
