"""A backup: the journal up to a whole command, the newest good snapshot, what the gateway must not forget (names of
orders), corrections of balances with who proposed and approved them, and a list of every file with its hash.

Stores, candles and reports are not in it: they follow from the journal, and every consumer makes its own again. Only
where the history begins later (its first segments were removed), the stores are in it too. The journal may be written
and moved to the archive meanwhile: the copy ends at the last whole command that it caught.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from consumers.gateway.own_store import FOLDER as OWN_STORE
from consumers.gateway.own_store import copy_own_store
from consumers.journal.format import (
    JournalError,
    archive_folder,
    begins_path,
    first_seq_of,
    journal_folder,
    list_history,
    timing_name,
)
from consumers.journal.listings import listed_name
from consumers.journal.packed import ENDING, is_packed
from consumers.journal.repair import recover
from consumers.journal.verify import verify
from consumers.store import StoreError, StoreView
from engine.snapshot import SnapshotError, describe
from engine.snapshots import FOLDER, list_snapshots
from ops.admin.adjustments import FOLDER as ADJUSTMENTS
from ops.admin.adjustments import copy_adjustments

LIST = "backup.json"
VERSION = 1
STORES = "stores"
GATEWAY, ADMIN = OWN_STORE[0], ADJUSTMENTS[0]
UNREADY = "restoring"  # a restore copies into this folder, and moves what is whole to its place


class BackupError(Exception):
    """A backup that can't be made or used; names the file and what was expected of it."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds: the history of an epoch up to sequence `last`."""

    epoch: int
    last: int
    snapshot: int  # sequence, 0 = none
    files: int
    bytes: int


def back_up(data: Path, target: Path) -> Backup:
    """Copy the history of a data directory, running or not. Raises ConfigError, BackupError, OSError."""
    if not list_history(journal_folder(data)):
        raise ConfigError("--data", f"expected a data directory with a journal, not {data}")
    if target.exists() and any(target.iterdir()):
        raise ConfigError("DIR", f"expected a directory that is new or empty, not {target}")
    journal_folder(target).mkdir(parents=True)
    copy_adjustments(data, target)  # before the history: what is booked in them is booked in it
    snapshot = _copy_snapshot(data, target)  # first: what is copied of the journal after it reaches beyond it
    stores = _copy_stores(data, target) if first_seq_of(list_history(journal_folder(data))[0]) > 1 else 0
    while not _copy_journal(journal_folder(data), journal_folder(target)):
        shutil.rmtree(journal_folder(target))  # its first segments were removed meanwhile: once more
        journal_folder(target).mkdir()
    last, epoch = _end_whole(target)
    copy_own_store(data, target)  # last: a name is written before its order is sent
    begins = first_seq_of(list_history(journal_folder(target))[0])
    if begins > 1 and not (snapshot >= begins - 1 and stores):
        raise BackupError(
            f"the history begins at {begins}, expected a snapshot and stores from there on: back up once more"
        )
    files = {name: _hash(target / name) for name in _names(target)}
    size = sum((target / name).stat().st_size for name in files)
    listed = {"matchline_backup": VERSION, "epoch": epoch, "last": last, "snapshot": snapshot, "sha256": files}
    _write_safely(target / LIST, json.dumps(listed, indent=1))
    return Backup(epoch, last, snapshot, len(files), size)


def restore(source: Path, data: Path) -> Backup:
    """Bring a backup's history into a data directory without one. Raises ConfigError, BackupError, OSError."""
    listed = _read_list(source)
    if list_history(journal_folder(data)) or list_snapshots(data):
        raise ConfigError("--data", f"expected a data directory without a history, not {data}")
    files = listed["sha256"]
    for name, expected in files.items():
        _expect_hash(source / name, expected)
    unready = data / UNREADY
    shutil.rmtree(unready, ignore_errors=True)
    for name, expected in files.items():
        path = unready / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, path)
        _expect_hash(path, expected)
        _sync(path)
    verdict = verify(unready)
    if not verdict.ok or verdict.last != listed["last"]:
        raise BackupError(f"{data}: the journal ends at {verdict.last}, expected {listed['last']}; {verdict.problems}")
    size = sum((unready / name).stat().st_size for name in files)
    for folder in (FOLDER, STORES, GATEWAY, ADMIN):
        if (unready / folder).exists():
            (unready / folder).rename(data / folder)
    journal_folder(unready).rename(journal_folder(data))  # from here on there is a history
    unready.rmdir()
    _sync(data)
    return Backup(listed["epoch"], listed["last"], listed["snapshot"], len(files), size)


