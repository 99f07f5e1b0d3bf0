"""Every listing before a segment, beside it: so who starts learns them without reading the history.

    00000000000000523265.listed      HEAD, then the EVENT records of all listings, changes and delistings before it

Written by the journal's writer before the segment itself appears, by rename. It is made of the journal and can be made
again: one that is missing or damaged is passed over for an earlier one, and what lies between is read. With it the
listings at any sequence take one segment's reading at most.
"""

import hashlib
import logging
import os
from pathlib import Path

import numpy as np

from config.catalog import IS_LISTING
from ringbuf.records import EVENT, SCHEMA_HASH

log = logging.getLogger(__name__)

MAGIC = b"mllisted"
VERSION = 1
HEAD = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<i8"),
        ("schema", "<i8"),
        ("epoch", "<i8"),
        ("first_seq", "<i8"),  # of the segment: all listings before it are here
        ("count", "<i8"),
        ("hash", "V32"),  # SHA-256 of the head before this field, and the records
    ]
)
_HASHED = HEAD.itemsize - 32
NONE = np.zeros(0, EVENT)


def listed_name(first_seq: int) -> str:
    """File name of the listings before the segment that begins with this sequence."""
    return f"{first_seq:020d}.listed"


def listings_among(events: np.ndarray) -> np.ndarray:
    """Those of some events (EVENT) that list, change or delist; a copy."""
    return events[IS_LISTING[events["type"]]]


def write_listed(folder: Path, epoch: int, first_seq: int, listed: np.ndarray, sync: bool) -> None:
    """Keep the listings (EVENT) before a segment. Raises OSError."""
    head = np.zeros(1, HEAD)
    head["magic"], head["version"], head["schema"] = MAGIC, VERSION, SCHEMA_HASH
    head["epoch"], head["first_seq"], head["count"] = epoch, first_seq, len(listed)
    records = listed.tobytes()
    head["hash"] = np.void(hashlib.sha256(head.tobytes()[:_HASHED] + records).digest())
    path = folder / listed_name(first_seq)
    temporary = path.with_suffix(".listed.next")
    with temporary.open("wb") as file:
        file.write(head.tobytes() + records)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    temporary.replace(path)


def read_listed(folder: Path, epoch: int, first_seq: int) -> np.ndarray | None:
    """The listings (EVENT) before the segment of that name; None where they are not there or damaged (said)."""
    if first_seq == 1:
        return NONE
    path = folder / listed_name(first_seq)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    wrong = _what_is_wrong(raw, epoch, first_seq)
    if wrong:
        log.warning("journal: %s passed over: %s", path.name, wrong)
        return None
    return np.frombuffer(raw, EVENT, -1, HEAD.itemsize)


def _what_is_wrong(raw: bytes, epoch: int, first_seq: int) -> str:
    if len(raw) < HEAD.itemsize:
        return f"{len(raw)} bytes, expected {HEAD.itemsize} at least"
    head = np.frombuffer(raw, HEAD, 1)[0]
    expected = {"magic": MAGIC, "version": VERSION, "schema": SCHEMA_HASH, "epoch": epoch, "first_seq": first_seq}
    expected["count"] = (len(raw) - HEAD.itemsize) // EVENT.itemsize
    for name, value in expected.items():
        if head[name] != value:
            return f"field {name} is {head[name]}, expected {value}"
    found = hashlib.sha256(raw[:_HASHED] + raw[HEAD.itemsize :]).digest()
    return "" if found == bytes(head["hash"]) else "field hash does not fit its bytes"
