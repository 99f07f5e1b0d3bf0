"""Frames of a NASDAQ TotalView-ITCH 5.0 file: its messages' layout, and a stream of those that are asked for.

A file is a run of frames, each two bytes of length (big-endian) and a message; a frame of length 0 ends it. A day of
the whole market has hundreds of millions: a kernel walks the frames and decodes those of wanted types and stocks
into rows of integers, the rest is only counted. The kernel uses nothing of other modules, so numba's own look at
this file is enough to notice an edit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from config.errors import ConfigError
from ops.convert.packed import DAMAGED, open_binary
from ringbuf.jit import kernel

# Fields of a decoded row. `at` is the frame's offset in the (unpacked) file, `stock` eight characters as a number,
# `other` what only one type has: see _FIELDS. What a type doesn't have is 0.
COLUMNS = ("at", "kind", "locate", "ts_ns", "ref", "side", "shares", "price", "stock", "other")

# Every type of the specification: length of the message, its type byte included.
LENGTHS = {
    "S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21,
    "A": 36, "F": 40, "E": 31, "C": 36, "X": 23, "D": 19, "U": 35,
    "P": 44, "Q": 40, "B": 19, "I": 50, "N": 20, "O": 48,
}  # fmt: skip

# (offset, bytes) of the columns from `ref` on. Bytes 1-2 of each message are the stock's locate code, 5-10 the time.
_FIELDS: dict[str, dict[str, tuple[int, int]]] = {
    "S": {"other": (11, 1)},  # event code
    "R": {"stock": (11, 8)},
    "H": {"stock": (11, 8), "other": (19, 1)},  # trading state
    "h": {"stock": (11, 8), "other": (19, 2)},  # market, action
    "A": {"ref": (11, 8), "side": (19, 1), "shares": (20, 4), "stock": (24, 8), "price": (32, 4)},
    "F": {"ref": (11, 8), "side": (19, 1), "shares": (20, 4), "stock": (24, 8), "price": (32, 4)},
    "E": {"ref": (11, 8), "shares": (19, 4)},
    "C": {"ref": (11, 8), "shares": (19, 4), "other": (31, 1), "price": (32, 4)},  # printable
    "X": {"ref": (11, 8), "shares": (19, 4)},
    "D": {"ref": (11, 8)},
    "U": {"ref": (11, 8), "other": (19, 8), "shares": (27, 4), "price": (31, 4)},  # the new reference
    "P": {"side": (19, 1), "shares": (20, 4), "stock": (24, 8), "price": (32, 4)},
    "Q": {"shares": (11, 8), "stock": (19, 8), "price": (27, 4), "other": (39, 1)},  # cross type
    "B": {},
}

CHUNK_BYTES = 1 << 22
_ROWS_MAX = 1 << 13
_HEADER_BYTES = 11  # of every message: type, locate, tracking number, time
_WALKED, _ENDED, _WRONG = 0, 1, 2

_LENGTH_OF = np.zeros(256, np.int64)
_OFFSET_OF = np.zeros((256, len(COLUMNS)), np.int64)
_BYTES_OF = np.zeros((256, len(COLUMNS)), np.int64)
for _kind, _length in LENGTHS.items():
    _LENGTH_OF[ord(_kind)] = _length
for _kind, _fields in _FIELDS.items():
    for _name, (_offset, _bytes) in _fields.items():
        assert _HEADER_BYTES <= _offset <= LENGTHS[_kind] - _bytes
        _OFFSET_OF[ord(_kind), COLUMNS.index(_name)] = _offset
        _BYTES_OF[ord(_kind), COLUMNS.index(_name)] = _bytes


@kernel
def _walk(data, at, end, length_of, offset_of, bytes_of, wanted, unwanted_locate, counts, rows, start):  # type: ignore[no-untyped-def]
    """Walk the whole frames in data[at:end], data[0] being the file's byte `start`.

    Returns (where it stopped, rows filled, why it stopped).
    """
    found = 0
    while at + 2 <= end and found < rows.shape[0]:
        length = np.int64(data[at]) << 8 | np.int64(data[at + 1])
        if length == 0:
            return at, found, _ENDED
        message = at + 2
        if message + length > end:
            break
        kind = np.int64(data[message])
        if length_of[kind] != length and length_of[kind] != 0:
            return at, found, _WRONG
        counts[kind] += 1
        if wanted[kind]:
            locate = np.int64(data[message + 1]) << 8 | np.int64(data[message + 2])
            if not unwanted_locate[locate]:
                row = rows[found]
                found += 1
                row[0] = start + at
                row[1] = kind
                row[2] = locate
                ts_ns = np.int64(0)
                for i in range(message + 5, message + 11):
                    ts_ns = ts_ns << 8 | np.int64(data[i])
                row[3] = ts_ns
                for column in range(4, rows.shape[1]):
                    value = np.int64(0)
                    first = message + offset_of[kind, column]
                    for i in range(first, first + bytes_of[kind, column]):
                        value = value << 8 | np.int64(data[i])
                    row[column] = value
        at = message + length
    return at, found, _WALKED


@dataclass
class Frames:
    """One file. `unwanted_locate` may be changed while reading: it holds from the next chunk on."""

    path: Path
    chunk_bytes: int = CHUNK_BYTES  # read at once; at least the longest frame, 65 537

    def __post_init__(self) -> None:
        self.counts = np.zeros(256, np.int64)  # of whole frames so far, by type byte
        self.unwanted_locate = np.zeros(1 << 16, np.bool_)

    def rows(self) -> Iterator[Iterable[tuple[int, ...]]]:
        """Messages of the types that carry orders, in order: COLUMNS of each.

        Raises ConfigError naming file, offset and what was expected there.
        """
        wanted = np.zeros(256, np.bool_)
        wanted[[ord(kind) for kind in _FIELDS]] = True
        buffer = bytearray(self.chunk_bytes)
        data = np.frombuffer(buffer, np.uint8)
        rows = np.zeros((_ROWS_MAX, len(COLUMNS)), np.int64)
        start, end = 0, 0  # file offset of buffer[0]; how much of the buffer is filled
        with open_binary(self.path) as stream:
            while count := self._read(stream, memoryview(buffer)[end:], start + end):
                end += count
                at, found = 0, _ROWS_MAX
                while found == _ROWS_MAX:
                    at, found, why = _walk(
                        data, at, end, _LENGTH_OF, _OFFSET_OF, _BYTES_OF, wanted, self.unwanted_locate, self.counts,
                        rows, start,
                    )  # fmt: skip
                    yield zip(*rows[:found].T.tolist())
                    if why == _WRONG:
                        raise self._wrong_length(start + at, buffer[at : at + 3])
                    if why == _ENDED:
                        return
                buffer[: end - at] = buffer[at:end]
                start, end = start + at, end - at
        if end:
            raise self._cut_short(start, buffer[:end])

    def _read(self, stream: IO[bytes], room: memoryview, offset: int) -> int:
        try:
            return stream.readinto(room)  # type: ignore[attr-defined]
        except DAMAGED as error:
            raise ConfigError(
                f"{self.path} offset {offset} (unpacked)", f"expected a readable file to its end ({error})"
            ) from error

    def _wrong_length(self, offset: int, frame: bytearray) -> ConfigError:
        kind, length = chr(frame[2]), frame[0] << 8 | frame[1]
        return ConfigError(
            f"{self.path} offset {offset}", f"expected {LENGTHS[kind]} bytes for message {kind}, got {length}"
        )

    def _cut_short(self, offset: int, rest: bytearray) -> ConfigError:
        if len(rest) < 2:
            return ConfigError(f"{self.path} offset {offset}", "expected 2 bytes of length, the file ends after 1")
        length = rest[0] << 8 | rest[1]
        return ConfigError(
            f"{self.path} offset {offset}", f"expected a message of {length} bytes, the file ends after {len(rest) - 2}"
        )