def _copy_journal(folder: Path, target: Path) -> bool:
    """Every segment with what stands beside it, wherever it is by now; False where one was removed meanwhile."""
    for listed in list_history(folder):
        path = listed
        if not is_packed(path) and not _copied(path, target / path.name):
            path = archive_folder(folder) / (listed.name + ENDING)
        first = first_seq_of(path)
        if is_packed(path):
            archive = archive_folder(target)
            archive.mkdir(exist_ok=True)
            if not _copied(path, archive / path.name):
                return False
            packed_timing = timing_name(first) + ENDING
            _copied(archive_folder(folder) / packed_timing, archive / packed_timing)
        else:
            for name in (timing_name(first), listed_name(first)):
                _copied(folder / name, target / name)
    _copied(begins_path(folder), begins_path(target))
    return True


def _copied(source: Path, target: Path) -> bool:
    """Copy a file; False where there is none."""
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        return False
    return True


def _copy_stores(data: Path, target: Path) -> int:
    """Every store as it is now, each in one snapshot of its own; how many."""
    count = 0
    for path in sorted((data / STORES).iterdir()):
        if ".aside-" in path.name:
            continue
        try:
            with StoreView(path) as view:
                (target / STORES / path.name).mkdir(parents=True)
                view.copy(target / STORES / path.name)
        except StoreError as error:
            raise BackupError(f"the history begins later, so its stores are needed: {error}") from error
        count += 1
    return count


def _copy_snapshot(data: Path, target: Path) -> int:
    """The newest one with a good header; its sequence, 0 where there is none."""
    for seq, path in reversed(list_snapshots(data)):
        try:
            describe(path)
            (target / FOLDER).mkdir()
            shutil.copyfile(path, target / FOLDER / path.name)
        except (SnapshotError, FileNotFoundError):  # no good, or its time was over just now
            shutil.rmtree(target / FOLDER, ignore_errors=True)
            continue
        return seq
    return 0


def _end_whole(target: Path) -> tuple[int, int]:
    """Cut the copy at its last whole command; (last sequence, epoch)."""
    try:
        recover(journal_folder(target))
    except JournalError as error:
        raise BackupError(f"the journal is damaged: {error}") from error
    for kept in journal_folder(target).glob("*.cut-*"):
        kept.unlink()  # of a command that was being written; the original has it
    verdict = verify(target)
    if not verdict.ok:
        raise BackupError(f"the journal is damaged: {'; '.join(verdict.problems)}")
    return verdict.last, verdict.epoch


def _names(folder: Path) -> Iterator[str]:
    """Every file of a backup, from its folder on."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != LIST:
            _sync(path)
            yield str(path.relative_to(folder))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _expect_hash(path: Path, expected: str) -> None:
    if not path.is_file():
        raise BackupError(f"{path} is missing, expected a file with SHA-256 {expected}")
    found = _hash(path)
    if found != expected:
        raise BackupError(f"{path}: SHA-256 is {found}, expected {expected}")


def _read_list(source: Path) -> dict[str, Any]:
    path = source / LIST
    try:
        listed = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError("DIR", f"expected a backup (it has a {LIST}), not {source}") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise BackupError(f"{path} is no JSON: {error}") from error
    kinds = {"epoch": int, "last": int, "snapshot": int, "sha256": dict}
    if not isinstance(listed, dict) or listed.get("matchline_backup") != VERSION:
        raise BackupError(f"{path}: field matchline_backup is not {VERSION}")
    for name, kind in kinds.items():
        if not isinstance(listed.get(name), kind):
            raise BackupError(f"{path}: field {name} is no {kind.__name__}")
    for name in listed["sha256"]:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BackupError(f"{path}: field sha256 names {name!r}, expected a file within the backup")
    return listed


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_safely(path: Path, text: str) -> None:
    """There is either the whole file or none."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)
