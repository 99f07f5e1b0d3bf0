"""CRC-32C (Castagnoli) of records, for compiled code: one instruction per 8 bytes on x86-64, tables elsewhere.

Both forms give the same numbers. Preconditions: addresses are valid for the bytes named; the caller keeps them alive.
"""

# isort: off
from ringbuf.jit import inline

import os
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from ringbuf.atomics import load, load_u32, load_u8
from ringbuf.records import CRC_OFFSET
# isort: on

_MASK = 0xFFFFFFFF
_POLYNOMIAL = 0x82F63B78  # Castagnoli, bits reversed
# A processor named by hand may lack what the host has.
HAS_HARDWARE = "NUMBA_CPU_NAME" not in os.environ and bool(llvm.get_host_cpu_features().get("sse4.2", False))


def _tables() -> np.ndarray:
    """Slice-by-8 tables: row k is the checksum of a byte followed by k zero bytes."""
    tables = np.zeros((8, 256), dtype=np.int64)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        tables[0, byte] = value
    for row in range(1, 8):
        tables[row] = tables[row - 1] >> 8 ^ tables[0, tables[row - 1] & 0xFF]
    return tables


_TABLES = _tables()


def _hardware(name: str, bits: int) -> Any:
    """The sse4.2 instruction over `bits` of data as an intrinsic (crc, data) -> crc, all i64."""
    wide = ir.IntType(64)
    register = wide if bits == 64 else ir.IntType(32)
    data_type = ir.IntType(bits)

    @intrinsic
    def step(context: Any, crc: Any, data: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kind = ir.FunctionType(register, [register, data_type])
            function = builder.module.declare_intrinsic(name, [], kind)
            crc_value, data_value = values
            if bits != 64:
                crc_value = builder.trunc(crc_value, register)
                data_value = builder.trunc(data_value, data_type)
            out = builder.call(function, [crc_value, data_value])
            return out if bits == 64 else builder.zext(out, wide)

        return types.int64(types.int64, types.int64), codegen

    return step


_hw_64 = _hardware("llvm.x86.sse42.crc32.64.64", 64)
_hw_32 = _hardware("llvm.x86.sse42.crc32.32.32", 32)
_hw_8 = _hardware("llvm.x86.sse42.crc32.32.8", 8)


@inline
def table_step_8(crc, byte):  # type: ignore[no-untyped-def]
    """One byte (0..255) more, by table."""
    return (crc >> 8) ^ _TABLES[0, (crc ^ byte) & 0xFF]


@inline
def table_step_32(crc, word):  # type: ignore[no-untyped-def]
    """Four bytes more (the low half of an i64, little-endian), by tables."""
    x = (crc ^ word) & _MASK
    return _TABLES[3, x & 0xFF] ^ _TABLES[2, x >> 8 & 0xFF] ^ _TABLES[1, x >> 16 & 0xFF] ^ _TABLES[0, x >> 24]


@inline
def table_step_64(crc, word):  # type: ignore[no-untyped-def]
    """Eight bytes more (an i64, little-endian), by tables."""
    low = (crc ^ word) & _MASK
    high = word >> 32 & _MASK
    return (
        _TABLES[7, low & 0xFF]
        ^ _TABLES[6, low >> 8 & 0xFF]
        ^ _TABLES[5, low >> 16 & 0xFF]
        ^ _TABLES[4, low >> 24]
        ^ _TABLES[3, high & 0xFF]
        ^ _TABLES[2, high >> 8 & 0xFF]
        ^ _TABLES[1, high >> 16 & 0xFF]
        ^ _TABLES[0, high >> 24]
    )


# step(crc, data) -> crc, without the inversions: start with CRC_START, end with `^ CRC_START`.
CRC_START = _MASK
crc_step_64 = _hw_64 if HAS_HARDWARE else table_step_64
crc_step_32 = _hw_32 if HAS_HARDWARE else table_step_32
crc_step_8 = _hw_8 if HAS_HARDWARE else table_step_8


@inline
def crc32c_record(address):  # type: ignore[no-untyped-def]
    """CRC-32C of the 124 bytes before a record's checksum, 0..2**32-1. Address 8-aligned."""
    crc = CRC_START
    for at in range(0, CRC_OFFSET - 4, 8):
        crc = crc_step_64(crc, load(address + at))
    return crc_step_32(crc, load_u32(address + CRC_OFFSET - 4)) ^ CRC_START


@inline
def crc32c_record_table(address):  # type: ignore[no-untyped-def]
    """The same as `crc32c_record` by tables, whatever the machine."""
    crc = CRC_START
    for at in range(0, CRC_OFFSET - 4, 8):
        crc = table_step_64(crc, load(address + at))
    return table_step_32(crc, load_u32(address + CRC_OFFSET - 4)) ^ CRC_START


@inline
def crc32c(address, size):  # type: ignore[no-untyped-def]
    """CRC-32C of `size` bytes at any address, 0..2**32-1."""
    crc = CRC_START
    at = address
    end = address + size
    while at + 8 <= end:
        crc = crc_step_64(crc, load(at))
        at += 8
    while at < end:
        crc = crc_step_8(crc, load_u8(at))
        at += 1
    return crc ^ CRC_START
