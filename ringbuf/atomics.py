"""Loads, stores, fences and read-modify-writes on raw addresses, for compiled code.

UNSAFE: an address is a plain i64. Nothing checks it, nothing keeps the memory alive: the caller holds the
mapping (or the array) for as long as compiled code may touch it. Every access must be naturally aligned.
These work between processes on a shared mapping, which is what they are for.

Which one to use: who publishes data stores the data, then `store_release`s a sequence; who reads it
`load_acquire`s the sequence, then reads the data. Plain `load`/`store` are for memory with one owner, or for
data that a sequence guards. A plain load in a loop may be hoisted out of it; an atomic one is not.
"""

# isort: off
import ringbuf.jit  # noqa: F401  (names the cache folder before numba is imported)

import platform
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
# isort: on

_I8 = ir.IntType(8)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_IS_X86 = platform.machine() in ("x86_64", "AMD64")


def _pointer(builder: Any, address: Any, to: Any = _I64) -> Any:
    return builder.inttoptr(address, to.as_pointer())


def _widen(builder: Any, value: Any) -> Any:
    return builder.zext(value, _I64)


def _define(name: str, arity: int, doc: str, emit: Callable[..., Any], result: Any = types.int64) -> Any:
    """An intrinsic of `arity` i64 arguments whose body `emit(builder, *values)` builds."""

    def typer(context: Any, *arguments: Any) -> Any:
        # Narrower integers are cast by numba to the i64 of the signature.
        if not all(isinstance(argument, types.Integer) for argument in arguments):
            return None

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            out = emit(builder, *values)
            return context.get_dummy_value() if result is types.void else out

        return result(*([types.int64] * arity)), codegen

    names = ("a", "b", "c", "d")[:arity]
    scope: dict[str, Any] = {"typer": typer}
    listed = ", ".join(("context", *names))
    exec(f"def {name}({listed}):\n    return typer({listed})", scope)  # intrinsic() counts named arguments
    function = scope[name]
    function.__doc__ = doc
    function.__module__ = __name__
    return intrinsic(function)


def _emit_prefetch(write: int) -> Callable[..., Any]:
    def emit(builder: Any, address: Any) -> None:
        pointer = _pointer(builder, address, _I8)
        signature = ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [_I8.as_pointer()], signature)
        builder.call(function, [pointer, _I32(write), _I32(3), _I32(1)])

    return emit


def _emit_pause(builder: Any) -> None:
    if _IS_X86:
        function = builder.module.declare_intrinsic("llvm.x86.sse2.pause", [], ir.FunctionType(ir.VoidType(), []))
        builder.call(function, [])


def _emit_copy(builder: Any, to: Any, source: Any, size: Any) -> None:
    kinds = [_I8.as_pointer(), _I8.as_pointer(), _I64]
    signature = ir.FunctionType(ir.VoidType(), [*kinds, ir.IntType(1)])
    function = builder.module.declare_intrinsic("llvm.memcpy", kinds, signature)
    builder.call(function, [_pointer(builder, to, _I8), _pointer(builder, source, _I8), size, ir.IntType(1)(0)])


def _emit_cas(builder: Any, address: Any, expected: Any, desired: Any) -> Any:
    pair = builder.cmpxchg(_pointer(builder, address), expected, desired, "seq_cst", "seq_cst")
    return builder.extract_value(pair, 0)


