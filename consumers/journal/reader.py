"""Reading the journal: by any process, also while it is written.

Only records with a fitting checksum in an unbroken row of sequences are ever handed out, and only whole commands
count as there. Damage before the tail raises JournalCorrupt. Segments in the archive are read where they lie, a block
at a time; what was removed raises JournalRemoved.
"""

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
    JournalRemoved,
    SegmentHeader,
    archive_folder,
    first_seq_of,
    journal_folder,
    list_history,
    list_segments,
    read_begins,
    record_offset,
    timing_name,
)
from consumers.journal.listings import listings_among, read_listed
from consumers.journal.packed import ENDING, PackedFile, PlainFile, is_packed, open_file
from consumers.journal.tail import scan
from ringbuf.records import EVENT, RECORD_SIZE

_STEP = 4096  # records looked at in one go while looking for a moved end


CHUNK = 8192  # records to be read in one go by who goes through many: a MiB, which stays in a near cache


class _Segment:
    """One segment. A plain file is opened at once and stays readable when it is moved away; one of the archive when
    it is first read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.first_seq = first_seq_of(path)
        self._file: PlainFile | PackedFile | None = None
        self._header: SegmentHeader | None = None
        if not is_packed(path):
            self.open()

    def open(self) -> "PlainFile | PackedFile":
        """The file, opened where it is not. Raises OSError, JournalError."""
        if self._file is None:
            self._file = open_file(self.path)
        return self._file

    @property
    def header(self) -> SegmentHeader:
        """Read once; JournalCorrupt where it is of another segment than its name says."""
        if self._header is None:
            page = bytearray(PAGE_SIZE)
            page = page[: self.open().readinto(memoryview(page), 0)]
            header = SegmentHeader.decode(bytes(page), self.path.name)
            if header.first_seq != self.first_seq:
                raise JournalCorrupt(
                    f"{self.path.name}: field first_seq is {header.first_seq}, its name says otherwise"
                )
            self._header = header
        return self._header

    @property
    def end(self) -> int:
        """The first sequence that belongs to the next segment."""
        return self.first_seq + self.header.records

    def raw(self, index: int, count: int) -> np.ndarray:
        """Records index … index+count-1 as they stand in the file (fewer where it is short), unchecked."""
        file = self.open()
        out = np.empty(count, EVENT)
        view = memoryview(out).cast("B")
        done = 0
        while done < count:
            take = min(count - done, BLOCK_RECORDS - (index + done) % BLOCK_RECORDS)
            piece = view[done * RECORD_SIZE : (done + take) * RECORD_SIZE]
            if file.readinto(piece, record_offset(index + done)) < len(piece):
                return out[:done]
            done += take
        return out

    def close(self) -> None:
        """Close the file where it is open."""
        if self._file is not None:
            self._file.close()
            self._file = None


class JournalReader:
    """The history in DATA/journal. ``first`` is 1 (0 if there is none, more where what was before it was removed),
    ``last`` moves while others write.

    Raises JournalCorrupt where something before the tail is damaged, JournalError for another schema or version.
    """

    def __init__(self, data: Path) -> None:
        self.folder = journal_folder(data)
        self._segments: list[_Segment] = []
        self._unpacking: _Segment | None = None  # the one of the archive that is open
        self._last = 0
        self._open_new()

    @property
    def epoch(self) -> int:
        """Of this history; 0 where there is none yet."""
        return self._segments[-1].header.epoch if self._segments else 0

    @property
    def first(self) -> int:
        """First sequence, 0 where there is none."""
        return self._segments[0].first_seq if self._segments and self.last else 0

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
        """Open the segments that have come since; the first time all, and then the last one is scanned."""
        if self._segments:
            while not self._take(self._newer()):
                pass  # one was moved away meanwhile: look again
            return
        while not self._take(list_history(self.folder)):
            self.close()  # likewise
        if self._segments:
            self._last = scan(self._segments[-1].path, trusting=True).last
            if self._last < self._segments[-1].first_seq:
                self._last = self._last_before(len(self._segments) - 1)

    def _newer(self) -> list[Path]:
        """The segments behind those that are open, some of which may be in the archive by now.

        Where those in between were removed, what is open is no longer part of the history: it begins anew.
        """
        newest = self._segments[-1]
        found = [path for path in list_segments(self.folder) if first_seq_of(path) > newest.first_seq]
        if not found or first_seq_of(found[0]) == newest.end:
            return found
        found = [path for path in list_history(self.folder) if first_seq_of(path) > newest.first_seq]
        if newest.end < first_seq_of(found[0]) <= read_begins(self.folder):
            self.close()
            self._last = first_seq_of(found[0]) - 1
        return found

    def _take(self, paths: list[Path]) -> bool:
        """Go on by these segments; False where one is gone, to the archive or for good."""
        for path in paths:
            try:
                segment = _Segment(path)
            except FileNotFoundError:
                return False
            if self._segments:
                self._check_order(self._segments[-1], segment)
            self._segments.append(segment)
        return True

    def _check_order(self, before: _Segment, segment: _Segment) -> None:
        """That one segment follows the other; those of the archive are looked into when they are read."""
        if not is_packed(before.path):
            if segment.first_seq != before.end:
                raise JournalCorrupt(
                    f"{segment.path.name}: field first_seq is {segment.first_seq}, "
                    f"{before.end} follows the segment before"
                )
            if segment.header.epoch != before.header.epoch:
                raise JournalCorrupt(f"{segment.path.name}: field epoch is not {before.header.epoch}")

    def _end(self, number: int) -> int:
        """The first sequence behind a segment."""
        if number + 1 < len(self._segments):
            return self._segments[number + 1].first_seq
        return self._segments[number].end

    def _opened(self, segment: _Segment) -> _Segment:
        """A segment to be read; of the archive only one is open at a time. JournalCorrupt where it is another's."""
        if not is_packed(segment.path) or segment is self._unpacking:
            return segment
        if self._unpacking is not None:
            self._unpacking.close()
        self._unpacking = segment
        if segment.header.epoch != self.epoch:
            raise JournalCorrupt(f"{segment.path.name}: field epoch is {segment.header.epoch}, expected {self.epoch}")
        number = self._segments.index(segment)
        if segment.end != self._end(number):
            raise JournalCorrupt(
                f"{self._segments[number + 1].path.name}: field first_seq is {self._end(number)}, "
                f"{segment.end} follows the segment before"
            )
        return segment

    def _last_before(self, number: int) -> int:
        """Last whole command's end before segment ``number`` (a command may cross segments)."""
        for segment in reversed(self._segments[:number]):
            whole = whole_commands(self._opened(segment).raw(0, segment.header.records))
            if whole:
                return segment.first_seq + whole - 1
        return 0

    def _advance(self) -> None:
        """Move ``last`` over what has been written since."""
        seen = self._last
        while True:
            segment = self._find(seen + 1)
            if segment is None:
                self._open_new()
                seen = max(seen, self._last)
                segment = self._find(seen + 1)
            if segment is None:
                return
            index = seen + 1 - segment.first_seq
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
            if self._end(middle) <= seq:
                low = middle + 1
            else:
                high = middle
        if low == len(self._segments) or seq < self._segments[low].first_seq:
            return None
        return self._opened(self._segments[low])

    def read(self, seq: int, n: int) -> np.ndarray:
        """Up to ``n`` records (EVENT, a copy) from ``seq`` on; fewer at the end or at a segment's border, none past it.

        Every record is checked. Raises JournalCorrupt (segment, offset, field), JournalRemoved for what is before
        ``first`` and, for seq < 1, JournalError.
        """
        if seq < 1:
            raise JournalError(f"sequence {seq} asked for, expected 1 or more")
        self._expect_here(seq)
        last = self._last if seq + n - 1 <= self._last else self.last
        n = min(n, last - seq + 1)
        if n <= 0:
            return np.empty(0, EVENT)
        segment = self._find(seq)
        if segment is None:
            raise JournalCorrupt(f"{self.folder}: no segment holds sequence {seq}, though {last} are written")
        index = seq - segment.first_seq
        n = min(n, segment.header.records - index)
        records = segment.raw(index, n)
        good = good_prefix(records, seq)
        if good < n:
            place = f"{segment.path.name} offset {record_offset(index + good)} (sequence {seq + good})"
            if good == len(records):
                raise JournalCorrupt(f"{place}: the file ends there")
            raise JournalCorrupt(f"{place}: {what_is_wrong(records[good : good + 1], seq + good)}")
        return records

    def _expect_here(self, seq: int) -> None:
        if self._segments and seq < self._segments[0].first_seq:
            archive = archive_folder(self.folder)
            why = "what was before that was removed"
            if archive.is_symlink() and not archive.is_dir():
                why = f"the archive at {archive.readlink()} is not there"
            raise JournalRemoved(
                f"sequence {seq} asked for, the history in {self.folder} begins at {self._segments[0].first_seq}: {why}"
            )

    def listed(self, last: int | None = None) -> np.ndarray:
        """Every listing, change and delisting (EVENT, in sequence) up to ``last``, or to the end.

        Reads one segment, not the history. Raises JournalRemoved where they are not known any more.
        """
        last = self.last if last is None else min(last, self.last)
        parts, seq = [], 1
        for segment in reversed([segment for segment in self._segments if segment.first_seq <= last + 1]):
            before = read_listed(self.folder, self.epoch, segment.first_seq)
            if before is not None:
                parts, seq = [before], segment.first_seq
                break
        else:
            if self._segments:
                self._expect_here(1)
        while seq <= last:
            events = self.read(seq, min(CHUNK, last - seq + 1))
            parts.append(listings_among(events))
            seq += len(events)
        return np.concatenate(parts) if parts else np.zeros(0, EVENT)

    def record(self, seq: int) -> np.ndarray:
        """One record, shape (1,); JournalError where there is none of that sequence."""
        found = self.read(seq, 1)
        if not len(found):
            raise JournalError(f"sequence {seq} is not written; the journal ends at {self._last}")
        return found

    def locate(self, seq: int) -> tuple[str, int]:
        """(segment file name, byte offset) of a sequence, by arithmetic; JournalError where no segment covers it.

        Of one in the archive the offset is that in the unpacked file.
        """
        segment = self._find(seq)
        if segment is None:
            self._open_new()
            segment = self._find(seq)
        if segment is None:
            raise JournalError(f"sequence {seq} is in no segment of {self.folder}")
        return segment.path.name, record_offset(seq - segment.first_seq)

    def timing(self, seq: int) -> tuple[int, int]:
        """(ingress_ns, match_ns) of a sequence; zeros where nobody noted them (they are informational)."""
        segment = self._find(seq)
        if segment is None:
            return 0, 0
        name = timing_name(segment.first_seq)
        path = self.folder / name
        if not path.exists():
            path = archive_folder(self.folder) / (name + ENDING)
        try:
            file = open_file(path)
        except FileNotFoundError:
            return 0, 0
        row = bytearray(TIMING_SIZE)
        try:
            row = row[: file.readinto(memoryview(row), (seq - segment.first_seq) * TIMING_SIZE)]
        finally:
            file.close()
        if len(row) < TIMING_SIZE:
            return 0, 0
        return int.from_bytes(row[:8], "little", signed=True), int.from_bytes(row[8:], "little", signed=True)

    def close(self) -> None:
        """Close the files."""
        for segment in self._segments:
            segment.close()
        self._segments = []
        self._unpacking = None

    def __enter__(self) -> "JournalReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
