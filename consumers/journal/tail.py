"""Where a segment ends, and whether that end is an unfinished write or damage.

What stands at the first record that is wrong decides:

| wrong record            | good records after it | it is                                                        |
|-------------------------|-----------------------|--------------------------------------------------------------|
| above the mark          | yes or no             | a write that never finished: cut at the last whole command   |
| at or below the mark    | no                    | a torn or corrupt tail: cut likewise, and said loudly        |
| at or below the mark    | yes                   | corruption before the tail: an error naming segment, offset  |
| none, but a seal at or below the mark is wrong |  | corruption before the tail                                   |
| none, a seal above the mark is wrong or missing | | a write that never finished: sealed anew                     |
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consumers.journal.checks import checksum, good_prefix, last_good, what_is_wrong, whole_commands
from consumers.journal.format import (
    BLOCK_BYTES,
    BLOCK_RECORDS,
    BLOCK_SIZE,
    PAGE_SIZE,
    SEAL,
    SEAL_MAGIC,
    JournalCorrupt,
    SegmentHeader,
    decode_mark,
    next_chain,
    record_offset,
)
from consumers.journal.packed import open_file
from ringbuf.records import EVENT, RECORD_SIZE


@dataclass(frozen=True)
class Tail:
    """A segment read from end to end.

    ``good``: records from the start that are whole; ``whole``: of those, up to the last whole command;
    ``chain``: after the last full block within ``good``; ``reason``: what is wrong with the record after ``good``,
    empty where nothing was written there; ``unsealed``: full blocks whose seal must be written again.
    """

    path: Path
    header: SegmentHeader
    mark: int
    good: int
    whole: int
    chain: bytes
    reason: str
    unsealed: tuple[int, ...]

    @property
    def last(self) -> int:
        """Sequence of the last whole command's last event; first_seq - 1 if there is none."""
        return self.header.first_seq + self.whole - 1


