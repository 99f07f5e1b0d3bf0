"""Single words at addresses, and bits in words, for the engine's kernels; whole records: ringbuf.fields.

Nothing is bounds-checked and nothing keeps the memory alive: the caller (engine.state) owns both.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _scalar_load(numba_type: Any, bits: int, widen: bool) -> Callable[[int], int]:
    @intrinsic
    def load(typingctx, address):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
            value = builder.load(pointer)
            return builder.zext(value, ir.IntType(64)) if widen else value

        return numba_type(types.int64), codegen

    return load


def _scalar_store(bits: int) -> Callable[[int, int], None]:
    @intrinsic
    def store(typingctx, address, value):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
            word = args[1] if bits == 64 else builder.trunc(args[1], ir.IntType(bits))
            builder.store(word, pointer)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), codegen

    return store


load_i64 = _scalar_load(types.int64, 64, False)  # 8 aligned bytes
load_u32 = _scalar_load(types.int64, 32, True)  # 4 aligned bytes, zero-extended
store_i64 = _scalar_store(64)
store_u32 = _scalar_store(32)  # stores the low 32 bits


@intrinsic
def lowest_bit(typingctx, word):  # type: ignore[no-untyped-def]
    """Index of the lowest set bit of a non-zero u64 (one instruction)."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


@intrinsic
def shift_right(typingctx, word, count):  # type: ignore[no-untyped-def]
    """Logical shift right of the 64 bits of an i64; 0 <= count <= 63."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.lshr(args[0], args[1])

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def low_u32(typingctx, value):  # type: ignore[no-untyped-def]
    """The low 32 bits of an i64, as a non-negative i64."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.and_(args[0], ir.Constant(ir.IntType(64), 0xFFFFFFFF))

    return types.int64(types.int64), codegen
