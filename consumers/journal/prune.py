"""Journal segments that nobody needs any more: archived, or removed.

The rule: a segment may go when it is sealed complete and proven, lies wholly behind the oldest kept snapshot and behind
what every consumer still reads at its next start, and two more segments follow it. Segments go from the oldest on.

Who writes what: the journal process makes segments and writes the last one. One that two others follow is written by
nobody any more; from there on it is the replica's, which calls this after it wrote a snapshot, and with it the archive
and the file `begins`. Each step leaves a history that can be read, and what a kill leaves half done is done again:

    archive   packed beside its place, unpacked again and compared, synced, renamed; then the plain files are removed
    remove    `begins` says first from where on the history is whole; then the files are removed

`begins` tells a history that begins later by this rule from one that has lost its first segments.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import lmdb

from config.errors import ConfigError
from config.settings import BEHIND_SNAPSHOTS
from consumers.checkpoint import needs_after
from consumers.journal.format import (
    PAGE_SIZE,
    JournalError,
    archive_folder,
    begins_path,
    first_seq_of,
    journal_folder,
    list_segments,
    timing_name,
)
from consumers.journal.listings import listed_name, read_listed, write_listed
from consumers.journal.packed import ENDING, PackedFile, pack_file, zstandard
from consumers.journal.reader import JournalReader
from consumers.journal.repair import sync_folder
from consumers.journal.tail import read_header
from consumers.journal.verify import segment_problems
from consumers.store import StoreError, StoreView

log = logging.getLogger(__name__)

KEEP, ARCHIVE, REMOVE = BEHIND_SNAPSHOTS
# Consumers that make their store from the journal: one whose store is not there needs all of it.
STORED = ("orders", "balances", "marketdata", "settlement", "risk")
FOLLOWING = 2  # recovery looks at the last segment and the one before it
UNREADY = ".next"
HELD_S = 2.0  # before somebody who holds segments back is asked again
FAILED_S = 30.0


def prepare(data: Path, mode: str, place: str) -> None:
    """Make the archive where the settings want it, before there is a replica. Raises ConfigError, OSError."""
    folder = journal_folder(data)
    archive = archive_folder(folder)
    if mode == REMOVE and archive.is_dir() and any(archive.glob(f"*{ENDING}")):
        raise ConfigError(
            "journal.behind_snapshots", f"expected archive: {archive} holds segments (move them away first)"
        )
    if mode != ARCHIVE:
        return
    try:
        zstandard()
    except JournalError as error:
        raise ConfigError("journal.behind_snapshots", str(error)) from error
    if not place:
        archive.mkdir(parents=True, exist_ok=True)
        return
    target = Path(place)
    if not target.is_absolute():
        raise ConfigError("journal.archive", f"expected an absolute path, not {place!r}")
    if archive.is_symlink() or archive.exists():
        if archive.resolve() != target.resolve():
            raise ConfigError(
                "journal.archive", f"expected {archive.resolve()}, where the archive is: move it, then {archive} too"
            )
    else:
        folder.mkdir(parents=True, exist_ok=True)
        archive.symlink_to(target)
    target.mkdir(parents=True, exist_ok=True)


def holders(data: Path) -> dict[str, int]:
    """Every consumer that has a store, or should have one: the sequence after which it still reads the journal."""
    stores = Path(data) / "stores"
    there = {path.name for path in stores.iterdir() if ".aside-" not in path.name} if stores.is_dir() else set()
    found = {}
    for name in sorted(there | set(STORED)):
        try:
            with StoreView(stores / name) as view:
                found[name] = needs_after(view)
        except StoreError:
            found[name] = 0
    return found


class Pruner:
    """One segment a `turn`, until nothing more may go.

    cursors: where those stand that read the journal and keep no store (order entry, the publisher).
    """

    def __init__(self, data: Path, epoch: int, mode: str, cursors: Callable[[], dict[str, int]] = dict) -> None:
        self.data = Path(data)
        self.folder = journal_folder(self.data)
        self.epoch = epoch
        self.mode = mode
        self._cursors = cursors
        self.due_s = time.monotonic() if mode != KEEP else float("inf")
        self._held_by = ""
        if mode != KEEP:
            clean(self.folder)

    def wake(self) -> None:
        """A snapshot was written: more may go."""
        if self.mode != KEEP:
            self.due_s = time.monotonic()

    def is_due(self) -> bool:
        """Whether a `turn` is worth its while."""
        return time.monotonic() >= self.due_s

    def turn(self, oldest_snapshot: int) -> bool:
        """Where it is time: move one segment away if one may go; whether it did. What fails is said and tried later."""
        if not self.is_due():
            return False
        try:
            moved = self._move(oldest_snapshot)
        except (OSError, JournalError, StoreError, lmdb.Error) as error:
            log.error("journal: no segment is moved away: %s", error)
            self.due_s = time.monotonic() + FAILED_S
            return False
        if not moved:
            self.due_s = time.monotonic() + HELD_S if self._held_by else float("inf")
        return moved

    def _move(self, oldest_snapshot: int) -> bool:
        segments = list_segments(self.folder)
        self._now_held_by("")
        if len(segments) <= FOLLOWING:
            return False
        path, following = segments[0], segments[1]
        last = first_seq_of(following) - 1
        if last > oldest_snapshot:
            return False
        name, at = min((self._cursors() | holders(self.data)).items(), key=lambda held: held[1])
        if at < last:
            self._now_held_by(f"{name}, which begins after {at}", path)
            return False
        problems = segment_problems(path, following)
        if problems:
            raise JournalError("; ".join(problems[:3]))
        self._keep_listings(first_seq_of(following))
        if self.mode == ARCHIVE:
            archive_segment(self.folder, path, self.epoch)
        else:
            write_begins(self.folder, self.epoch, last + 1)
        drop_segment(self.folder, path)
        log.info("journal: %s %sd: the oldest snapshot is of %d", path.name, self.mode, oldest_snapshot)
        return True

    def _now_held_by(self, name: str, path: Path | None = None) -> None:
        if name and name != self._held_by:
            log.info("journal: %s and what follows stays: held back by %s", path.name if path else "", name)
        self._held_by = name

    def _keep_listings(self, first_seq: int) -> None:
        """Whatever goes: the listings before the first segment that stays are there, and safe on the disk."""
        found = read_listed(self.folder, self.epoch, first_seq)
        if found is None:
            with JournalReader(self.data) as reader:
                found = reader.listed(first_seq - 1)
        write_listed(self.folder, self.epoch, first_seq, found, sync=True)


def archive_segment(folder: Path, path: Path, epoch: int) -> None:
    """Put a segment and its timing into the archive, proven and synced. Raises JournalError, OSError."""
    archive = archive_folder(folder)
    timing = path.with_name(timing_name(first_seq_of(path)))
    for source, first_frame in ((timing, None), (path, PAGE_SIZE)):
        target = archive / (source.name + ENDING)
        if not source.exists():  # nobody noted the times, or a kill came after they were archived
            continue
        if first_frame is not None and target.exists():
            _expect_own(target, epoch)
        unready = target.with_name(target.name + UNREADY)
        expected = pack_file(source, unready) if first_frame is None else pack_file(source, unready, first_frame)
        packed = PackedFile(unready)
        try:
            found = packed.hash()
        finally:
            packed.close()
        if found != expected:
            raise JournalError(f"{unready}: unpacks to SHA-256 {found}, expected {expected}")
        unready.replace(target)
    sync_folder(archive)


def _expect_own(target: Path, epoch: int) -> None:
    """That a segment already in the archive is of this history: a kill left it, or two histories share the place."""
    found = read_header(target).epoch
    if found != epoch:
        raise JournalError(f"{target}: field epoch is {found}, expected {epoch}: the archive is another history's")


def drop_segment(folder: Path, path: Path) -> None:
    """Remove a segment's files, itself last: until then it is done again."""
    for name in (timing_name(first_seq_of(path)), listed_name(first_seq_of(path))):
        (folder / name).unlink(missing_ok=True)
    path.unlink()
    sync_folder(folder)


def write_begins(folder: Path, epoch: int, first_seq: int) -> None:
    """Say, safe on the disk, that the history may begin at this sequence. Raises OSError."""
    path = begins_path(folder)
    unready = path.with_name(path.name + UNREADY)
    with unready.open("w") as file:
        json.dump({"epoch": epoch, "first_seq": first_seq}, file)
        file.flush()
        os.fsync(file.fileno())
    unready.replace(path)
    sync_folder(folder)


def clean(folder: Path) -> None:
    """Remove what a kill left half done: unready files, and what belonged to segments that are gone."""
    archive = archive_folder(folder)
    for path in archive.glob(f"*{ENDING}{UNREADY}") if archive.is_dir() else ():
        path.unlink()
    begins_path(folder).with_name(begins_path(folder).name + UNREADY).unlink(missing_ok=True)
    segments = list_segments(folder)
    if not segments:
        return
    first = first_seq_of(segments[0])
    for ending in ("timing", "listed"):
        for path in folder.glob(f"*.{ending}"):
            if path.stem.isdigit() and int(path.stem) < first:
                path.unlink()
