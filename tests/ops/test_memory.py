"""What a new run takes over from the journal: how many commands of each lane were answered."""

import os
from pathlib import Path

import pytest

from config.settings import load
from consumers.journal.checks import fill_checksums
from consumers.journal.format import JournalCorrupt
from consumers.journal.writer import JournalWriter
from ops import memory
from ops.memory import lane_bases
from ringbuf.codes import FLAG_LAST, FLAG_MORE, STEP_SESSION
from ringbuf.shm import SHM_ROOT
from tests.consumers.journal_files import EPOCH, make_events


def test_each_command_of_a_lane_counts_also_within_groups_and_no_step_does(tmp_path: Path) -> None:
    events = make_events(1, 12, 2)
    events["session"] = 1 << 24 | 5
    events["session"][4:6] = STEP_SESSION
    events["session"][6:8] = 3 << 24
    events["flags"][[1, 9]] = FLAG_LAST | FLAG_MORE
    fill_checksums(events)
    writer = JournalWriter(tmp_path, EPOCH)
    writer.append(events)
    writer.close()
    assert lane_bases(tmp_path, 5).tolist() == [0, 4, 0, 1, 0]


def test_a_journal_that_can_not_be_counted_leaves_no_shared_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise JournalCorrupt("damaged")

    name = f"uncounted-{os.getpid()}"
    monkeypatch.setattr(memory, "lane_bases", damaged)
    with pytest.raises(JournalCorrupt, match="damaged"):
        memory.SharedMemory.open(name, tmp_path, load())
    assert not list(SHM_ROOT.glob(f"{name}.*"))
