"""Files of secrets in a data directory: their owner's alone, replaced whole, one writer at a time."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o600


def private_folder(folder: Path) -> Path:
    """A folder that nobody else may enter where it is made here; one that is there stays as it is."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write_private(path: Path, content: bytes, mtime_ns: int | None = None) -> None:
    """Replace a file, mode 0600, safe on the disk when this returns; under `locked`. Raises OSError."""
    unready = path.with_name(path.name + ".new")
    unready.unlink(missing_ok=True)  # one that a killed writer left keeps its mode
    with open(os.open(unready, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
        file.write(content)
        file.flush()
        if mtime_ns is not None:
            os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))
        os.fsync(file.fileno())
    unready.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_private(path: Path) -> bytes:
    """A secret's file. Raises OSError, PermissionError too where others than its owner could read it."""
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise PermissionError(f"{path}: mode {mode:o}: expected {PRIVATE:o}, readable by its owner alone")
        return file.read()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold this lock file against other writers, in other processes too."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, PRIVATE), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
