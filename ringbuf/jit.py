"""How kernels are compiled: import this before numba, and take `kernel` and `inline` from here.

Numba's disk cache does not see edits in other modules, so its folder is named by a hash over the
sources of every module with kernels and the versions involved: an edit anywhere means a new cache.
"""

import hashlib
import os
import platform
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
            if "ringbuf.jit" in text or path.name in ("records.py", "codes.py", "jit.py"):
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

import numba  # noqa: E402  (the cache folder must be named first)

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


def outline_of(*signatures: object) -> object:
    """An out-of-line piece with explicit signatures: literal arguments do not make further copies of it."""
    return numba.njit(list(signatures), cache=True, error_model="numpy")
