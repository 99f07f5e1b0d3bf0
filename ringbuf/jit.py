"""How kernels are compiled: import this before numba, and take `kernel` and `inline` from here.

Numba's disk cache does not see edits in other modules, so its folder is named by a hash over the
sources of every module with kernels and the versions involved: an edit anywhere means a new cache.
"""

import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KERNEL_FOLDERS = ("ringbuf", "engine", "consumers", "bench")

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def kernel_sources() -> list[Path]:
    """Every module of the product that compiles something, in a stable order."""
    found = []
    for folder in KERNEL_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            if "ringbuf.jit" in text or path.name in ("records.py", "layout.py", "codes.py", "jit.py"):
                found.append(path)
    return found


def cache_key() -> str:
    """Hash of kernel sources, interpreter and machine."""
    digest = hashlib.sha256(f"{platform.python_version()} {platform.machine()}".encode())
    for path in kernel_sources():
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    _base = Path(os.environ.get("MATCHLINE_CACHE", ROOT / "var" / "cache"))
    os.environ["NUMBA_CACHE_DIR"] = str(_base / f"numba-{cache_key()}")

import llvmlite.binding as llvm  # noqa: E402  (the cache folder must be named before numba is there)
import numba  # noqa: E402
from numba.core import cgutils  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

BOUNDSCHECK = os.environ.get("NUMBA_BOUNDSCHECK") == "1"

# Entry points called from Python: compiled once, kept on disk.
kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
# Small hot pieces: always inlined into their caller.
inline = numba.njit(forceinline=True, error_model="numpy")
# Rare or large pieces: kept out of line.
outline = numba.njit(error_model="numpy")


def kernel_of(*signatures: object) -> Any:
    """An entry point with explicit signatures: compiled or loaded at import."""
    return numba.njit(list(signatures), cache=True, nogil=True, error_model="numpy")


def outline_of(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """An out-of-line piece with one explicit signature, compiled once and called by its address.

    Numba links what a function calls into that function and optimises it all again: with pieces as large as the
    engine's `apply` that would make up most of the time to compile. Callers see only a symbol here, which is bound
    at import, to code compiled or loaded before the callers are. A call can't raise: where indices are checked, which
    is said by raising, functions are linked as Numba does.
    """
    if BOUNDSCHECK:
        return numba.njit([signature], cache=True, error_model="numpy")

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit([signature], cache=True, error_model="numpy")(function)
        compiled = dispatcher.overloads[signature.args]
        symbol = f"matchline.{function.__module__}.{function.__qualname__}"
        address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        llvm.add_symbol(symbol, address)
        return _call_of(symbol, signature, dispatcher)

    return decorate


def _call_of(symbol: str, signature: Any, dispatcher: Any) -> Any:
    """An intrinsic that calls the function at a symbol, by Numba's own calling convention."""

    def codegen(context: Any, builder: Any, _: Any, values: Any) -> Any:
        convention = context.call_conv
        kind = convention.get_function_type(signature.return_type, signature.args)
        target = cgutils.get_or_insert_function(builder.module, kind, symbol)
        result = cgutils.alloca_once(builder, kind.args[0].pointee)
        raised = cgutils.get_null_value(kind.args[1])  # nothing raises, so nothing is written there
        packed = context.get_arg_packer(signature.args).as_arguments(builder, values)
        builder.call(target, [result, raised, *packed])
        return context.get_returned_value(builder, signature.return_type, builder.load(result))

    def typed() -> tuple[Any, Any]:
        return signature, codegen

    call = intrinsic(_TAKING[len(signature.args)](typed))
    call.dispatcher = dispatcher  # its code has to outlive every caller's
    return call


# An intrinsic's arguments are those of a Python function.
_TAKING: dict[int, Callable[[Callable[[], Any]], Callable[..., Any]]] = {
    2: lambda typed: lambda typingctx, a, b: typed(),
    3: lambda typed: lambda typingctx, a, b, c: typed(),
    4: lambda typed: lambda typingctx, a, b, c, d: typed(),
    5: lambda typed: lambda typingctx, a, b, c, d, e: typed(),
}
