"""The journal's files: who stands where. Nothing else in the project knows an offset of theirs.

A journal is the folder ``DATA/journal``. Its segments are named by the sequence of their first record::

    journal/00000000000000000001.journal      header page, then blocks
    journal/00000000000000000001.timing       16 bytes a record: ingress_ns, match_ns (informational)
    journal/00000000000000523265.listed       every listing before that segment (see listings.py)
    journal/archive/NAME.zst                  a segment (or its timing) that was moved away, compressed (see packed.py)
    journal/begins                            where the history begins, if what was before it was removed (prune.py)

    offset 0        4096                 4096 + 65536                            4096 + blocks * 65536
    ┌───────────────┬────────────────────┬────────────────────┬─ ─ ─ ┬────────────────────┐
    │ header page   │ block 0            │ block 1            │      │ block n-1          │
    └───────────────┴────────────────────┴────────────────────┴─ ─ ─ ┴────────────────────┘
                    ┌─────────┬─────────┬─ ─ ─┬───────────┬──────────┐
       a block:     │record 0 │record 1 │     │record 510 │ seal     │   512 x 128 bytes = 64 KiB
                    └─────────┴─────────┴─ ─ ─┴───────────┴──────────┘

Header: magic, layout version, schema hash, epoch, first sequence, blocks, chain hash before this segment, and a
SHA-256 over all that. At offset 2048 of the header page, outside the hash, the *mark*: the highest sequence known to
be durable, and its complement. It is written after the fact, so it is a lower bound: what is wrong at or below it,
with good records behind, is corruption; what is wrong above it is an unfinished write.

Seal: magic, first sequence of the block, epoch, and the chain:
``chain = BLAKE3(chain before ‖ the block's 511 records)``; the first block of a segment starts from the SHA-256 in
its header. So a changed, removed or moved record anywhere breaks every seal after it. A block is sealed when it is
full; the records of the last one are guarded by their own CRC-32C and the continuity of their sequences.

What is not yet written reads as zeros (files are allocated or written ahead).
"""

import hashlib
import json
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from blake3 import blake3

from ringbuf.records import RECORD_SIZE, SCHEMA_HASH

MAGIC = b"mljournl"
SEAL_MAGIC = b"mlseal\0\0"
VERSION = 2
PAGE_SIZE = 4096
MARK_OFFSET = 2048
MARK = struct.Struct("<qq")  # highest durable sequence, its complement
BLOCK_SIZE = 65536
BLOCK_RECORDS = BLOCK_SIZE // RECORD_SIZE - 1
BLOCK_BYTES = BLOCK_RECORDS * RECORD_SIZE  # the records of a block, without its seal
CHAIN_SIZE = 32
TIMING_SIZE = 16
DEFAULT_BLOCKS = 1024  # 64 MiB, 523 264 records

HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<i8"),
        ("schema", "<i8"),
        ("epoch", "<i8"),
        ("first_seq", "<i8"),
        ("blocks", "<i8"),
        ("chain", "V32"),  # chain hash of the segment before; zeros in the first
        ("hash", "V32"),  # SHA-256 of everything above
    ]
)
SEAL = np.dtype(
    [
        ("magic", "V8"),
        ("first_seq", "<i8"),
        ("epoch", "<i8"),
        ("chain", "V32"),
        ("spare", "V68"),
        ("crc", "<u4"),  # CRC-32C, as of a record
    ]
)


def _struct_of(dtype: np.dtype) -> struct.Struct:
    """The same layout for one record at a time, which an array's fields take longer for."""
    codes = {"i8": "q", "u4": "I"}
    kinds = (dtype[name] for name in dtype.names or ())
    return struct.Struct("<" + "".join(codes.get(kind.str[1:], f"{kind.itemsize}s") for kind in kinds))


_HEADER, _SEAL = _struct_of(HEADER), _struct_of(SEAL)
assert SEAL.itemsize == RECORD_SIZE == _SEAL.size
assert HEADER.itemsize == _HEADER.size
assert HEADER.itemsize == 8 * 6 + 2 * CHAIN_SIZE
assert (BLOCK_RECORDS + 1) * RECORD_SIZE == BLOCK_SIZE
assert BLOCK_RECORDS == 511

FIRST_CHAIN = bytes(CHAIN_SIZE)
_SEGMENT, _PACKED = re.compile(r"\d+\.journal"), re.compile(r"\d+\.journal\.zst")


class JournalError(Exception):
    """The journal cannot be written or read as it should; the message names segment, place and reason."""


class JournalCorrupt(JournalError):
    """Something before the tail is not what was written."""


class JournalRemoved(JournalError):
    """What was asked for was written once and is no longer here: the history begins later."""


