"""How a process of the outside shows that it works: DATA/outside/NAME.beat holds its pid and when it was last well.

Such a process has no cursor on a ring of its own. The clock is the monotonic one, so a wall clock that steps ends
nobody.
"""

import os
import struct
import time
from pathlib import Path

FOLDER = "outside"
_ROW = struct.Struct("<qq")  # pid, monotonic ns


class Beat:
    """The writing side."""

    def __init__(self, data: Path, name: str) -> None:
        path = _path(data, name)
        path.parent.mkdir(exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def well(self) -> None:
        """At work, now."""
        os.pwrite(self._file, _ROW.pack(os.getpid(), time.monotonic_ns()), 0)

    def close(self) -> None:
        """Close the file; what it says stays."""
        os.close(self._file)


def read_beat(data: Path, name: str) -> tuple[int, int]:
    """(pid, monotonic ns) of the last sign of life; (0, 0) where there was none."""
    try:
        pid, at_ns = _ROW.unpack(_path(data, name).read_bytes())
    except (FileNotFoundError, struct.error):
        return 0, 0
    return pid, at_ns


def _path(data: Path, name: str) -> Path:
    return data / FOLDER / f"{name}.beat"
