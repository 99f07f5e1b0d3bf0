"""A file compressed so that any part of it can be read alone: zstd's seekable format (`zstd -d` unpacks it).

    ┌─────────┬─────────┬─ ─ ─┬─────────┬──────────────────────────────────────────────────────────┐
    │ frame 0 │ frame 1 │     │ frame n │ skippable frame: sizes of each frame, packed and plain   │
    └─────────┴─────────┴─ ─ ─┴─────────┴──────────────────────────────────────────────────────────┘

Of a journal segment frame 0 is the header page, each further one a block; of a timing file each is 64 KiB. Every frame
carries zstd's checksum of its content. The package `zstandard` is needed only where such a file is written or read.
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from consumers.journal.format import BLOCK_RECORDS, BLOCK_SIZE, PAGE_SIZE, JournalCorrupt, JournalError

ENDING = ".zst"
LEVEL = 3
_SKIPPABLE = struct.Struct("<II")  # magic, bytes that follow
_SKIPPABLE_MAGIC = 0x184D2A5E
_SIZES = np.dtype([("packed", "<u4"), ("plain", "<u4")])
_FOOTER = struct.Struct("<IBI")  # frames, descriptor (0: no checksums of our own), magic
_FOOTER_MAGIC = 0x8F92EAB1


def zstandard() -> Any:
    """The package; JournalError where it is not installed."""
    try:
        import zstandard as package
    except ImportError as error:
        raise JournalError("archived segments need the package zstandard: pip install 'matchline[full]'") from error
    return package


def pack_file(source: Path, target: Path, first_frame: int = BLOCK_SIZE) -> str:
    """Write `target` anew, whole and synced; the SHA-256 of what was packed. Raises OSError, JournalError."""
    compressor = zstandard().ZstdCompressor(level=LEVEL, write_checksum=True)
    digest = hashlib.sha256()
    sizes: list[tuple[int, int]] = []
    with source.open("rb") as plain, target.open("wb") as file:
        size = first_frame
        while part := plain.read(size):
            digest.update(part)
            frame = compressor.compress(part)
            file.write(frame)
            sizes.append((len(frame), len(part)))
            size = BLOCK_SIZE
        table = np.array(sizes, _SIZES).tobytes()
        file.write(_SKIPPABLE.pack(_SKIPPABLE_MAGIC, len(table) + _FOOTER.size))
        file.write(table)
        file.write(_FOOTER.pack(len(sizes), 0, _FOOTER_MAGIC))
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


class PackedFile:
    """Such a file, open for reading at any place. Keeps the last frame that it unpacked.

    Raises JournalCorrupt naming file and place where it is damaged, JournalError where zstandard is missing, OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._errors = zstandard().ZstdError
        self._unpacker = zstandard().ZstdDecompressor()
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            sizes = self._read_sizes()
        except BaseException:
            os.close(self.fd)
            raise
        self._packed_at = np.concatenate([[0], np.cumsum(sizes["packed"], dtype=np.int64)])
        self._plain_at = np.concatenate([[0], np.cumsum(sizes["plain"], dtype=np.int64)])
        self._kept = -1
        self._frame = b""

    def _read_sizes(self) -> np.ndarray:
        size = os.fstat(self.fd).st_size
        footer = os.pread(self.fd, _FOOTER.size, max(size - _FOOTER.size, 0))
        frames, _, magic = _FOOTER.unpack(footer) if len(footer) == _FOOTER.size else (0, 0, 0)
        start = size - _FOOTER.size - frames * _SIZES.itemsize
        if magic != _FOOTER_MAGIC or start < _SKIPPABLE.size:
            raise JournalCorrupt(f"{self.path.name}: field magic at its end is {magic:#x}, expected {_FOOTER_MAGIC:#x}")
        sizes = np.frombuffer(os.pread(self.fd, frames * _SIZES.itemsize, start), _SIZES)
        total = int(sizes["packed"].sum(dtype=np.int64)) + _SKIPPABLE.size
        if total != start:
            raise JournalCorrupt(f"{self.path.name}: its frames take {total} bytes, the table of them says {start}")
        return sizes

    @property
    def size(self) -> int:
        """Bytes of the plain file."""
        return int(self._plain_at[-1])

    def readinto(self, buffer: memoryview, offset: int) -> int:
        """Fill a buffer from a place of the plain file; how many bytes there were."""
        done = 0
        while done < len(buffer) and offset + done < self.size:
            number = int(np.searchsorted(self._plain_at, offset + done, "right")) - 1
            frame = self._unpack(number)
            start = offset + done - int(self._plain_at[number])
            part = frame[start : start + len(buffer) - done]
            buffer[done : done + len(part)] = part
            done += len(part)
        return done

    def _unpack(self, number: int) -> bytes:
        if number == self._kept:
            return self._frame
        at, end = int(self._packed_at[number]), int(self._packed_at[number + 1])
        plain = int(self._plain_at[number + 1] - self._plain_at[number])
        try:
            frame: bytes = self._unpacker.decompress(os.pread(self.fd, end - at, at), max_output_size=plain)
        except self._errors as error:
            raise JournalCorrupt(f"{self.path.name} {self._place(number)}: {error}") from error
        if len(frame) != plain:
            raise JournalCorrupt(f"{self.path.name} {self._place(number)}: {len(frame)} bytes, expected {plain}")
        self._kept, self._frame = number, frame
        return frame

    def _place(self, number: int) -> str:
        """A frame in words."""
        where = f"offset {int(self._packed_at[number])}"
        first, _, ending = self.path.name.partition(".")
        if ending != f"journal{ENDING}" or not first.isdigit():
            return where
        if number == 0:
            return f"{where} (header page)"
        seq = int(first) + (number - 1) * BLOCK_RECORDS
        return f"{where} (block {number - 1}, sequences {seq} to {seq + BLOCK_RECORDS - 1})"

    def damage(self) -> list[str]:
        """Every frame that can't be unpacked, in words."""
        found = []
        for number in range(len(self._plain_at) - 1):
            try:
                self._unpack(number)
            except JournalCorrupt as error:
                found.append(str(error))
        return found

    def hash(self) -> str:
        """SHA-256 of the plain file."""
        digest = hashlib.sha256()
        for number in range(len(self._plain_at) - 1):
            digest.update(self._unpack(number))
        return digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)


class PlainFile:
    """A file as it is, with the same members."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def readinto(self, buffer: memoryview, offset: int) -> int:
        """Fill a buffer from a place; how many bytes there were."""
        return os.preadv(self.fd, [buffer], offset)

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)


def open_file(path: Path) -> PackedFile | PlainFile:
    """A file of the journal, packed or plain."""
    return PackedFile(path) if path.suffix == ENDING else PlainFile(path)


def is_packed(path: Path) -> bool:
    """Whether it lies in the archive."""
    return path.suffix == ENDING


assert PAGE_SIZE < BLOCK_SIZE
