"""What a dead run left in shared memory, and how its end is brought into the journal before it is removed."""

from pathlib import Path

from consumers.journal.reader import JournalReader
from consumers.journal.writer import JournalWriter
from ops.output import say
from ringbuf.head import is_whole
from ringbuf.ring import Ring
from ringbuf.shm import SHM_ROOT, SegmentBusy, SegmentError, SegmentMissing, unlink

CHUNK = 65536


def absorb_stale(name: str, data: Path, epoch: int) -> int:
    """Put the events that a dead run of this history published, but did not journal, into the journal.

    Returns the epoch to go on with: the dead run's own where it died before its journal had begun. Raises SegmentBusy
    where the segment's creator lives, SegmentError where events are missing in between, or where what was left may
    hold events that no journal has and this run can't bring into one: of another version, of another history.
    """
    segment = f"/{name}.events"
    try:
        ring = Ring.attach(segment, "event")
    except SegmentMissing:
        return epoch
    except SegmentError as error:
        if is_whole(segment):
            raise SegmentError(
                f"{error}: left by another version; finish it with that one, or {_remove(name)}"
            ) from error
        say(f"was never finished, removed: {error}")
        return epoch
    try:
        if ring.creator_alive:
            raise SegmentBusy(f"shared memory {segment}: in use by a live process")
        with JournalReader(data) as journal:
            known = journal.epoch
        others = known not in (0, ring.epoch) or (known == 0 and ring.first_seq != 1)
        if others and ring.durable < ring.published:
            raise SegmentError(
                f"{segment}: epoch: expected {known or 'none'}, found {ring.epoch}: left by a run on another data "
                f"directory, whose journal lacks {ring.published - ring.durable} of its events; start that one again, "
                f"choose another --name, or {_remove(name)}"
            )
        if others:
            say(f"shared memory {segment} was left by a run on another data directory, whose journal has it: removed")
            return epoch
        absorbed = absorb(data, ring)
        if absorbed:
            say(f"{absorbed} events of the run before brought from shared memory into the journal")
        return ring.epoch
    finally:
        ring.close()


def _remove(name: str) -> str:
    return f"give its events up: rm {SHM_ROOT}/{name}.*"


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
