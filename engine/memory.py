"""Single words at addresses, and bits in words, for the engine's kernels; whole records: ringbuf.fields.

Nothing is bounds-checked and nothing keeps the memory alive: the caller (engine.state) owns both.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LARGEST = (1 << 63) - 1  # that a word holds


@intrinsic
def load_i64(typingctx, address):  # type: ignore[no-untyped-def]
    """8 aligned bytes."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()))

    return types.int64(types.int64), codegen


@intrinsic
def store_i64(typingctx, address, value):  # type: ignore[no-untyped-def]
    """Write 8 aligned bytes."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.store(args[1], builder.inttoptr(args[0], ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


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
def swap_bytes(typingctx, word):  # type: ignore[no-untyped-def]
    """The 8 bytes of an i64 the other way round (one instruction)."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.bswap(args[0])

    return types.int64(types.int64), codegen


@intrinsic
def low_u32(typingctx, value):  # type: ignore[no-untyped-def]
    """The low 32 bits of an i64, as a non-negative i64."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.and_(args[0], ir.Constant(ir.IntType(64), 0xFFFFFFFF))

    return types.int64(types.int64), codegen