@dataclass(frozen=True)
class SegmentHeader:
    """What a segment says of itself. ``hash`` is where its own chain starts."""

    epoch: int
    first_seq: int
    blocks: int
    chain: bytes
    hash: bytes = b""

    @property
    def records(self) -> int:
        """How many records fit."""
        return self.blocks * BLOCK_RECORDS

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return PAGE_SIZE + self.blocks * BLOCK_SIZE

    def encode(self) -> bytes:
        """The header page, with its hash."""
        fields = (MAGIC, VERSION, SCHEMA_HASH, self.epoch, self.first_seq, self.blocks, self.chain, b"")
        body = _HEADER.pack(*fields)[:-CHAIN_SIZE]
        return (body + hashlib.sha256(body).digest()).ljust(PAGE_SIZE, b"\0")

    @staticmethod
    def decode(page: bytes, name: str) -> "SegmentHeader":
        """Read a header page; JournalCorrupt or JournalError naming the field that is wrong."""
        if len(page) < HEADER.itemsize:
            raise JournalCorrupt(f"{name}: header is {len(page)} bytes, expected {PAGE_SIZE}")
        body = page[: HEADER.itemsize - CHAIN_SIZE]
        magic, version, schema, epoch, first_seq, blocks, chain, digest = _HEADER.unpack_from(page)
        if magic != MAGIC:
            raise JournalCorrupt(f"{name}: field magic is {magic!r}, expected {MAGIC!r}")
        if hashlib.sha256(body).digest() != digest:
            raise JournalCorrupt(f"{name}: field hash of the header does not fit its bytes")
        if version != VERSION:
            raise JournalError(f"{name}: field version is {version}, this program reads {VERSION}")
        if schema != SCHEMA_HASH:
            raise JournalError(f"{name}: field schema is {schema}, this program reads {SCHEMA_HASH}")
        return SegmentHeader(epoch, first_seq, blocks, chain, digest)


def encode_mark(seq: int) -> bytes:
    """The 16 bytes at MARK_OFFSET."""
    return MARK.pack(seq, ~seq)


def decode_mark(page: bytes | bytearray) -> int:
    """The mark in a header page; 0 where it is not (or half) written."""
    if len(page) < MARK_OFFSET + MARK.size:
        return 0
    seq, complement = MARK.unpack_from(page, MARK_OFFSET)
    return int(seq) if seq == ~complement else 0


def header_of(epoch: int, first_seq: int, blocks: int, chain: bytes) -> SegmentHeader:
    """A new segment's header, its hash computed."""
    draft = SegmentHeader(epoch, first_seq, blocks, chain)
    return SegmentHeader.decode(draft.encode(), segment_name(first_seq))


def seal_of(first_seq: int, epoch: int, chain: bytes) -> bytearray:
    """The 128-byte seal (SEAL) of a full block; its CRC still to be filled."""
    return bytearray(_SEAL.pack(SEAL_MAGIC, first_seq, epoch, chain, b"", 0))


def begin_block(chain: bytes) -> "blake3":
    """What hashes the records of a block that follows this chain: `.update(bytes)`, `.digest()` = the next chain.

    BLAKE3: a sixth of SHA-256's time where the processor has no instructions for that.
    """
    return blake3(chain)


def next_chain(chain: bytes, block: memoryview | bytes | bytearray) -> bytes:
    """The chain after a block, of whose 64 KiB only the records count."""
    digest = begin_block(chain)
    digest.update(memoryview(block)[:BLOCK_BYTES])
    return digest.digest()


def segment_name(first_seq: int) -> str:
    """File name of the segment that begins with this sequence."""
    return f"{first_seq:020d}.journal"


def timing_name(first_seq: int) -> str:
    """File name of the segment's timing side file."""
    return f"{first_seq:020d}.timing"


def archive_folder(folder: Path) -> Path:
    """Where a journal's archived segments lie: a folder, or a link to one."""
    return folder / "archive"


def first_seq_of(path: Path) -> int:
    """Sequence of a segment's first record, by its name, archived or not."""
    return int(path.name.partition(".")[0])


def journal_folder(data: Path) -> Path:
    """Where the journal of a data directory lies."""
    return Path(data) / "journal"


def record_offset(index: int) -> int:
    """Byte offset in the segment of its record number ``index`` (from 0)."""
    return PAGE_SIZE + index // BLOCK_RECORDS * BLOCK_SIZE + index % BLOCK_RECORDS * RECORD_SIZE


def list_segments(folder: Path) -> list[Path]:
    """The segments in order of their first sequence, without those in the archive."""
    return [folder / name for name in sorted(_names(folder)) if _SEGMENT.fullmatch(name)]


def _names(folder: Path) -> list[str]:
    """What stands in a folder; nothing where there is none."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_history(folder: Path) -> list[Path]:
    """All segments in order, those in the archive too; one that is in both places stands here once, as it is."""
    plain = {first_seq_of(path): path for path in list_segments(folder)}  # first: what is moved meanwhile is in both
    archive = archive_folder(folder)
    packed = {first_seq_of(Path(name)): archive / name for name in _names(archive) if _PACKED.fullmatch(name)}
    both = packed | plain
    return [both[first] for first in sorted(both)]


def begins_path(folder: Path) -> Path:
    """The file that says where a history begins whose first segments were removed."""
    return folder / "begins"


def read_begins(folder: Path) -> int:
    """The sequence at which the history may begin as the pruning rule says; 1 where nothing was removed.

    Raises JournalCorrupt where the file is not what was written.
    """
    path = begins_path(folder)
    try:
        return int(json.loads(path.read_text())["first_seq"])
    except FileNotFoundError:
        return 1
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise JournalCorrupt(f"{path}: expected an object with the field first_seq: {error}") from error