load = _define(
    "load",
    1,
    "i64 at an 8-aligned address. No ordering.",
    lambda b, at: b.load(_pointer(b, at)),
)
store = _define(
    "store",
    2,
    "Write i64 (address, value) at an 8-aligned address. No ordering.",
    lambda b, at, value: b.store(value, _pointer(b, at)),
    types.void,
)
load_u32 = _define(
    "load_u32",
    1,
    "u32 at a 4-aligned address as i64 in 0..2**32-1. No ordering.",
    lambda b, at: _widen(b, b.load(_pointer(b, at, _I32))),
)
store_u32 = _define(
    "store_u32",
    2,
    "Write the low 32 bits of value (address, value) at a 4-aligned address. No ordering.",
    lambda b, at, value: b.store(b.trunc(value, _I32), _pointer(b, at, _I32)),
    types.void,
)
load_u8 = _define(
    "load_u8",
    1,
    "Byte at an address as i64 in 0..255. No ordering.",
    lambda b, at: _widen(b, b.load(_pointer(b, at, _I8))),
)
store_u8 = _define(
    "store_u8",
    2,
    "Write the low 8 bits of value (address, value). No ordering.",
    lambda b, at, value: b.store(b.trunc(value, _I8), _pointer(b, at, _I8)),
    types.void,
)
load_relaxed = _define(
    "load_relaxed",
    1,
    "Atomic i64 load without ordering: never torn, never hoisted out of a loop. 8-aligned.",
    lambda b, at: b.load_atomic(_pointer(b, at), "monotonic", 8),
)
store_relaxed = _define(
    "store_relaxed",
    2,
    "Atomic i64 store (address, value) without ordering; a fence before or after gives it one. 8-aligned.",
    lambda b, at, value: b.store_atomic(value, _pointer(b, at), "monotonic", 8),
    types.void,
)
load_acquire = _define(
    "load_acquire",
    1,
    "Atomic i64 load: nothing after it moves before it. Sees all that was written before the matching release.",
    lambda b, at: b.load_atomic(_pointer(b, at), "acquire", 8),
)
store_release = _define(
    "store_release",
    2,
    "Atomic i64 store (address, value): nothing before it moves after it.",
    lambda b, at, value: b.store_atomic(value, _pointer(b, at), "release", 8),
    types.void,
)
load_u32_acquire = _define(
    "load_u32_acquire",
    1,
    "Atomic u32 load, acquire, as i64. 4-aligned.",
    lambda b, at: _widen(b, b.load_atomic(_pointer(b, at, _I32), "acquire", 4)),
)
store_u32_release = _define(
    "store_u32_release",
    2,
    "Atomic u32 store (address, value), release. 4-aligned.",
    lambda b, at, value: b.store_atomic(b.trunc(value, _I32), _pointer(b, at, _I32), "release", 4),
    types.void,
)
exchange_u32 = _define(
    "exchange_u32",
    2,
    "Swap u32 (address, value), sequentially consistent; returns the old value.",
    lambda b, at, value: _widen(b, b.atomic_rmw("xchg", _pointer(b, at, _I32), b.trunc(value, _I32), "seq_cst")),
)
fetch_add_u32 = _define(
    "fetch_add_u32",
    2,
    "Add to u32 (address, delta), wrapping, sequentially consistent; returns the old value.",
    lambda b, at, delta: _widen(b, b.atomic_rmw("add", _pointer(b, at, _I32), b.trunc(delta, _I32), "seq_cst")),
)
fetch_add = _define(
    "fetch_add",
    2,
    "Add to i64 (address, delta), wrapping, sequentially consistent; returns the old value.",
    lambda b, at, delta: b.atomic_rmw("add", _pointer(b, at), delta, "seq_cst"),
)
cas = _define(
    "cas",
    3,
    "Compare-exchange i64 (address, expected, desired), sequentially consistent. Returns the value found: it was "
    "swapped exactly when this equals `expected`.",
    _emit_cas,
)
fence = _define(
    "fence",
    0,
    "Full fence: no load or store crosses it. The only one that keeps a load behind an earlier store.",
    lambda b: b.fence("seq_cst"),
    types.void,
)
fence_release = _define(
    "fence_release",
    0,
    "No earlier load or store moves behind a later store. After a relaxed store of a claim, before the data.",
    lambda b: b.fence("release"),
    types.void,
)
fence_acquire = _define(
    "fence_acquire",
    0,
    "No later load or store moves before an earlier load. After copying data, before checking the claim.",
    lambda b: b.fence("acquire"),
    types.void,
)
pause = _define("pause", 0, "Ease a spin loop: x86 `pause`, nothing elsewhere.", _emit_pause, types.void)
prefetch = _define("prefetch", 1, "Hint that the line at this address will be read.", _emit_prefetch(0), types.void)
prefetch_write = _define(
    "prefetch_write", 1, "Hint that the line at this address will be written.", _emit_prefetch(1), types.void
)
copy_bytes = _define(
    "copy_bytes",
    3,
    "Copy (to, source, size in bytes) between ranges that do not overlap. No ordering.",
    _emit_copy,
    types.void,
)
