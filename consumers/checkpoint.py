"""What a consumer holds in memory, kept in its own store now and then: so no start folds the whole history.

A checkpoint of sequence s is put in the transaction that commits s, so it can't be of another history than the rows
beside it. A start takes it up and folds the journal from s + 1 to where the store stands.

    checkpoint   0  → HEAD: sequence, layout, bytes, SHA-256 of them
                 1… → the bytes in pieces
"""

import hashlib
import logging
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from consumers.source import JournalSource
from consumers.store import Store, StoreError, StoreView, encode_key

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint"  # the table's name
HEAD = struct.Struct("<qqq32s")
PIECE = 1 << 18
CHUNK = 16384

Bytes = bytes | memoryview


class Memory(Protocol):
    """What is kept: the state that a fold has, as bytes."""

    layout: int  # of the bytes: those of another one are not taken up

    def pack(self) -> Iterable[Bytes]:
        """All of it, in parts; called within the commit."""

    def unpack(self, packed: bytes) -> None:
        """Be what was packed."""

    def fold(self, events: np.ndarray) -> None:
        """Go on by whole commands' events that were folded before: whatever they tell is told already."""


def put_checkpoint(txn: Any, store: Store, sequence: int, memory: Memory) -> None:
    """Replace the checkpoint by one of `sequence`, which is what `txn` commits."""
    db = store.db(CHECKPOINT)
    txn.drop(db, delete=False)
    digest, size, number = hashlib.sha256(), 0, 0
    for part in memory.pack():
        view = memoryview(part).cast("B")
        digest.update(view)
        size += len(view)
        for at in range(0, len(view), PIECE):
            number += 1
            txn.put(encode_key(number), view[at : at + PIECE], db=db, append=True)
    txn.put(encode_key(0), HEAD.pack(sequence, memory.layout, size, digest.digest()), db=db)


def read_checkpoint(txn: Any, store: Store, layout: int) -> tuple[int, bytes] | None:
    """(sequence, bytes); None where there is none, or none that can be taken up (which is said in the log)."""
    db = store.db(CHECKPOINT)
    head = txn.get(encode_key(0), db=db)
    if head is None:
        return None
    sequence, found, size, expected = HEAD.unpack(head)
    if found != layout:
        log.warning("%s: checkpoint at %d passed over: layout is %d, expected %d", store.path, sequence, found, layout)
        return None
    with txn.cursor(db=db) as cursor:
        packed = b"".join(value for key, value in cursor if key != encode_key(0))
    if len(packed) != size or hashlib.sha256(packed).digest() != expected:
        log.error("%s: checkpoint at %d passed over: its SHA-256 does not fit its bytes", store.path, sequence)
        return None
    return sequence, packed


def take_up(store: Store, data: Path, memory: Memory) -> int:
    """Bring a fresh `memory` to where the store stands; the sequence of the checkpoint that this began from, 0 = none.

    Raises StoreError where the journal ends before the store, JournalError where it can't give what is needed.
    """
    with store.read() as txn:
        found = read_checkpoint(txn, store, memory.layout)
    begun = 0
    if found is not None:
        begun, packed = found
        memory.unpack(packed)
    if begun == store.sequence:
        return begun
    source = JournalSource(data, begun, store.sequence)
    try:
        while (events := source.next(CHUNK)) is not None:
            memory.fold(events)
    finally:
        source.close()
    if source.position != store.sequence:
        raise StoreError(f"{store.path}: stands at {store.sequence}, the journal ends at {source.position}")
    return begun


def needs_after(view: StoreView) -> int:
    """The sequence after which the store's consumer still reads the journal at its next start."""
    try:
        db = view.db(CHECKPOINT)
    except StoreError:  # it keeps nothing in memory: its rows are all
        return view.sequence
    with view.snapshot() as txn:
        head = txn.get(encode_key(0), db=db)
    return int(HEAD.unpack(head)[0]) if head is not None else 0


class Checkpoints:
    """When the next one is due: `events` after the last, which was at `at`."""

    def __init__(self, events: int, at: int) -> None:
        self.events = events
        self.at = at

    def due(self, sequence: int) -> bool:
        """Whether the commit of `sequence` takes one along."""
        return sequence - self.at >= self.events

    def keep(self, store: Store, memory: Memory) -> None:
        """One of what is committed, by itself: at a consumer's end, so that its next start has nothing to fold."""
        sequence = store.sequence
        if sequence != self.at:
            store.commit(sequence, write_of(store, sequence, memory))
            self.at = sequence


def write_of(store: Store, sequence: int, memory: Memory) -> Callable[[Any], None]:
    """The write of a commit that only takes a checkpoint along."""

    def write(txn: Any) -> None:
        put_checkpoint(txn, store, sequence, memory)

    return write
