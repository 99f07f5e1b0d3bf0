"""Events for journal tests: made here, checksummed by the product."""

from pathlib import Path

import numpy as np

from consumers.journal.checks import fill_checksums
from consumers.journal.writer import JournalWriter
from ringbuf.codes import FLAG_LAST, FLAG_MORE, EventType
from ringbuf.records import EVENT

EPOCH = 77


def make_events(first_seq: int, count: int, command: int = 3, group: int = 1) -> np.ndarray:
    """``count`` events, every ``command``-th sequence ending a command (and the last one always).

    Every ``group`` commands belong together.
    """
    events = np.zeros(count, EVENT)
    seqs = np.arange(first_seq, first_seq + count)
    events["seq"] = seqs
    events["ts_ns"] = seqs * 10
    events["type"] = EventType.DEPOSITED
    events["qty_lots"] = seqs * 7
    events["flags"] = np.where(seqs % command == 0, FLAG_LAST, 0)
    events["flags"][(seqs % command == 0) & (seqs % (command * group) != 0)] |= FLAG_MORE
    if count:
        events["flags"][-1] = FLAG_LAST
    fill_checksums(events)
    return events


def write_journal(data: Path, count: int, blocks: int = 4, mode: str = "journal", command: int = 3) -> np.ndarray:
    """A journal of ``count`` events in DATA, and the events."""
    events = make_events(1, count, command)
    writer = JournalWriter(data, EPOCH, mode, blocks)
    writer.append(events)
    writer.sync()
    writer.close()
    return events
