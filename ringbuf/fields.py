"""Raw memory as typed records, for compiled code: the one place that turns an address into fields.

`record_at(dtype)` gives `at(address)`: a Numba record whose fields are plain loads and stores at that address. Nothing
is bounds-checked and nothing keeps the memory alive: the caller owns both. Every index that comes from outside is
checked before it becomes an address. Import ringbuf.jit before this.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, types
from numba.extending import intrinsic


def _plain(dtype: np.dtype) -> np.dtype:
    """The same record without its text and filler fields, which kernels never read."""
    names = [name for name in dtype.names or () if dtype[name].kind not in "SV" or dtype[name].subdtype]
    offsets = [(dtype.fields or {})[name][1] for name in names]
    return np.dtype(
        {"names": names, "formats": [dtype[n] for n in names], "offsets": offsets, "itemsize": dtype.itemsize}
    )


def record_type(dtype: np.dtype) -> Any:
    """Numba's type of a record, for explicit signatures (which keep literal arguments from specialising)."""
    return from_dtype(_plain(dtype))


def record_at(dtype: np.dtype) -> Callable[[int], Any]:
    """Intrinsic `at(address: i64) -> Record` for one dtype.

    Precondition: at least ``dtype.itemsize`` writable bytes at ``address``, naturally aligned.
    """
    record = record_type(dtype)

    @intrinsic
    def at(typingctx, address):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return builder.inttoptr(args[0], context.get_value_type(record))

        return record(types.int64), codegen

    return at
