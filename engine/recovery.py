"""The engine's state from its history: the newest good snapshot, the journal after it, then the ring beyond that."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from consumers.journal.reader import JournalReader
from engine.fold import HistoryError, fold
from engine.mixing import secret_seed
from engine.snapshots import newest_good
from engine.state import Limits, State
from ringbuf.ring import Ring

CHUNK = 65536


class RecoveryError(Exception):
    """History that does not lead to a state; says at which sequence."""


def _fold(state: State, events: np.ndarray, source: str) -> None:
    try:
        fold(state, events)
    except HistoryError as error:
        raise RecoveryError(f"{source}: {error}") from error


def recover(limits: Limits, data: Path, ring: Ring, say: Callable[[str], None]) -> State:
    """State at the ring's `published`; says from where it began. Raises RecoveryError or the journal's own error."""
    found = newest_good(data, limits, ring.epoch, ring.published, say, prove=False)  # the replica proves it
    state = found[0] if found else State(limits, secret_seed())
    begun = f"the snapshot at {int(state.record['seq'])}" if found else "the beginning"
    catch_up(state, data, ring, lambda line: say(f"from {begun}, {line}"))
    return state


def catch_up(state: State, data: Path, ring: Ring, say: Callable[[str], None]) -> None:
    """Bring a state to the ring's `published`; no engine may be writing. Raises as `recover` does."""
    published = ring.published
    with JournalReader(data) as journal:
        seq, last = int(state.record["seq"]) + 1, min(journal.last, published)
        say(f"journal to {last}, ring to {published}")
        while seq <= last:
            events = journal.read(seq, min(CHUNK, last - seq + 1))
            _fold(state, events, "journal")
            seq += len(events)
    first = int(state.record["seq"]) + 1
    if first <= published:
        # Nothing writes the ring now, and the journal gates it: what the journal lacks is still there.
        slots = np.arange(first, published + 1) & (ring.capacity - 1)
        _fold(state, ring.records[slots], "ring")
    if int(state.record["seq"]) != published:
        raise RecoveryError(f"history ends at {int(state.record['seq'])}, but {published} was published")
