"""Writing the journal: one process, append only.

A write or sync that fails is final: the state of the page cache is unknown then (a second fdatasync may say OK and
have lost the data), so the writer refuses everything after it and its process ends; a restart reads from the disk.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from consumers.journal.checks import fill_checksum, good_prefix, what_is_wrong
from consumers.journal.format import (
    BLOCK_RECORDS,
    BLOCK_SIZE,
    DEFAULT_BLOCKS,
    FIRST_CHAIN,
    MARK_OFFSET,
    PAGE_SIZE,
    TIMING_SIZE,
    JournalError,
    SegmentHeader,
    begin_block,
    encode_mark,
    header_of,
    journal_folder,
    record_offset,
    seal_of,
    segment_name,
    timing_name,
)
from consumers.journal.listings import listings_among, read_listed, write_listed
from consumers.journal.reader import JournalReader
from consumers.journal.repair import recover, secure, sync_folder
from consumers.journal.tail import Tail
from consumers.journal.writeback import begin_writeback
from ringbuf.records import RECORD_SIZE

log = logging.getLogger(__name__)
MODES = ("memory", "journal", "fsync")
RUN_RECORDS = 16 * BLOCK_RECORDS  # in one call: 1 MiB; in fsync mode the disk begins with it while the next is made
_SPARE = "spare.next"
_ZEROS = bytes(1 << 20)
PAUSE_S = 0.03  # before each MiB of a spare segment's zeros
KEPT_IN_MEMORY = 4  # segments, in fsync mode: for readers that are a little behind the ring


def _allocate(path: Path, size: int, prewrite: bool, enough: Callable[[], bool] = lambda: False) -> None:
    """A file of that size: blocks reserved, and written with zeros (then synced) where syncs must be quick.

    Zeros are written until it is `enough`: they make the syncs after them quicker, but nothing rests on them.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(fd, 0, size)
        if prewrite:
            for at in range(0, size, len(_ZEROS)):
                if enough():
                    break
                piece = _ZEROS[: min(len(_ZEROS), size - at)]
                if os.pwrite(fd, piece, at) != len(piece):
                    raise OSError(28, "no space left for a new segment", str(path))
            os.fdatasync(fd)
    finally:
        os.close(fd)


