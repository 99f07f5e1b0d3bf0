"""The engine's state from its history: the newest good snapshot, the journal after it, then the ring beyond that."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from consumers.journal.reader import CHUNK, JournalReader
from engine.fold import HistoryError, fold
from engine.mixing import secret_seed
from engine.snapshots import newest_good
from engine.state import Limits, State
from ringbuf.ring import Ring


class RecoveryError(Exception):
    """History that does not lead to a state; says at which sequence."""


def _fold(state: State, events: np.ndarray, source: str) -> None:
    try:
        fold(state, events)
    except HistoryError as error:
        raise RecoveryError(f"{source}: {error}") from error


def _read_ahead(journal: JournalReader, seq: int, last: int) -> Iterator[np.ndarray]:
    """The events from `seq` to `last`; while some are folded, a thread reads and checks those that come after."""
    if last - seq < CHUNK:  # too little for a thread
        while seq <= last:
            yield (events := journal.read(seq, last - seq + 1))
            seq += len(events)
        return
    with ThreadPoolExecutor(1, "journal-read") as reader:
        coming = reader.submit(journal.read, seq, min(CHUNK, last - seq + 1))
        while seq <= last:
            events = coming.result()
            seq += len(events)
            if seq <= last:
                coming = reader.submit(journal.read, seq, min(CHUNK, last - seq + 1))
            yield events


def recover(limits: Limits, data: Path, ring: Ring, say: Callable[[str], None]) -> State:
    """State at the ring's `published`; says from where it began. Raises RecoveryError or the journal's own error."""
    found = newest_good(data, limits, ring.epoch, ring.published, say, for_engine=True)
    if found:
        state = found[0]
    else:
        state = State(limits, secret_seed())
        state.use_huge_pages()
    begun = f"the snapshot at {int(state.record['seq'])}" if found else "the beginning"
    catch_up(state, data, ring, lambda line: say(f"from {begun}, {line}"))
    return state


def catch_up(state: State, data: Path, ring: Ring, say: Callable[[str], None]) -> None:
    """Bring a state to the ring's `published`; no engine may be writing. Raises as `recover` does."""
    published = ring.published
    with JournalReader(data) as journal:
        seq, last = int(state.record["seq"]) + 1, min(journal.last, published)
        say(f"journal to {last}, ring to {published}")
        for events in _read_ahead(journal, seq, last):
            _fold(state, events, "journal")
    first = int(state.record["seq"]) + 1
    if first <= published:
        # Nothing writes the ring now, and the journal gates it: what the journal lacks is still there.
        slots = np.arange(first, published + 1) & (ring.capacity - 1)
        _fold(state, ring.records[slots], "ring")
    if int(state.record["seq"]) != published:
        raise RecoveryError(f"history ends at {int(state.record['seq'])}, but {published} was published")
