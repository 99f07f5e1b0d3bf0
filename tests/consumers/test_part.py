"""Parting from a history's end: cut, kept aside as a journal of its own, and written on."""

from pathlib import Path

import pytest

from consumers.journal.checks import fill_checksums
from consumers.journal.format import JournalError, journal_folder, list_segments
from consumers.journal.part import part
from consumers.journal.reader import JournalReader
from consumers.journal.verify import diff, verify
from consumers.journal.writer import JournalWriter
from tests.consumers.journal_files import EPOCH, make_events, write_journal

COUNT = 2046  # two segments of two blocks, and two records
BLOCKS = 2


@pytest.mark.parametrize("seq", [0, 3, 510, 1020, 1023, 1500, 2043, COUNT])
def test_what_is_cut_is_kept_and_what_stays_goes_on(tmp_path: Path, seq: int) -> None:
    events = write_journal(tmp_path, COUNT, BLOCKS)
    aside = part(tmp_path, seq)
    writer = JournalWriter(tmp_path, EPOCH, "fsync", BLOCKS)
    assert writer.last == seq
    more = make_events(seq + 1, 900)
    more["ts_ns"] += 1
    fill_checksums(more)
    writer.append(more)
    writer.close()
    assert verify(tmp_path).ok and verify(aside).ok
    assert verify(aside).last == COUNT
    if seq < COUNT:
        assert diff(tmp_path, aside).seq == seq + 1
    with JournalReader(tmp_path) as journal:
        assert journal.last == seq + 900
        if seq:
            assert journal.record(seq).tobytes() == events[seq - 1 : seq].tobytes()
        assert journal.record(seq + 1).tobytes() == more[:1].tobytes()


def test_parting_again_after_a_kill_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    write_journal(tmp_path, COUNT, BLOCKS)
    first = part(tmp_path, 600)
    again = part(tmp_path, 600)
    assert verify(first).last == COUNT and verify(again).last == 600
    assert verify(tmp_path).last == 600


def test_a_place_that_no_segment_has_is_an_error_and_nothing_is_cut(tmp_path: Path) -> None:
    write_journal(tmp_path, COUNT, BLOCKS)
    with pytest.raises(JournalError, match="ends at 2046, expected 3000 at least"):
        part(tmp_path, 3000)
    first = list_segments(journal_folder(tmp_path))[0]
    first.rename(tmp_path / "gone")
    with pytest.raises(JournalError, match="sequence 600 is in no segment"):
        part(tmp_path, 600)
    (tmp_path / "gone").rename(first)
    assert verify(tmp_path).last == COUNT
