"""Cutting the tail of a journal at its last whole command. Nothing is deleted: what is cut is kept beside it."""

import logging
import os
import time
from pathlib import Path

from consumers.journal.checks import fill_checksum
from consumers.journal.format import (
    BLOCK_BYTES,
    BLOCK_RECORDS,
    BLOCK_SIZE,
    MARK_OFFSET,
    PAGE_SIZE,
    JournalCorrupt,
    encode_mark,
    list_segments,
    next_chain,
    record_offset,
    seal_of,
)
from consumers.journal.tail import Tail, read_segment, scan

log = logging.getLogger(__name__)

_PIECE = 1 << 20


def recover(folder: Path) -> Tail | None:
    """Bring the tail in order, for the one who will write on: cut unfinished records, write missing seals.

    Returns the tail to continue from, None where there is no journal. Raises JournalCorrupt for damage before it.
    """
    while True:
        segments = list_segments(folder)
        if not segments:
            return None
        tail = scan(segments[-1])
        if len(segments) > 1:
            _check_predecessor(segments[-2], tail)
        if tail.whole or tail.header.first_seq == 1 or (not tail.good and _ends_whole(segments[-2])):
            break
        # the last whole command ended in the segment before: this one holds only a part of the next
        aside = tail.path.with_suffix(f".cut-{time.time_ns()}")
        tail.path.rename(aside)
        log.warning("journal: %s holds no whole command, kept as %s", tail.path.name, aside.name)
    is_torn = tail.good > tail.whole or bool(tail.reason)
    if is_torn:
        cut(tail)
    _seal(tail)
    return scan(tail.path) if is_torn or tail.unsealed else tail


def secure(tail: Tail) -> None:
    """Make what was found as durable as it will be called: who wrote it may have died before its sync, or of it.

    After a sync that failed the next one may pass over the same bytes, so what the mark does not cover is written
    again: it was read and checked, whether it came from the cache or from the disk. Raises OSError.
    """
    begin = max(tail.mark - tail.header.first_seq + 1, 0) // BLOCK_RECORDS * BLOCK_SIZE + PAGE_SIZE
    end = record_offset(tail.whole)
    fd = os.open(tail.path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for at in range(begin, end, _PIECE):
            piece = os.pread(fd, min(_PIECE, end - at), at)
            if os.pwrite(fd, piece, at) != len(piece):
                raise OSError(28, "short write", str(tail.path))
        os.fdatasync(fd)
    finally:
        os.close(fd)
    sync_folder(tail.path.parent)  # its name, too
    sync_folder(tail.path.parent.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _check_predecessor(before: Path, tail: Tail) -> None:
    header, _, _, _ = read_segment(before, trusting=True)
    end = header.first_seq + header.records
    if end != tail.header.first_seq:
        raise JournalCorrupt(
            f"{tail.path.name}: field first_seq is {tail.header.first_seq}, {before.name} ends before {end}"
        )


def _ends_whole(path: Path) -> bool:
    tail = scan(path)
    return tail.whole == tail.header.records


def cut(tail: Tail) -> None:
    """Zero everything after the last whole command, having kept its bytes in a file beside the segment."""
    start = record_offset(tail.whole)
    with tail.path.open("r+b") as file:
        file.seek(start)
        rest = file.read()
        written = len(rest.rstrip(b"\0"))
        kept = tail.path.with_suffix(f".cut-{time.time_ns()}")
        kept.write_bytes(rest[:written])
        file.seek(start)
        file.write(bytes(written))
        file.truncate(tail.header.size)
        if tail.mark > tail.last:
            log.error("journal: sequences %d to %d were durable and can't be read back", tail.last + 1, tail.mark)
        file.seek(MARK_OFFSET)
        file.write(encode_mark(min(tail.mark, tail.last)))
        file.flush()
        os.fdatasync(file.fileno())
    log.warning(
        "journal: %s cut after sequence %d (%d records of an unfinished command; %s), %d bytes kept in %s",
        tail.path.name,
        tail.last,
        tail.good - tail.whole,
        tail.reason or "no damage",
        written,
        kept.name,
    )


def _seal(tail: Tail) -> None:
    """Write the seals that full blocks within the whole commands lack."""
    if not tail.unsealed:
        return
    header, _, _, blocks = read_segment(tail.path)
    chain = header.hash
    with tail.path.open("r+b") as file:
        for number in range(tail.whole // BLOCK_RECORDS):
            chain = next_chain(chain, memoryview(blocks[number]))
            if number not in tail.unsealed:
                continue
            seal = seal_of(header.first_seq + number * BLOCK_RECORDS, header.epoch, chain)
            fill_checksum(seal)
            file.seek(PAGE_SIZE + number * BLOCK_SIZE + BLOCK_BYTES)
            file.write(seal)
            log.warning("journal: %s block %d sealed anew", tail.path.name, number)
        file.flush()
        os.fdatasync(file.fileno())
