"""Reading the journal: by any process, also while it is written.

Only records with a fitting checksum in an unbroken row of sequences are ever handed out, and only whole commands
count as there. Damage before the tail raises JournalCorrupt.
"""

import os
from pathlib import Path
from types import TracebackType

import numpy as np

from consumers.journal.checks import good_prefix, what_is_wrong, whole_commands
from consumers.journal.format import (
    BLOCK_RECORDS,
    PAGE_SIZE,
    TIMING_SIZE,
    JournalCorrupt,
    JournalError,
    SegmentHeader,
    journal_folder,
    list_segments,
    record_offset,
    timing_name,
)
from consumers.journal.tail import scan
from ringbuf.records import EVENT, RECORD_SIZE

_STEP = 4096  # records looked at in one go while looking for a moved end


class _Segment:
    """One open segment file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.header = SegmentHeader.decode(os.pread(self.fd, PAGE_SIZE, 0), path.name)

    @property
    def end(self) -> int:
        """The first sequence that belongs to the next segment."""
        return self.header.first_seq + self.header.records

    def raw(self, index: int, count: int) -> np.ndarray:
        """Records index … index+count-1 as they stand in the file (fewer where it is short), unchecked."""
        out = np.zeros(count, EVENT)
        view = memoryview(out).cast("B")
        done = 0
        while done < count:
            take = min(count - done, BLOCK_RECORDS - (index + done) % BLOCK_RECORDS)
            piece = view[done * RECORD_SIZE : (done + take) * RECORD_SIZE]
            if os.preadv(self.fd, [piece], record_offset(index + done)) < len(piece):
                return out[:done]
            done += take
        return out


class JournalReader:
    """The history in DATA/journal. ``first`` is 1 (0 if there is none), ``last`` moves while others write.

    Raises JournalCorrupt where something before the tail is damaged, JournalError for another schema or version.
    """

    def __init__(self, data: Path) -> None:
        self.folder = journal_folder(data)
        self._segments: list[_Segment] = []
        self._last = 0
        self._open_new()

    @property
    def epoch(self) -> int:
        """Of this history; 0 where there is none yet."""
        return self._segments[0].header.epoch if self._segments else 0

    @property
    def first(self) -> int:
        """First sequence, 0 where there is none."""
        return self._segments[0].header.first_seq if self._segments and self.last else 0

    @property
    def last(self) -> int:
        """Last sequence of the last whole command now written; looks again at each call."""
        self._advance()
        return self._last

    @property
    def segments(self) -> list[Path]:
        """The segment files in order."""
        return [segment.path for segment in self._segments]

    def _open_new(self) -> None:
        """Open the segments that have come since; scan the last one when it is the first time."""
        known = len(self._segments)
        for path in list_segments(self.folder)[known:]:
            segment = _Segment(path)
            if self._segments and segment.header.first_seq != self._segments[-1].end:
                expected = self._segments[-1].end
                found = segment.header.first_seq
                raise JournalCorrupt(f"{path.name}: field first_seq is {found}, {expected} follows the segment before")
            if self._segments and segment.header.epoch != self._segments[0].header.epoch:
                raise JournalCorrupt(f"{path.name}: field epoch is not {self._segments[0].header.epoch}")
            self._segments.append(segment)
        if not known and self._segments:
            self._last = scan(self._segments[-1].path, trusting=True).last
            if self._last < self._segments[-1].header.first_seq:
                self._last = self._last_before(len(self._segments) - 1)

    def _last_before(self, number: int) -> int:
        """Last whole command's end before segment ``number`` (a command may cross segments)."""
        for segment in reversed(self._segments[:number]):
            whole = whole_commands(segment.raw(0, segment.header.records))
            if whole:
                return segment.header.first_seq + whole - 1
        return 0

    def _advance(self) -> None:
        """Move ``last`` over what has been written since."""
        seen = self._last
        while True:
            segment = self._find(seen + 1)
            if segment is None:
                self._open_new()
                segment = self._find(seen + 1)
            if segment is None:
                return
            index = seen + 1 - segment.header.first_seq
            if not good_prefix(segment.raw(index, 1), seen + 1):
                return
            records = segment.raw(index, min(_STEP, segment.header.records - index))
            good = good_prefix(records, seen + 1)
            whole = whole_commands(records[:good])
            if whole:
                self._last = seen + whole
            if good < len(records):
                return
            seen += good

    def _find(self, seq: int) -> _Segment | None:
        low, high = 0, len(self._segments)
        while low < high:
            middle = (low + high) // 2
            if self._segments[middle].end <= seq:
                low = middle + 1
            else:
                high = middle
        if low == len(self._segments) or seq < self._segments[low].header.first_seq:
            return None
        return self._segments[low]

    def read(self, seq: int, n: int) -> np.ndarray:
        """Up to ``n`` records (EVENT, a copy) from ``seq`` on; fewer at the end or at a segment's border, none past it.

        Every record is checked. Raises JournalCorrupt (segment, offset, field) and, for seq < 1, JournalError.
        """
        if seq < 1:
            raise JournalError(f"sequence {seq} asked for, expected 1 or more")
        last = self._last if seq + n - 1 <= self._last else self.last
        n = min(n, last - seq + 1)
        if n <= 0:
            return np.empty(0, EVENT)
        segment = self._find(seq)
        if segment is None:
            raise JournalCorrupt(f"{self.folder}: no segment holds sequence {seq}, though {last} are written")
        index = seq - segment.header.first_seq
        n = min(n, segment.header.records - index)
        records = segment.raw(index, n)
        good = good_prefix(records, seq)
        if good < n:
            place = f"{segment.path.name} offset {record_offset(index + good)} (sequence {seq + good})"
            if good == len(records):
                raise JournalCorrupt(f"{place}: the file ends there")
            raise JournalCorrupt(f"{place}: {what_is_wrong(records[good : good + 1], seq + good)}")
        return records

    def record(self, seq: int) -> np.ndarray:
        """One record, shape (1,); JournalError where there is none of that sequence."""
        found = self.read(seq, 1)
        if not len(found):
            raise JournalError(f"sequence {seq} is not written; the journal ends at {self._last}")
        return found

    def locate(self, seq: int) -> tuple[str, int]:
        """(segment file name, byte offset) of a sequence, by arithmetic; JournalError where no segment covers it."""
        segment = self._find(seq)
        if segment is None:
            self._open_new()
            segment = self._find(seq)
        if segment is None:
            raise JournalError(f"sequence {seq} is in no segment of {self.folder}")
        return segment.path.name, record_offset(seq - segment.header.first_seq)

    def timing(self, seq: int) -> tuple[int, int]:
        """(ingress_ns, match_ns) of a sequence; zeros where nobody noted them (they are informational)."""
        segment = self._find(seq)
        if segment is None:
            return 0, 0
        path = self.folder / timing_name(segment.header.first_seq)
        if not path.exists():
            return 0, 0
        with path.open("rb") as file:
            file.seek((seq - segment.header.first_seq) * TIMING_SIZE)
            row = file.read(TIMING_SIZE)
        if len(row) < TIMING_SIZE:
            return 0, 0
        return int.from_bytes(row[:8], "little", signed=True), int.from_bytes(row[8:], "little", signed=True)

    def close(self) -> None:
        """Close the files."""
        for segment in self._segments:
            os.close(segment.fd)
        self._segments = []

    def __enter__(self) -> "JournalReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
