"""What a new run takes over from the journal: how many commands of each lane were answered."""

from pathlib import Path

from consumers.journal.checks import fill_checksums
from consumers.journal.writer import JournalWriter
from ops.memory import lane_bases
from ringbuf.codes import FLAG_LAST, FLAG_MORE, STEP_SESSION
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
