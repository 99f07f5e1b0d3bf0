"""Proving a whole journal: every checksum, sequence, seal and segment border; and comparing two of them.

Segments in the archive are proven like the others. A history whose first segments were removed is proven from its
first one on: the chain goes on from what that one's header says of those before it.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from consumers.journal.checks import good_prefix, last_good, what_is_wrong
from consumers.journal.format import (
    BLOCK_BYTES,
    BLOCK_RECORDS,
    BLOCK_SIZE,
    FIRST_CHAIN,
    PAGE_SIZE,
    JournalCorrupt,
    JournalError,
    SegmentHeader,
    archive_folder,
    journal_folder,
    list_history,
    next_chain,
    read_begins,
    record_offset,
)
from consumers.journal.packed import ENDING, PackedFile, is_packed
from consumers.journal.reader import JournalReader
from consumers.journal.tail import block_records, read_header, read_segment, scan, seal_problem
from ringbuf.records import EVENT

_STEP = 8192


@dataclass
class Verdict:
    """What ``verify`` found. ``problems`` name segment, offset, sequence and field; ``tail`` is an unfinished write.

    ``first``: above 1 where what was before it was removed by the rule. ``archived``: of ``segments``.
    """

    epoch: int = 0
    first: int = 0
    last: int = 0
    segments: int = 0
    archived: int = 0
    blocks_sealed: int = 0
    chain: str = ""
    tail: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing before the tail is wrong."""
        return not self.problems


def verify(data: Path) -> Verdict:
    """Read everything; never raises on content."""
    verdict = Verdict()
    folder = journal_folder(data)
    try:
        begins = read_begins(folder)
    except JournalCorrupt as error:
        verdict.problems.append(str(error))
        begins = 1
    before: tuple[int, bytes] | None = None  # where the segment before ended, and its chain; None: it can't be said
    paths = list_history(folder)
    for number, listed in enumerate(paths):
        path = _where(listed)
        if path is None:  # removed meanwhile: the history begins later
            continue
        try:
            header, _, _, blocks = read_segment(path)
        except JournalError as error:
            if not is_packed(path):
                verdict.problems.append(str(error))
                return verdict
            verdict.problems += _damage(path) or [str(error)]
            verdict.segments += 1
            verdict.archived += 1
            before = None
            continue
        verdict.segments += 1
        verdict.archived += is_packed(path)
        if not verdict.epoch:
            _check_begin(verdict, path, header, begins, missing=verdict.segments > 1)
        elif before is not None:
            _check_border(verdict, path, header, *before)
        if number == len(paths) - 1:
            _verify_last(verdict, path, header)
            return verdict
        chain = _verify_full(verdict, path, header, blocks)
        before = header.first_seq + header.records, chain
        verdict.last = before[0] - 1
    return verdict


def _where(path: Path) -> Path | None:
    """Where a segment is by now: it may be moved into the archive, or removed, meanwhile."""
    if path.exists():
        return path
    packed = archive_folder(path.parent) / (path.name + ENDING)
    return packed if packed.exists() else None


def _damage(path: Path) -> list[str]:
    """Every damaged place of an archived segment."""
    try:
        file = PackedFile(path)
    except JournalError as error:
        return [str(error)]
    try:
        return file.damage()
    finally:
        file.close()


def _check_begin(verdict: Verdict, path: Path, header: SegmentHeader, begins: int, missing: bool) -> None:
    """The first segment: at 1, or later where the rule has removed what was before."""
    verdict.epoch, verdict.first = header.epoch, header.first_seq
    if missing:  # those before it are there and damaged, which is said
        return
    expected = 1 if header.first_seq > begins else header.first_seq
    chain = FIRST_CHAIN if header.first_seq == 1 else header.chain
    _check_border(verdict, path, header, expected, chain)


def _check_border(verdict: Verdict, path: Path, header: SegmentHeader, expected_first: int, chain: bytes) -> None:
    if header.epoch != verdict.epoch:
        verdict.problems.append(f"{path.name}: field epoch is {header.epoch}, expected {verdict.epoch}")
    if header.first_seq != expected_first or path.name.partition(".")[0] != f"{header.first_seq:020d}":
        verdict.problems.append(f"{path.name}: field first_seq is {header.first_seq}, expected {expected_first}")
    if header.chain != chain:
        verdict.problems.append(f"{path.name}: field chain is not the one that the segment before ends with")


