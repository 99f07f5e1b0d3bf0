"""Atomics and checksums do what they say."""

import multiprocessing

import numpy as np

from ringbuf.atomics import (
    cas,
    exchange_u32,
    fetch_add,
    fetch_add_u32,
    load,
    load_u8,
    load_u32,
    store,
    store_u8,
    store_u32,
)
from ringbuf.checksum import HAS_HARDWARE, crc32c, crc32c_record, crc32c_record_table
from ringbuf.jit import kernel
from ringbuf.shm import Segment


def crc32c_plain(data: bytes) -> int:
    """CRC-32C bit by bit, from its definition."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


@kernel
def swap(address, expected, desired):
    return cas(address, expected, desired)


@kernel
def narrow_round_trip(address, value):
    store(address, -1)
    store_u32(address, value)
    store_u8(address + 7, value)
    return load_u32(address), load_u8(address + 7), load(address), fetch_add_u32(address, 2), exchange_u32(address, 5)


@kernel
def add_often(address, times):
    for _ in range(times):
        fetch_add(address, 1)


@kernel
def checksums(address):
    return crc32c_record(address), crc32c_record_table(address), crc32c(address, 124)


@kernel
def checksum_of(address, size):
    return crc32c(address, size)


def test_compare_exchange_swaps_only_what_was_expected():
    word = np.array([5], dtype=np.int64)
    assert swap(word.ctypes.data, 4, 9) == 5
    assert word[0] == 5
    assert swap(word.ctypes.data, 5, 9) == 5
    assert word[0] == 9


def test_narrow_stores_leave_their_neighbours_alone():
    word = np.zeros(1, dtype=np.int64)
    as_u32, as_u8, whole, before, swapped = narrow_round_trip(word.ctypes.data, 0x1_8765_43AB)
    assert as_u32 == 0x8765_43AB
    assert as_u8 == 0xAB
    assert whole & 0xFFFF_FFFF_FFFF_FFFF == 0xABFF_FFFF_8765_43AB
    assert (before, swapped) == (0x8765_43AB, 0x8765_43AD)
    assert int(word[0]) & 0xFFFF_FFFF == 5


def test_additions_of_two_processes_are_all_counted(segment_name):
    segment = Segment.create(segment_name, 4096)
    add_often(segment.address, 0)
    context = multiprocessing.get_context("fork")
    others = [context.Process(target=add_often, args=(segment.address, 100_000)) for _ in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert segment.buffer[:8].view(np.int64)[0] == 200_000


def test_checksum_has_the_published_check_value():
    text = np.frombuffer(b"123456789", dtype=np.uint8).copy()
    assert checksum_of(text.ctypes.data, 9) == 0xE3069283 == crc32c_plain(b"123456789")


def test_hardware_and_table_checksums_agree_with_the_definition():
    generator = np.random.default_rng(7)
    records = [np.zeros(16, np.uint64), np.full(16, 2**64 - 1, np.uint64)]
    records += [generator.integers(0, 2**64, 16, dtype=np.uint64) for _ in range(50)]
    for record in records:
        expected = crc32c_plain(record.tobytes()[:124])
        assert checksums(record.ctypes.data) == (expected, expected, expected), f"hardware: {HAS_HARDWARE}"


def test_checksum_of_any_length_agrees_with_the_definition():
    data = np.random.default_rng(8).integers(0, 256, 64, dtype=np.uint8)
    for size in range(40):
        assert checksum_of(data.ctypes.data, size) == crc32c_plain(data.tobytes()[:size])
