"""What a dead run left in shared memory gets into the journal before it is removed."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from consumers.journal.checks import fill_checksums
from consumers.journal.reader import JournalReader
from consumers.journal.writer import JournalWriter
from ops.leftover import absorb_stale, unlink_all
from ringbuf.codes import FLAG_LAST, EventType
from ringbuf.head import head_of
from ringbuf.records import EVENT
from ringbuf.ring import Ring
from ringbuf.shm import SHM_ROOT, Segment, SegmentBusy, SegmentError

EPOCH = 77


def events(first: int, count: int) -> np.ndarray:
    made = np.zeros(count, EVENT)
    made["seq"] = np.arange(first, first + count)
    made["type"] = EventType.TIME
    made["flags"] = FLAG_LAST
    fill_checksums(made)
    return made


@pytest.fixture
def name() -> Iterator[str]:
    name = f"left-{os.getpid()}"
    yield name
    unlink_all(name)


def dead_run(name: str, epoch: int, first: int, count: int) -> None:
    """A process that makes a ring, publishes, and dies without a word."""
    child = os.fork()
    if child == 0:
        ring = Ring.create(f"/{name}.events", 1024, "event", epoch, "memory", first_seq=first)
        ring.append(events(first, count))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def journal(data: Path, count: int) -> None:
    writer = JournalWriter(data, EPOCH)
    writer.append(events(1, count))
    writer.close()


def last_of(data: Path) -> int:
    with JournalReader(data) as reader:
        return reader.last


def test_published_events_that_the_journal_lacks_are_brought_in(name: str, tmp_path: Path) -> None:
    journal(tmp_path, 10)
    dead_run(name, EPOCH, 8, 50)
    assert absorb_stale(name, tmp_path, EPOCH) == EPOCH
    assert last_of(tmp_path) == 57


def test_a_run_that_died_before_its_journal_began_gives_its_epoch(name: str, tmp_path: Path) -> None:
    dead_run(name, EPOCH, 1, 5)
    assert absorb_stale(name, tmp_path, 123) == EPOCH
    assert last_of(tmp_path) == 5


@pytest.mark.parametrize("journaled", [True, False])
def test_another_history_is_removed_only_where_its_journal_has_it(name: str, tmp_path: Path, journaled: bool) -> None:
    journal(tmp_path, 4)
    dead_run(name, EPOCH + 1, 1, 3)
    if not journaled:
        with pytest.raises(SegmentError, match="journal lacks 3 of its events"):
            absorb_stale(name, tmp_path, EPOCH)
        return
    ring = Ring.attach(f"/{name}.events", "event")
    ring.set_durable(3)
    ring.close()
    assert absorb_stale(name, tmp_path, EPOCH) == EPOCH
    assert last_of(tmp_path) == 4


def test_what_another_version_left_is_refused_and_kept(name: str, tmp_path: Path) -> None:
    dead_run(name, EPOCH, 1, 3)
    segment = Segment.attach(f"/{name}.events")
    head_of(segment)["layout_version"] = 99
    with pytest.raises(SegmentError, match="layout_version: expected 1, found 99: left by another version"):
        absorb_stale(name, tmp_path, EPOCH)
    assert (SHM_ROOT / f"{name}.events").exists()
    head_of(segment)["ready"] = 0  # and one that its maker never finished holds nothing
    assert absorb_stale(name, tmp_path, EPOCH) == EPOCH
    segment.close()


def test_a_live_creator_is_refused(name: str, tmp_path: Path) -> None:
    ring = Ring.create(f"/{name}.events", 1024, "event", EPOCH, "memory")
    with pytest.raises(SegmentBusy):
        absorb_stale(name, tmp_path, EPOCH)
    ring.close()


def test_unlink_all_removes_every_segment_of_the_name_and_no_other(name: str) -> None:
    Ring.create(f"/{name}.events", 64, "event", 1, "memory").close()
    Ring.create(f"/{name}x.events", 64, "event", 1, "memory").close()
    assert unlink_all(name) == [f"{name}.events"]
    assert (SHM_ROOT / f"{name}x.events").exists()
    unlink_all(f"{name}x")
