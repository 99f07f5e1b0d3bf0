"""What the writer asks of the disk in fsync mode beside its syncs: an early begin, and memory given back."""

import errno
import os
from pathlib import Path

import pytest

from consumers.journal import writer as writing
from consumers.journal.format import BLOCK_RECORDS, JournalError, list_segments
from consumers.journal.reader import JournalReader
from consumers.journal.verify import verify
from consumers.journal.writer import KEPT_IN_MEMORY, JournalWriter
from tests.consumers.journal_files import EPOCH, make_events

BLOCKS = 2
SEGMENT = BLOCKS * BLOCK_RECORDS


def test_the_disk_begins_with_each_run_before_the_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    begin, sync = writing.begin_writeback, os.fdatasync
    monkeypatch.setattr(writing, "begin_writeback", lambda *what: (order.append("begin"), begin(*what)))
    writer = JournalWriter(tmp_path, EPOCH, "fsync", blocks=64)
    monkeypatch.setattr(os, "fdatasync", lambda fd: (order.append("sync"), sync(fd)))
    writer.append(make_events(1, writing.RUN_RECORDS + 1))
    assert order == ["begin", "begin"]
    assert writer.sync() == writing.RUN_RECORDS + 1
    assert order == ["begin", "begin", "sync"]
    writer.close()


@pytest.mark.parametrize("mode", ["memory", "journal"])
def test_other_modes_leave_the_disk_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.delattr(writing, "begin_writeback")
    with JournalReader(tmp_path) as reader:
        writer = JournalWriter(tmp_path, EPOCH, mode, blocks=BLOCKS)
        writer.append(make_events(1, 3 * SEGMENT))
        writer.close()
        assert reader.last == 3 * SEGMENT


def test_a_begin_that_fails_is_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = JournalWriter(tmp_path, EPOCH, "fsync", blocks=BLOCKS)
    monkeypatch.setattr(writing, "begin_writeback", fails)
    with pytest.raises(JournalError, match=r"write of sequence 1 failed: Input/output error"):
        writer.append(make_events(1, 5))
    with pytest.raises(JournalError, match="a failed journal takes nothing more"):
        writer.sync()
    writer.close()


def test_old_segments_are_let_go_of_and_read_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go: list[str] = []
    advise = os.posix_fadvise

    def noted(fd: int, offset: int, length: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        let_go.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        advise(fd, offset, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", noted)
    writer = JournalWriter(tmp_path, EPOCH, "fsync", blocks=BLOCKS)
    count = (KEPT_IN_MEMORY + 5) * SEGMENT
    events = make_events(1, count)
    for at in range(0, count, 300):
        writer.append(events[at : at + 300])
        writer.sync()
    writer.close()
    names = [path.name for path in list_segments(writer.folder)]
    assert let_go == names[: len(let_go)]
    assert len(names) - KEPT_IN_MEMORY - 1 <= len(let_go) <= len(names) - KEPT_IN_MEMORY
    with JournalReader(tmp_path) as reader:
        found = [reader.read(seq, SEGMENT) for seq in range(1, count + 1, SEGMENT)]
    assert b"".join(part.tobytes() for part in found) == events.tobytes()
    assert verify(tmp_path).last == count


def test_a_segment_that_is_gone_needs_no_letting_go(tmp_path: Path) -> None:
    writing._let_go(tmp_path / "00000000000000000001.journal")
