"""Sources: whole commands without a gap, from the ring, the journal, or both in turn."""

from pathlib import Path

import numpy as np
import pytest

from consumers.journal.writer import JournalWriter
from consumers.source import JournalSource, LiveSource, SourceError
from ringbuf.codes import FLAG_LAST
from ringbuf.cursor import CursorSource
from ringbuf.ring import Ring
from tests.consumers.journal_files import EPOCH, make_events, write_journal
from tests.consumers.pipeline_parts import Place, ring_in


def drain(source: LiveSource | JournalSource, most: int = 1_000) -> np.ndarray:
    parts = []
    while (events := source.next(most)) is not None:
        assert int(events["flags"][-1]) & FLAG_LAST
        parts.append(events)
    return np.concatenate(parts) if parts else make_events(1, 0)


class Writer:
    """Engine and journal of a test in one: publishes, writes, calls durable, moves the gate."""

    def __init__(self, ring: Ring, place: Place) -> None:
        self.ring = ring
        self.journal = JournalWriter(place.data, EPOCH, "journal", 16)
        self.gate = ring.cursor("journal", gates=True)

    def write(self, events: np.ndarray, piece: int = 300) -> None:
        for at in range(0, len(events), piece):
            self.ring.append(events[at : at + piece])
            self.journal.append(events[at : at + piece])
            self.gate.set(self.journal.last)
            self.ring.set_durable(self.journal.sync())


@pytest.mark.parametrize("most", [1, 7, 511, 4_096])
def test_a_journal_gives_whole_commands_whatever_the_batch(tmp_path: Path, most: int) -> None:
    events = write_journal(tmp_path, 3_000, command=100)
    source = JournalSource(tmp_path)
    assert drain(source, most).tobytes() == events.tobytes()
    assert source.position == 3_000
    source.close()


def test_a_journal_never_cuts_a_group(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, EPOCH)
    writer.append(make_events(1, 120, 2, group=3))
    writer.close()
    source = JournalSource(tmp_path)
    lengths = []
    while (batch := source.next(8)) is not None:
        lengths.append(len(batch))
    assert lengths == [6] * 20
    source.close()


def test_a_command_longer_than_a_block_comes_in_one(tmp_path: Path) -> None:
    write_journal(tmp_path, 3_000, command=1_500)
    source = JournalSource(tmp_path)
    batch = source.next(10)
    assert batch is not None
    assert len(batch) == 1_500
    source.close()


def test_reading_begins_anywhere_and_ends_where_told(tmp_path: Path) -> None:
    events = write_journal(tmp_path, 3_000)
    source = JournalSource(tmp_path, 600, stop_at=1_200)
    assert drain(source).tobytes() == events[600:1_200].tobytes()
    source.close()


def test_a_lapped_reader_goes_through_the_journal_back_to_the_ring(tmp_path: Path) -> None:
    events = make_events(1, 9_000)
    with ring_in(tmp_path, capacity=1024) as (ring, place):
        writer = Writer(ring, place)
        source = LiveSource(ring, ring.cursor("reader"), tmp_path, 0, "futex")
        kinds = []
        read = []
        for first in range(0, 9_000, 3_000):
            writer.write(events[first : first + 3_000])  # three times round the ring, nobody reading
            while (batch := source.next(200)) is not None:
                kinds.append(source.kind)
                read.append(batch)
        assert np.concatenate(read).tobytes() == events.tobytes()
        assert kinds[0] == CursorSource.JOURNAL
        assert kinds[-1] == CursorSource.RING
        source.close()
        writer.journal.close()


def test_a_reader_lapped_while_it_catches_up_catches_up_further(tmp_path: Path) -> None:
    events = make_events(1, 30_000)
    with ring_in(tmp_path, capacity=1024) as (ring, place):
        writer = Writer(ring, place)
        source = LiveSource(ring, ring.cursor("reader"), tmp_path, 0, "futex")
        read = []
        for first in range(0, 30_000, 600):  # the writer is three times as fast
            writer.write(events[first : first + 600])
            batch = source.next(200)
            if batch is not None:
                read.append(batch)
        read.append(drain(source))
        assert np.concatenate(read).tobytes() == events.tobytes()
        source.close()
        writer.journal.close()


def test_what_is_in_neither_ring_nor_journal_is_an_error_that_names_it(tmp_path: Path) -> None:
    with ring_in(tmp_path, capacity=1024, durability="memory", gate=None) as (ring, _):
        for first in range(1, 3_001, 300):
            ring.append(make_events(first, 300))
        source = LiveSource(ring, ring.cursor("reader"), tmp_path, 0, "futex")
        with pytest.raises(SourceError, match="sequence 1 is neither in the ring nor in the journal"):
            source.next(100)
        source.close()


def test_the_journal_itself_can_never_be_lapped(tmp_path: Path) -> None:
    with ring_in(tmp_path, capacity=1024, durability="memory", gate=None) as (ring, _):
        for first in range(1, 3_001, 300):
            ring.append(make_events(first, 300))
        source = LiveSource(ring, ring.cursor("reader"), tmp_path, 0, "futex", ahead=True)
        with pytest.raises(SourceError, match="the engine waits for this reader"):
            source.next(100)
        source.close()
