"""Recorded files as vendors hand them out: plain, .gz or .xz, told by their first bytes, whatever their names."""

import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import IO

from config.errors import ConfigError

# What reading a packed file that is cut short or damaged raises.
DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)


def open_binary(path: Path) -> IO[bytes]:
    """The unpacked bytes of a file. Raises ConfigError naming it where it can't be opened."""
    try:
        with path.open("rb") as raw:
            magic = raw.read(6)
    except OSError as error:
        raise ConfigError(str(path), f"expected a readable file ({error.strerror})") from error
    if magic[:2] == b"\x1f\x8b":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if magic == b"\xfd7zXZ\x00":
        return lzma.open(path, "rb")
    return path.open("rb")


def open_text(path: Path) -> IO[str]:
    """The same as text, line ends as they are."""
    return io.TextIOWrapper(open_binary(path), newline="")
