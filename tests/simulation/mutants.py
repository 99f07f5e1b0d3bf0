"""Deliberate breakages of what recovery rests on. The simulation must find each; what finds none proves nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np

import consumers.journal.process
import consumers.journal.repair
import consumers.journal.writer
import engine.process
import ops.memory
import ringbuf.ring
from consumers.journal.writer import JournalWriter
from consumers.store import Store
from engine.serve import find_positions
from ops.memory import LANES


@dataclass(frozen=True)
class Mutant:
    """`target.name` becomes `broken` in histories of this durability."""

    says: str
    target: Any
    name: str
    broken: Any
    mode: str

    def __call__(self) -> Any:
        """The patch, for `with`."""
        return patch.object(self.target, self.name, self.broken)


def _cursor_first(store: Store, sequence: int, write: Callable[[Any], None] | None = None) -> None:
    _commit(store, sequence)
    _commit(store, sequence, write)


def _cursor_behind(store: Store, sequence: int, write: Callable[[Any], None] | None = None) -> None:
    _commit(store, store.sequence, write)
    store.sequence = sequence


def _durable_first(journal: Any, sequence: int) -> None:
    journal._ring.set_durable(sequence)
    journal._writer.sync()


def _half_commands(path: Any, trusting: bool = False) -> Any:
    tail = consumers.journal.tail.scan(path, trusting)
    return replace(tail, whole=tail.good)


def _sync_again(writer: JournalWriter) -> int:
    try:
        return _sync(writer)
    except consumers.journal.writer.JournalError:
        writer._failed = ""
        return _sync(writer)


def _one_back(state: int, lanes: int, seen: int) -> None:
    find_positions(state, lanes, seen)
    read = np.ctypeslib.as_array((np.ctypeslib.ctypes.c_int64 * 8).from_address(seen))
    client = len(LANES)  # the first that is nobody's by name
    if read[client] > 0:
        read[client] -= 1


def _seed_at_zero(serving: Any, commands: np.ndarray) -> None:
    if serving.ring.published == 0:
        _seed(serving, commands)


_commit = Store.commit
_sync = JournalWriter.sync
_seed = engine.process._Serving.seed

MUTANTS = (  # the first are found within a few histories
    Mutant("a store's cursor is committed before its effects", Store, "commit", _cursor_first, "journal"),
    Mutant("a store's cursor is one commit behind its effects", Store, "commit", _cursor_behind, "journal"),
    Mutant("renames are not synced", consumers.journal.writer, "sync_folder", lambda _: None, "fsync"),
    Mutant("everybody reads what is published", ringbuf.ring.Ring, "reads_published", True, "fsync"),
    Mutant("a new engine reads a lane's last command again", engine.process, "find_positions", _one_back, "journal"),
    Mutant("what a dead writer left is not synced", consumers.journal.writer, "secure", lambda _: None, "fsync"),
    Mutant(
        "events are called durable before their sync",
        consumers.journal.process.Journal,
        "commit",
        _durable_first,
        "fsync",
    ),
    Mutant("a repaired tail keeps half a command", consumers.journal.repair, "scan", _half_commands, "fsync"),
    Mutant("a sync that failed is tried again", JournalWriter, "sync", _sync_again, "fsync"),
    Mutant("listings that are left are not listed", engine.process._Serving, "seed", _seed_at_zero, "journal"),
    Mutant("what a dead run's ring holds is not kept", ops.memory, "absorb_stale", lambda _n, _d, e: e, "memory"),
)
