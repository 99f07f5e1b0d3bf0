"""Compiled checks of journal records: checksum and continuity, and the last whole command."""

# isort: off
from ringbuf.jit import kernel

import ctypes

import numpy as np

from ringbuf.atomics import load, load_u32, load_u8, store_u32
from ringbuf.checksum import crc32c_record
from ringbuf.cuts import may_cut
from ringbuf.records import CRC_OFFSET, EVENT, RECORD_SIZE
# isort: on

_FLAGS_OFFSET = int((EVENT.fields or {})["flags"][1])
assert (EVENT.fields or {})["seq"][1] == 0


@kernel
def _good_prefix(address, count, first_seq):  # type: ignore[no-untyped-def]
    for i in range(count):
        at = address + i * RECORD_SIZE
        if load(at) != first_seq + i:
            return i
        if load_u32(at + CRC_OFFSET) != crc32c_record(at):
            return i
    return count


@kernel
def _any_good(address, count, first_seq):  # type: ignore[no-untyped-def]
    for i in range(count - 1, -1, -1):
        at = address + i * RECORD_SIZE
        if load(at) == first_seq + i and load_u32(at + CRC_OFFSET) == crc32c_record(at):
            return i
    return -1


@kernel
def _whole_commands(address, count):  # type: ignore[no-untyped-def]
    i = count
    while i > 0:
        if may_cut(load_u8(address + (i - 1) * RECORD_SIZE + _FLAGS_OFFSET)):
            return i
        i -= 1
    return 0


@kernel
def _checksum(address):  # type: ignore[no-untyped-def]
    return crc32c_record(address)


@kernel
def _fill_checksums(address, count):  # type: ignore[no-untyped-def]
    for i in range(count):
        at = address + i * RECORD_SIZE
        store_u32(at + CRC_OFFSET, crc32c_record(at))


def _address(records: np.ndarray) -> int:
    assert records.flags.c_contiguous
    assert records.dtype.itemsize == RECORD_SIZE
    return int(records.ctypes.data)


def good_prefix(records: np.ndarray, first_seq: int) -> int:
    """How many records from the start have the sequences first_seq, first_seq+1, … and fitting checksums."""
    return int(_good_prefix(_address(records), len(records), first_seq)) if len(records) else 0


def last_good(records: np.ndarray, first_seq: int) -> int:
    """Index of the last record that has its own sequence and a fitting checksum; -1 if there is none."""
    return int(_any_good(_address(records), len(records), first_seq)) if len(records) else -1


def whole_commands(records: np.ndarray) -> int:
    """How many records from the start end where a batch may end (0 if none does)."""
    return int(_whole_commands(_address(records), len(records))) if len(records) else 0


def checksum(record: np.ndarray) -> int:
    """CRC-32C of one record (shape (1,)) over the bytes before its crc field."""
    return int(_checksum(_address(record)))


def fill_checksums(records: np.ndarray) -> None:
    """Write each record's crc; for what is made outside the engine (the publisher's own records, tests, tools)."""
    if len(records):
        _fill_checksums(_address(records), len(records))


def fill_checksum(record: bytearray) -> None:
    """Write the crc of one record's bytes: a seal's, once a block, where an array would take several times as long."""
    assert len(record) == RECORD_SIZE
    _fill_checksums(ctypes.addressof(ctypes.c_char.from_buffer(record)), 1)


def what_is_wrong(record: np.ndarray, expected_seq: int) -> str:
    """The field of one record (shape (1,)) that does not fit, in words."""
    found = int(record["seq"][0])
    if found == 0 and not record.view(np.uint8).any():
        return f"field seq is empty, expected {expected_seq}"
    if found != expected_seq:
        return f"field seq is {found}, expected {expected_seq}"
    return f"field crc is {int(record['crc'][0]):#010x}, the record's bytes give {checksum(record):#010x}"