def segment_problems(path: Path, following: Path) -> list[str]:
    """What is wrong with a full segment and its border to the one that follows. Raises OSError, JournalError."""
    header, _, _, blocks = read_segment(path)
    verdict = Verdict(epoch=header.epoch)
    chain = _verify_full(verdict, path, header, blocks)
    _check_border(verdict, following, read_header(following), header.first_seq + header.records, chain)
    return verdict.problems


def _verify_full(verdict: Verdict, path: Path, header: SegmentHeader, blocks: np.ndarray) -> bytes:
    """Every record and seal of a segment that another follows; returns its chain as its bytes give it."""
    chain = header.hash
    broken = False
    for number in range(header.blocks):
        first = header.first_seq + number * BLOCK_RECORDS
        _report_records(verdict, path, header, block_records(blocks[number]), number)
        chain = next_chain(chain, memoryview(blocks[number]))
        problem = seal_problem(blocks[number], first, header.epoch, chain)
        if problem and not broken:  # later seals rest on this one: they say nothing new
            offset = PAGE_SIZE + number * BLOCK_SIZE + BLOCK_BYTES
            verdict.problems.append(
                f"{path.name} offset {offset} (after sequence {first + BLOCK_RECORDS - 1}): {problem}"
            )
        broken = broken or bool(problem)
        verdict.blocks_sealed += not broken
    verdict.chain = chain.hex()
    return chain


def _report_records(verdict: Verdict, path: Path, header: SegmentHeader, records: np.ndarray, number: int) -> None:
    """One problem for each wrong record of a block."""
    at = 0
    while at < len(records):
        index = number * BLOCK_RECORDS + at
        at += good_prefix(records[at:], header.first_seq + index)
        if at == len(records):
            return
        index = number * BLOCK_RECORDS + at
        seq = header.first_seq + index
        reason = what_is_wrong(records[at : at + 1], seq)
        verdict.problems.append(f"{path.name} offset {record_offset(index)} (sequence {seq}): {reason}")
        if last_good(records[at + 1 :], seq + 1) < 0:
            return
        at += 1


def _verify_last(verdict: Verdict, path: Path, header: SegmentHeader) -> None:
    try:
        tail = scan(path)
    except JournalError as error:
        verdict.problems.append(str(error))
        return
    if tail.whole or header.first_seq == verdict.first:
        verdict.last = tail.last
    verdict.blocks_sealed += tail.good // BLOCK_RECORDS - len(tail.unsealed)
    verdict.chain = tail.chain.hex()
    if tail.reason:
        verdict.tail = f"{tail.reason}; to be cut after sequence {tail.last}"
    elif tail.good > tail.whole:
        verdict.tail = (
            f"{path.name}: {tail.good - tail.whole} records of an unfinished command after sequence {tail.last}"
        )


@dataclass(frozen=True)
class Difference:
    """Where two journals part: ``seq`` 0 = they don't. ``detail`` names the field and both values.

    ``compared``: the last sequence that is the same; ``first``: the one from which on both are there.
    """

    compared: int
    seq: int
    detail: str
    first: int = 1


def diff(data: Path, other: Path) -> Difference:
    """Compare two journals record by record; the epoch is not compared. Raises JournalCorrupt on damage."""
    with JournalReader(data) as mine, JournalReader(other) as theirs:
        last = min(mine.last, theirs.last)
        seq = first = max(mine.first, theirs.first, 1)
        while seq <= last:
            ours = mine.read(seq, _STEP)
            others = theirs.read(seq, len(ours))
            n = min(len(ours), len(others))
            unequal = np.flatnonzero(ours[:n].view("V128") != others[:n].view("V128"))
            if len(unequal):
                at = int(unequal[0])
                return Difference(seq + at - 1, seq + at, _fields_apart(ours[at], others[at]), first)
            seq += n
        if mine.last != theirs.last:
            return Difference(last, last + 1, f"one ends at {mine.last}, the other at {theirs.last}", first)
        return Difference(last, 0, "", first)


def _fields_apart(ours: np.void, others: np.void) -> str:
    names = [name for name in EVENT.names or () if name != "crc" and ours[name] != others[name]]
    return ", ".join(f"field {name}: {ours[name]} here, {others[name]} there" for name in names or ["crc"])
