"""What a dead run left in shared memory, and how its end is brought into the journal before it is removed."""

from pathlib import Path

from consumers.journal.reader import JournalReader
from consumers.journal.writer import JournalWriter
from ops.output import say
from ringbuf.ring import Ring
from ringbuf.shm import SHM_ROOT, SegmentBusy, SegmentError, SegmentMissing, unlink

CHUNK = 65536


def absorb_stale(name: str, data: Path, epoch: int) -> int:
    """Put the events that a dead run of this history published, but did not journal, into the journal.

    Returns the epoch to go on with: the dead run's own where it died before its journal had begun.
    Raises SegmentBusy where the segment's creator lives, SegmentError where events are missing in between.
    """
    try:
        ring = Ring.attach(f"/{name}.events", "event")
    except SegmentMissing:
        return epoch
    except SegmentError as error:
        say(f"left by another version, removed: {error}")
        return epoch
    try:
        if ring.creator_alive:
            raise SegmentBusy(f"shared memory /{name}.events: in use by a live process")
        with JournalReader(data) as journal:
            known = journal.epoch
        if known not in (0, ring.epoch):
            say(f"shared memory /{name}.events was left by another history: removed")
            return epoch
        if known == 0 and ring.first_seq != 1:
            say(f"shared memory /{name}.events was left by another data directory: removed")
            return epoch
        absorbed = absorb(data, ring)
        if absorbed:
            say(f"{absorbed} events of the run before brought from shared memory into the journal")
        return ring.epoch
    finally:
        ring.close()


def absorb(data: Path, ring: Ring) -> int:
    """Append what the ring has published beyond the journal's end; no process may write either. Returns how many.

    Raises SegmentError where the ring no longer has the sequence after the journal's last, JournalError.
    """
    published = ring.published
    if published < ring.first_seq:
        return 0
    with JournalReader(data) as journal:
        last = journal.last
    if last >= published:
        return 0
    if last + 1 < ring.first_seq or published - last > ring.capacity:
        raise SegmentError(f"{ring.name}: sequence: expected {last + 1} to be there, it is gone")
    # fsync: what is absorbed was perhaps never durable, and the ring goes away right after.
    writer = JournalWriter(data, ring.epoch, "fsync")
    try:
        last = first = writer.last
        while last < published:
            start = (last + 1) & (ring.capacity - 1)
            count = min(published - last, ring.capacity - start, CHUNK)
            writer.append(ring.records[start : start + count].copy(), ring.timing[start : start + count].copy())
            last += count
        writer.sync()
    finally:
        writer.close()
    return last - first


def unlink_all(name: str) -> list[str]:
    """Remove every segment of a name; returns which there were."""
    found = [path.name for path in SHM_ROOT.glob(f"{name}.*")]
    return [segment for segment in found if unlink(f"/{segment}")]