def read_segment(path: Path, trusting: bool = False) -> tuple[SegmentHeader, int, int, np.ndarray]:
    """(header, mark, first block read, bytes of all blocks: shape (blocks, 65536) u8).

    What a short file lacks, and what follows a block of zeros, reads as zeros. ``trusting``: the full blocks that the
    mark covers, but for the last of them, are not read (zeros).
    """
    file = open_file(path)
    try:
        page = bytearray(PAGE_SIZE)  # the mark is read first: what it covers was written before it
        page = page[: file.readinto(memoryview(page), 0)]
        header = SegmentHeader.decode(bytes(page), path.name)
        mark = decode_mark(page)
        start = max((mark - header.first_seq + 1) // BLOCK_RECORDS - 1, 0) if trusting else 0
        blocks = np.zeros((header.blocks, BLOCK_SIZE), np.uint8)
        for number in range(start, header.blocks):
            read = file.readinto(memoryview(blocks[number]), PAGE_SIZE + number * BLOCK_SIZE)
            if read < BLOCK_SIZE or not blocks[number].any():
                break
    finally:
        file.close()
    return header, mark, start, blocks


def read_header(path: Path) -> SegmentHeader:
    """A segment's header alone. Raises OSError, JournalError."""
    file = open_file(path)
    try:
        page = bytearray(PAGE_SIZE)
        page = page[: file.readinto(memoryview(page), 0)]
        return SegmentHeader.decode(bytes(page), path.name)
    finally:
        file.close()


def block_records(block: np.ndarray) -> np.ndarray:
    """The 511 records of one block's bytes, not copied."""
    return block[:BLOCK_BYTES].view(EVENT)


def seal_problem(block: np.ndarray, first_seq: int, epoch: int, chain: bytes) -> str:
    """The field of a block's seal that is not as it must be, in words; empty if all are."""
    seal = block[BLOCK_BYTES:].view(SEAL)
    row = seal[0]
    if bytes(row["magic"]) != SEAL_MAGIC:
        return "field magic of the seal is not there"
    if int(row["first_seq"]) != first_seq:
        return f"field first_seq of the seal is {int(row['first_seq'])}, expected {first_seq}"
    if int(row["epoch"]) != epoch:
        return f"field epoch of the seal is {int(row['epoch'])}, expected {epoch}"
    if int(row["crc"]) != checksum(seal):
        return "field crc of the seal does not fit its bytes"
    if bytes(row["chain"]) != chain:
        return "field chain of the seal does not fit the records before it"
    return ""


def scan(path: Path, trusting: bool = False) -> Tail:
    """Read a whole segment and classify its end by the table above. ``trusting``: only from the mark on (quick).

    Raises JournalCorrupt for damage before the tail, JournalError for a foreign header.
    """
    header, mark, start, blocks = read_segment(path, trusting)
    good = start * BLOCK_RECORDS
    chain = header.hash
    if start:  # begin with the chain as that block's own seal says it
        chain = bytes(blocks[start][BLOCK_BYTES:].view(SEAL)[0]["chain"])
        good += good_prefix(block_records(blocks[start]), header.first_seq + good)
        start += 1
        if good < start * BLOCK_RECORDS:
            return scan(path)
    unsealed: list[int] = []
    for number in range(start, header.blocks):
        first = header.first_seq + number * BLOCK_RECORDS
        count = good_prefix(block_records(blocks[number]), first)
        good += count
        if count < BLOCK_RECORDS:
            break
        chain = next_chain(chain, memoryview(blocks[number]))
        problem = seal_problem(blocks[number], first, header.epoch, chain)
        if problem and first + BLOCK_RECORDS - 1 <= mark:
            raise JournalCorrupt(f"{path.name} offset {PAGE_SIZE + number * BLOCK_SIZE + BLOCK_BYTES}: {problem}")
        if problem:
            unsealed.append(number)
    whole = _whole(blocks, good)
    if start and not whole:  # the last whole command ended in what was not read
        return scan(path)
    reason = "" if good == header.records else _after(path, header, mark, blocks, good)
    return Tail(path, header, mark, good, whole, chain, reason, tuple(unsealed))


def _after(path: Path, header: SegmentHeader, mark: int, blocks: np.ndarray, good: int) -> str:
    """What is wrong with the record after the good ones; raises if that is corruption before the tail."""
    number, at = divmod(good, BLOCK_RECORDS)
    seq = header.first_seq + good
    record = block_records(blocks[number])[at : at + 1]
    reason = what_is_wrong(record, seq)
    if seq <= mark and _good_later(header, blocks, good):
        raise JournalCorrupt(
            f"{path.name} offset {record_offset(good)} (sequence {seq}): {reason}; good records follow, "
            f"durable up to {mark}: this is damage, not a torn tail"
        )
    if record.view(np.uint8).any() or seq <= mark or _good_later(header, blocks, good):
        return f"{path.name} offset {record_offset(good)} (sequence {seq}): {reason}"
    return ""


def _good_later(header: SegmentHeader, blocks: np.ndarray, good: int) -> bool:
    number, at = divmod(good, BLOCK_RECORDS)
    for later in range(number, header.blocks):
        start = at + 1 if later == number else 0
        records = block_records(blocks[later])[start:]
        if last_good(records, header.first_seq + later * BLOCK_RECORDS + start) >= 0:
            return True
        if not blocks[later].any():
            return False
    return False


def _whole(blocks: np.ndarray, good: int) -> int:
    """Of ``good`` records, how many up to the last whole command (0: none in this segment)."""
    number, at = divmod(good, BLOCK_RECORDS)
    while number >= 0:
        if at:
            count = whole_commands(block_records(blocks[number])[:at])
            if count:
                return number * BLOCK_RECORDS + count
        number, at = number - 1, BLOCK_RECORDS
    return 0


assert BLOCK_BYTES % RECORD_SIZE == 0
