"""The kernel's clock, sleep, yield and futex, called from compiled code without the interpreter.

All are cacheable and release nothing by themselves: compile callers with `nogil` (ringbuf.jit does).
Signals interrupt `sleep_ns` and `futex_wait`; they return early then, so that Python handlers run.
"""

# isort: off
import ringbuf.jit  # noqa: F401  (names the cache folder before numba is imported)

import platform
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
# isort: on

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)
_TIMESPEC = ir.ArrayType(_I64, 2)
_FUTEX_CALL = 202 if platform.machine() in ("x86_64", "AMD64") else 98  # 98: what all newer machines share
_FUTEX_WAIT = 0  # shared, not PRIVATE: the word lies in memory of several processes
_FUTEX_WAKE = 1
REALTIME = 0
MONOTONIC = 1


def _call(builder: Any, name: str, result: Any, kinds: list[Any], arguments: list[Any]) -> Any:
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, kinds), name)
    return builder.call(function, arguments)


def _timespec(builder: Any, nanoseconds: Any) -> Any:
    """A timespec on the stack as i64 address."""
    spec = cgutils.alloca_once(builder, _TIMESPEC)
    billion = _I64(1_000_000_000)
    builder.store(builder.sdiv(nanoseconds, billion), cgutils.gep_inbounds(builder, spec, 0, 0))
    builder.store(builder.srem(nanoseconds, billion), cgutils.gep_inbounds(builder, spec, 0, 1))
    return builder.ptrtoint(spec, _I64)


def _syscall(builder: Any, arguments: list[Any]) -> Any:
    return _call(builder, "syscall", _I64, [_I64] * 7, arguments)


@intrinsic
def clock_ns(context: Any, clock: Any) -> Any:
    """Nanoseconds of a clock: REALTIME (wall, since 1970) or MONOTONIC. About 28 ns a call."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        spec = cgutils.alloca_once(builder, _TIMESPEC)
        address = builder.ptrtoint(spec, _I64)
        _call(builder, "clock_gettime", _I32, [_I32, _I64], [builder.trunc(values[0], _I32), address])
        seconds = builder.load(cgutils.gep_inbounds(builder, spec, 0, 0))
        rest = builder.load(cgutils.gep_inbounds(builder, spec, 0, 1))
        return builder.add(builder.mul(seconds, _I64(1_000_000_000)), rest)

    return types.int64(types.int64), codegen


@intrinsic
def sleep_ns(context: Any, nanoseconds: Any) -> Any:
    """Sleep that long (>= 0), or until a signal comes: 0 = slept through, -1 = interrupted."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        spec = _timespec(builder, values[0])
        return builder.sext(_call(builder, "nanosleep", _I32, [_I64, _I64], [spec, _I64(0)]), _I64)

    return types.int64(types.int64), codegen


@intrinsic
def yield_cpu(context: Any) -> Any:
    """Let another process of this core run (sched_yield)."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.sext(_call(builder, "sched_yield", _I32, [], []), _I64)

    return types.int64(), codegen


@intrinsic
def futex_wait(context: Any, address: Any, expected: Any, timeout_ns: Any) -> Any:
    """Sleep while the u32 at a 4-aligned address equals `expected`: until a wake, the time-out or a signal.

    Returns 0 when woken, -1 otherwise (other value, time-out, signal). May wake without cause: check again.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address, expected, timeout = values
        spec = _timespec(builder, timeout)
        zero = _I64(0)
        return _syscall(builder, [_I64(_FUTEX_CALL), address, _I64(_FUTEX_WAIT), expected, spec, zero, zero])

    return types.int64(types.int64, types.int64, types.int64), codegen


@intrinsic
def futex_wake(context: Any, address: Any, count: Any) -> Any:
    """Wake up to `count` sleepers on the u32 at this address; returns how many."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        zero = _I64(0)
        call = [_I64(_FUTEX_CALL), values[0], _I64(_FUTEX_WAKE), values[1], zero, zero, zero]
        return _syscall(builder, call)

    return types.int64(types.int64, types.int64), codegen