def _let_go(segment: Path) -> None:
    """Give a synced segment's pages back: the next one finds memory at once, and nobody else's is pushed out for it."""
    try:
        fd = os.open(segment, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # archived or removed meanwhile
        return
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


class _Spare(threading.Thread):
    """Writes the next segment's zeros ahead; what went wrong is kept for the writer to raise. First lets go of an old
    one, if there is one.

    At a steady pace, a small part of what a disk takes: where records come so fast that it is not done in time, the
    disk is theirs, and syncs come in groups so large that zeros would make them little quicker.
    """

    def __init__(self, path: Path, size: int, old: Path | None) -> None:
        super().__init__(name="journal-spare", daemon=True)
        self.path = path
        self.old = old
        self.size = size
        self.error: OSError | None = None
        self._wanted = threading.Event()
        self.start()

    def finish(self) -> None:
        """Wait for the file, without the zeros that are not written yet. Raises OSError."""
        self._wanted.set()
        self.join()
        if self.error is not None:
            raise self.error

    def abandon(self) -> None:
        """Nobody needs the file now: end soon, whatever became of it."""
        self._wanted.set()
        self.join()

    def run(self) -> None:
        """The thread."""
        try:
            if self.old is not None:
                _let_go(self.old)
            _allocate(self.path, self.size, prewrite=True, enough=lambda: self._wanted.wait(PAUSE_S))
        except OSError as error:
            self.error = error


class JournalWriter:
    """Appends to DATA/journal after having recovered its tail. ``last``: highest sequence written.

    ``mode``: ``memory`` and ``journal`` write, ``fsync`` also syncs in ``sync``. Raises JournalError when the journal
    is of another epoch, JournalCorrupt when it is damaged before its tail. Open after the fork.
    """

    def __init__(self, data: Path, epoch: int, mode: str = "journal", blocks: int = DEFAULT_BLOCKS) -> None:
        if mode not in MODES:
            raise JournalError(f"durability is {mode!r}, expected one of {', '.join(MODES)}")
        self.folder = journal_folder(data)
        self.epoch = epoch
        self.mode = mode
        self._blocks = blocks
        self._failed = ""
        self._spare: _Spare | None = None
        self._written: deque[Path] = deque()  # segments whose pages are in memory, oldest first
        self._fd = -1
        self._timing_fd = -1
        self._timing_lost = False
        self._digest = begin_block(FIRST_CHAIN)  # over the records of the block that is being filled
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            tail = recover(self.folder)
            if mode == "fsync":
                sync_folder(self.folder.parent)
            with JournalReader(data) as reader:
                self._listed = reader.listed()
            if tail is None:
                self._start_segment(1, FIRST_CHAIN)
            else:
                self._continue(tail)
        except OSError as error:
            raise self._fail("opening", error) from error

    def _continue(self, tail: Tail) -> None:
        if tail.header.epoch != self.epoch:
            raise JournalError(f"{tail.path.name}: field epoch is {tail.header.epoch}, expected {self.epoch}")
        self.last = tail.last
        self._durable = tail.last
        if self.mode == "fsync":
            secure(tail)
        if tail.whole == tail.header.records:
            self._start_segment(tail.last + 1, tail.chain)
            return
        self._open(tail.path, tail.header)
        if read_listed(self.folder, self.epoch, tail.header.first_seq) is None:
            self._write_listed(tail.header.first_seq)
        self._count = tail.whole
        self._chain = tail.chain
        number, at = divmod(tail.whole, BLOCK_RECORDS)
        self._digest = begin_block(self._chain)
        self._digest.update(os.pread(self._fd, at * RECORD_SIZE, PAGE_SIZE + number * BLOCK_SIZE))

    def _open(self, path: Path, header: SegmentHeader) -> None:
        for fd in (self._fd, self._timing_fd):
            if fd >= 0:
                os.close(fd)
        self.path = path
        self._written.append(path)
        self.header = header
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        timing = self.folder / timing_name(header.first_seq)
        self._timing_fd = os.open(timing, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _start_segment(self, first_seq: int, chain: bytes) -> None:
        """Make the next segment whole under another name, then rename: nobody sees half a header."""
        header = header_of(self.epoch, first_seq, self._blocks, chain)
        spare = self.folder / _SPARE
        if self._spare is not None:
            self._spare.finish()
            self._spare = None
        else:
            _allocate(spare, header.size, prewrite=self.mode == "fsync")
        page = bytearray(header.encode())
        mark = encode_mark(first_seq - 1)
        page[MARK_OFFSET : MARK_OFFSET + len(mark)] = mark
        if self.mode == "fsync" and self._fd >= 0:
            os.fdatasync(self._fd)  # the segment before must be durable before one that says so
        fd = os.open(spare, os.O_RDWR | os.O_CLOEXEC)
        try:
            if os.pwrite(fd, page, 0) != PAGE_SIZE:
                raise OSError(28, "short write of a segment header", str(spare))
            if self.mode == "fsync":
                os.fdatasync(fd)
        finally:
            os.close(fd)
        self._write_listed(first_seq)
        path = self.folder / segment_name(first_seq)
        spare.rename(path)
        if self.mode == "fsync":
            sync_folder(self.folder)
        self._open(path, header)
        self._count = 0
        self._chain = header.hash
        self._digest = begin_block(self._chain)
        self.last = first_seq - 1
        self._durable = first_seq - 1

    def _write_listed(self, first_seq: int) -> None:
        """The listings before a segment, beside it."""
        if first_seq > 1:
            before = self._listed[self._listed["seq"] < first_seq]
            write_listed(self.folder, self.epoch, first_seq, before, self.mode == "fsync")

    def append(self, events: np.ndarray, timing: np.ndarray | None = None) -> None:
        """Write events (EVENT, continuing at last + 1), with their timing rows if known (16 bytes each).

        Raises JournalError when the events do not continue, do not fit their checksums, or can't be written.
        """
        self._check_usable()
        good = good_prefix(events, self.last + 1)
        if good < len(events):
            expected = self.last + 1 + good
            raise JournalError(f"event refused at {expected}: {what_is_wrong(events[good : good + 1], expected)}")
        listed = listings_among(events)
        if len(listed):
            self._listed = np.concatenate([self._listed, listed])
        done = 0
        try:
            while done < len(events):
                if self._count == self.header.records:
                    self._start_segment(self.last + 1, self._chain)
                take = min(len(events) - done, self.header.records - self._count, RUN_RECORDS)
                self._write_run(events[done : done + take])
                if timing is not None:
                    self._write_timing(timing[done : done + take])
                self._count += take
                self.last += take
                done += take
        except OSError as error:
            raise self._fail(f"write of sequence {self.last + 1}", error) from error
        self._write_ahead()

    def _write_run(self, events: np.ndarray) -> None:
        """Write events that fit into the segment in one call, each block that they fill followed by its seal."""
        records = memoryview(np.ascontiguousarray(events)).cast("B")
        parts: list[memoryview] = []
        at = 0
        while at < len(events):
            number, inside = divmod(self._count + at, BLOCK_RECORDS)
            take = min(len(events) - at, BLOCK_RECORDS - inside)
            parts.append(records[at * RECORD_SIZE : (at + take) * RECORD_SIZE])
            self._digest.update(parts[-1])
            at += take
            if inside + take == BLOCK_RECORDS:
                parts.append(self._seal(number))
        start, length = record_offset(self._count), sum(map(len, parts))
        if os.pwritev(self._fd, parts, start) != length:
            raise OSError(28, "short write", str(self.path))
        if self.mode == "fsync":
            begin_writeback(self._fd, start, length)

    def _seal(self, number: int) -> memoryview:
        """The seal of a block that is full; the next one begins."""
        self._chain = self._digest.digest()
        self._digest = begin_block(self._chain)
        seal = seal_of(self.header.first_seq + number * BLOCK_RECORDS, self.epoch, self._chain)
        fill_checksum(seal)
        return memoryview(seal)

    def _write_timing(self, timing: np.ndarray) -> None:
        rows = memoryview(np.ascontiguousarray(timing)).cast("B")
        try:
            os.pwrite(self._timing_fd, rows, self._count * TIMING_SIZE)
        except OSError as error:  # nothing rests on these; the journal goes on without them
            if not self._timing_lost:
                log.warning("journal: timing of %s not kept: %s", self.path.name, error)
            self._timing_lost = True

    def _write_ahead(self) -> None:
        if self.mode == "fsync" and self._spare is None and self._count * 2 > self.header.records:
            old = self._written.popleft() if len(self._written) > KEPT_IN_MEMORY else None
            self._spare = _Spare(self.folder / _SPARE, self.header.size, old)

    def sync(self) -> int:
        """Make everything appended as durable as the mode says; returns the sequence up to which it is.

        Raises JournalError when the sync fails; never tried again.
        """
        self._check_usable()
        if self._durable == self.last:
            return self.last
        try:
            if self.mode == "fsync":
                os.fdatasync(self._fd)
            os.pwrite(self._fd, encode_mark(self.last), MARK_OFFSET)
        except OSError as error:
            raise self._fail(f"sync up to sequence {self.last}", error) from error
        self._durable = self.last
        return self.last

    def _check_usable(self) -> None:
        if self._failed:
            raise JournalError(f"{self._failed} before; a failed journal takes nothing more")

    def _fail(self, what: str, error: OSError) -> JournalError:
        where = self.path.name if self._fd >= 0 else str(self.folder)
        self._failed = f"{where}: {what} failed: {error.strerror or error}"
        return JournalError(self._failed)

    def close(self) -> None:
        """Sync (unless it failed) and close."""
        if not self._failed:
            self.sync()
        if self._spare is not None:
            self._spare.abandon()
        for fd in (self._fd, self._timing_fd):
            if fd >= 0:
                os.close(fd)
        self._fd = self._timing_fd = -1
