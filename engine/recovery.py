"""Bringing an engine's state back: the journal, then what is published in the ring but not yet written."""

from pathlib import Path

import numpy as np

from consumers.journal.reader import JournalReader
from engine.apply import apply_events
from engine.state import State
from ringbuf.codes import FLAG_LAST
from ringbuf.ring import Ring

CHUNK = 65536
LANES = 256


class RecoveryError(Exception):
    """History can't be brought back; the text names the sequence."""


def recover(state: State, data: Path, ring: Ring) -> np.ndarray:
    """Fold all history into an empty state; returns the commands answered so far of each lane (i64, LANES).

    No engine may be writing the ring. Raises RecoveryError, and JournalCorrupt for a damaged journal.
    """
    answered = np.zeros(LANES, dtype=np.int64)
    published = ring.published
    seq = 1
    with JournalReader(data) as journal:
        last = min(journal.last, published)
        while seq <= last:
            seq += _fold(state, journal.read(seq, min(CHUNK, last - seq + 1)), answered, seq)
    if seq <= published and (seq < ring.first_seq or published - seq >= ring.capacity):
        raise RecoveryError(f"sequence {seq} is neither in the journal nor in the ring any more")
    while seq <= published:
        slot = seq & (ring.capacity - 1)
        count = min(published - seq + 1, ring.capacity - slot, CHUNK)
        seq += _fold(state, ring.records[slot : slot + count].copy(), answered, seq)
    return answered


def _fold(state: State, events: np.ndarray, answered: np.ndarray, seq: int) -> int:
    """Apply events and count the commands that they answer; returns how many events."""
    if not len(events):
        raise RecoveryError(f"sequence {seq} can't be read")
    done = int(apply_events(state.address, events.ctypes.data, len(events)))
    if done != len(events):
        raise RecoveryError(f"event {int(events[done]['seq'])} does not follow from the history before it")
    lanes = events["session"][events["flags"] & FLAG_LAST != 0] >> 24
    answered += np.bincount(lanes, minlength=LANES)
    return len(events)
