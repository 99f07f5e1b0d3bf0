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
from ringbuf.records import EVENT
from ringbuf.ring import Ring
from ringbuf.shm import SHM_ROOT, SegmentBusy

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


def test_another_history_is_left_alone(name: str, tmp_path: Path) -> None:
    journal(tmp_path, 10)
    dead_run(name, EPOCH + 1, 1, 50)
    assert absorb_stale(name, tmp_path, EPOCH) == EPOCH
    assert last_of(tmp_path) == 10


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
