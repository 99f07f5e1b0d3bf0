"""The cursor of a sink that has no store to keep it: a small file of its own, replaced whole and synced."""

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from consumers.sinks.target import TargetRefused


@dataclass(frozen=True)
class Cursor:
    """epoch: of the history. seq: everything up to it is done. more: a second count, where a sink has one."""

    epoch: int
    seq: int = 0
    more: int = 0


class CursorFile:
    """One file. Errors of the disk are OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, epoch: int) -> Cursor:
        """As last written, the beginning's where there is none. TargetRefused where it is another history's."""
        try:
            found = Cursor(**orjson.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return Cursor(epoch)
        except (orjson.JSONDecodeError, TypeError) as error:
            raise TargetRefused(f"{self.path}: expected a cursor: {error}") from error
        if found.epoch != epoch:
            raise TargetRefused(f"{self.path}: is of epoch {found.epoch}, this history of {epoch}")
        return found

    def write(self, cursor: Cursor) -> None:
        """Safe on the disk when this returns."""
        replace_synced(self.path, orjson.dumps(asdict(cursor)))


def replace_synced(path: Path, content: bytes) -> None:
    """A file's new content, whole and safe on the disk when this returns. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unready = path.with_name(path.name + ".next")
    with unready.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unready.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder safe."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def moved(cursor: Cursor, seq: int, more: int | None = None) -> Cursor:
    """The cursor further on."""
    return replace(cursor, seq=seq, more=cursor.more if more is None else more)
