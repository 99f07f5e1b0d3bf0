"""Where a consumer's events come from: the ring, the journal, or both in turn, behind one interface.

A source hands out whole commands in sequence without a gap, whatever it reads from. ``LiveSource`` reads the ring and,
where the ring has gone on without it (start-up, crash, lag: the same thing), what it missed from the journal.
A Kafka topic would be a third class with the same four members.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

from consumers.journal.checks import whole_commands
from consumers.journal.reader import JournalReader
from ringbuf.cursor import Cursor, CursorSource
from ringbuf.reader import Lapped, RingReader
from ringbuf.ring import Ring
from ringbuf.wait import Waiter

SLEEP_MAX_NS = 5_000_000  # the longest nap of who waits by sleeping


class SourceError(Exception):
    """The source cannot give the events that must come next; the message names the sequence and why."""


class Source(Protocol):
    """What the runtime reads from."""

    @property
    def kind(self) -> CursorSource:
        """Where the last batch came from."""

    @property
    def limit(self) -> int:
        """Highest sequence that may be read now."""

    def next(self, max_records: int) -> np.ndarray | None:
        """The next events (EVENT, owned by the caller), ending with a whole command; None = nothing new.

        More than ``max_records`` only where one command is longer. Raises SourceError on a gap.
        """

    def match_ns(self) -> np.ndarray:
        """Match times (i64, wall clock) of the last batch; empty where they are not known."""

    def wait(self, timeout_ns: int) -> None:
        """Return when there is more, at the time-out, or on a signal."""

    def close(self) -> None:
        """Let go of what it reads."""


_NO_TIMES = np.empty(0, np.int64)


class JournalSource:
    """The journal alone, from after ``position`` on, up to its last whole command or ``stop_at``."""

    def __init__(self, data: Path, position: int = 0, stop_at: int | None = None) -> None:
        self._data = data
        self._reader: JournalReader | None = None
        self._stop_at = stop_at
        self.position = position
        self.kind = CursorSource.JOURNAL

    @property
    def reader(self) -> JournalReader:
        """Opened when first needed."""
        if self._reader is None:
            self._reader = JournalReader(self._data)
        return self._reader

    @property
    def limit(self) -> int:
        """The journal's last whole command, or ``stop_at`` if that is less."""
        last = self.reader.last
        return last if self._stop_at is None else min(last, self._stop_at)

    def allow(self, stop_at: int) -> None:
        """Read up to this sequence (the end of a command) and no further."""
        self._stop_at = stop_at

    def next(self, max_records: int) -> np.ndarray | None:
        """See Source.next."""
        limit = self.limit
        wanted = max_records
        parts: list[np.ndarray] = []
        at = self.position
        while at < limit:
            piece = self.reader.read(at + 1, min(wanted, limit - at))
            if not len(piece):
                break
            whole = len(piece) if at + len(piece) == limit else whole_commands(piece)
            parts.append(piece[:whole] if whole else piece)
            at += len(piece)
            if whole:
                self.position += sum(map(len, parts))
                return parts[0] if len(parts) == 1 else np.concatenate(parts)
        return None

    def match_ns(self) -> np.ndarray:
        """Not read: the journal's times are old."""
        return _NO_TIMES

    def wait(self, timeout_ns: int) -> None:
        """Not for waiting: offline reading ends where the journal ends."""
        raise SourceError("a journal alone has nobody to wait for")

    def close(self) -> None:
        """Close the files."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class LiveSource:
    """The ring; the journal for what the ring no longer has.

    ``ahead``: read what is published though not yet durable (journal and replica only).
    """

    def __init__(self, ring: Ring, cursor: Cursor, data: Path, position: int, wait: str, ahead: bool = False) -> None:
        self.ring = ring
        self.kind = CursorSource.RING
        self._reader = RingReader(ring, cursor, ahead=ahead, timing=True)
        self._reader.seek(position)
        self._waiter = Waiter(wait, ring, ahead=ahead, sleep_max_ns=SLEEP_MAX_NS)
        self._journal = JournalSource(data, position)
        self._ahead = ahead
        self._target = 0  # catching up from the journal to this sequence
        self._expected = position + 1

    @property
    def position(self) -> int:
        """Last sequence handed out."""
        return self._expected - 1

    @property
    def limit(self) -> int:
        """Highest sequence readable now."""
        return self._reader.limit

    @property
    def timing(self) -> np.ndarray | None:
        """TIMING rows of the last batch, where it came from the ring."""
        return self._reader.timing if self.kind == CursorSource.RING else None

    def next(self, max_records: int) -> np.ndarray | None:
        """See Source.next. Rejoins the ring as soon as it holds what comes next."""
        events = self._from_journal(max_records) if self.kind == CursorSource.JOURNAL else None
        if events is None:
            events = self._from_ring(max_records)
        if events is None:
            return None
        first = int(events["seq"][0])
        if first != self._expected or int(events["seq"][-1]) != first + len(events) - 1:
            raise SourceError(f"sequence {self._expected} expected from the {self.kind.name.lower()}, found {first}")
        self._expected += len(events)
        return events

    def _from_ring(self, max_records: int) -> np.ndarray | None:
        try:
            events = self._reader.poll(max_records)
        except Lapped as gap:
            if self._ahead:
                raise SourceError(f"{gap}; the engine waits for this reader, so that must not happen") from gap
            # Aim past the ring's oldest by a quarter, or the writer is there before us again.
            self._target = gap.oldest + self.ring.capacity // 4
            self._journal.position = gap.position
            self.kind = CursorSource.JOURNAL
            events = self._from_journal(max_records)
            if events is None:
                raise SourceError(f"sequence {gap.position + 1} is neither in the ring nor in the journal") from gap
        return events

    def _from_journal(self, max_records: int) -> np.ndarray | None:
        """None, and back on the ring, once the target is reached or the journal has no more that is safe."""
        events = None
        if self._journal.position < self._target:
            self._journal.allow(self.limit)
            events = self._journal.next(max_records)
        if events is None:
            self._reader.seek(self._journal.position)
            self.kind = CursorSource.RING
        return events

    def match_ns(self) -> np.ndarray:
        """See Source.match_ns."""
        timing = self.timing
        return _NO_TIMES if timing is None else timing["match_ns"]

    def wait(self, timeout_ns: int) -> None:
        """See Source.wait."""
        self._waiter.wait(self.position, timeout_ns)

    def close(self) -> None:
        """Close the journal; the ring belongs to the runtime."""
        self._journal.close()
