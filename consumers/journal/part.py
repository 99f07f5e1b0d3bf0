"""Parting from a history's end: what is beyond a sequence is cut, and the whole of before is kept aside.

The copy aside is a data directory: `journal diff DATA --data ASIDE` says where the two part. Segments that stay as
they are get a second name there (a hard link), so it costs what is cut and one segment.
"""

import dataclasses
import logging
import os
import shutil
import time
from pathlib import Path

from consumers.journal.format import (
    JournalError,
    archive_folder,
    first_seq_of,
    journal_folder,
    list_segments,
    timing_name,
)
from consumers.journal.listings import listed_name
from consumers.journal.repair import cut, sync_folder
from consumers.journal.tail import scan

log = logging.getLogger(__name__)


def part(data: Path, seq: int) -> Path:
    """Cut the journal after ``seq``, the end of a whole command; the directory aside. Nobody else may use the journal.

    May be repeated after a kill: the copy comes first. Raises JournalError, OSError.
    """
    folder = journal_folder(data)
    segments = [(first_seq_of(path), path) for path in list_segments(folder)]
    if not segments or segments[0][0] > seq + 1:
        raise JournalError(f"{folder}: sequence {seq} is in no segment that is not archived: nothing is cut there")
    aside = Path(data) / "aside" / f"after-{seq}-{time.time_ns()}"
    _keep(folder, aside, seq)
    for first, path in reversed(segments):
        if first > seq and first != 1:
            path.unlink()
            for beside in _beside(path):
                (folder / beside).unlink(missing_ok=True)
            continue
        tail = scan(path)
        if tail.last < seq:
            raise JournalError(f"{path.name}: ends at {tail.last}, expected {seq} at least")
        if tail.last > seq:
            cut(dataclasses.replace(tail, whole=seq - first + 1))
        break
    sync_folder(folder)
    log.warning("journal: parted after sequence %d; all of before is kept in %s", seq, aside)
    return aside


def _keep(folder: Path, aside: Path, seq: int) -> None:
    """The journal as it is, under another name; what is about to change is copied."""
    unfinished = aside.with_suffix(".new")
    target = journal_folder(unfinished)
    target.mkdir(parents=True)
    segments = list_segments(folder)
    for path, after in zip(segments, [*segments[1:], None], strict=True):
        stays = after is not None and first_seq_of(after) <= seq
        for name in (path.name, *_beside(path)):
            if stays and (folder / name).exists():
                os.link(folder / name, target / name)
            elif (folder / name).exists():
                shutil.copyfile(folder / name, target / name)
                with (target / name).open("rb") as file:
                    os.fsync(file.fileno())
    if (folder / "begins").exists():
        shutil.copyfile(folder / "begins", target / "begins")
    if archive_folder(folder).exists():
        archive_folder(target).symlink_to(archive_folder(folder).resolve())
    sync_folder(target)
    unfinished.rename(aside)
    sync_folder(aside.parent)


def _beside(path: Path) -> tuple[str, str]:
    """Files that belong to a segment."""
    return timing_name(first_seq_of(path)), listed_name(first_seq_of(path))
