"""What consumers count, in shared memory, so that status, top and exporters read it without asking anyone.

Segment ``/NAME.metrics``::

    0      HEAD: magic, version, rows, counts a row
    128    32 rows of 128 bytes: name, pid, events, batches, commits, sequence, last commit, longest latency
    4224   32 x 31 744 counts (i64): how many events took how long from match to commit

A latency x ns is counted at the index that HdrHistogram uses with 3 significant digits from 1 ns on, so an export is
``record_value(value, count)`` for each count above zero. Beside it each consumer keeps ``DATA/commits/NAME``, a fixed
ring of 16-byte entries (sequence, commit_ns): ``trace`` reads from it when a step passed a sequence.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ringbuf.shm import Segment, SegmentBusy, SegmentError, SegmentMissing

MAGIC = int.from_bytes(b"MLMETRIC", "little")
ROWS = 32
LINE = 128
LATENCY_MAX_NS = (1 << 40) - 1  # 18 minutes; what takes longer counts as that
HALF_BITS = 10  # 2**11 sub-buckets, the upper half used in every bucket but the first
COUNTS = (41 - HALF_BITS) << HALF_BITS
COUNTS_AT = LINE + ROWS * LINE
SIZE = COUNTS_AT + ROWS * COUNTS * 8
LOG_ENTRIES = 65_536

ROW = np.dtype(
    [
        ("name", "S32"),
        ("pid", "<i8"),
        ("events", "<i8"),
        ("batches", "<i8"),
        ("commits", "<i8"),
        ("sequence", "<i8"),
        ("commit_ns", "<i8"),
        ("latency_max_ns", "<i8"),
        ("spare", "V40"),
    ]
)
COMMIT = np.dtype([("seq", "<i8"), ("commit_ns", "<i8")])
assert ROW.itemsize == LINE
assert COMMIT.itemsize == 16


def bucket_index(latency_ns: np.ndarray) -> np.ndarray:
    """Where latencies (i64 >= 0) are counted."""
    x = np.minimum(latency_ns, LATENCY_MAX_NS)
    bucket = np.maximum(np.frexp(x.astype(np.float64))[1] - (HALF_BITS + 1), 0).astype(np.int64)
    indices: np.ndarray = (bucket << HALF_BITS) + (x >> bucket)
    return indices


def bucket_value(index: int) -> int:
    """The least latency that is counted at this index, in ns."""
    bucket = max((index >> HALF_BITS) - 1, 0)
    return (index - (bucket << HALF_BITS)) << bucket


@dataclass(frozen=True)
class ConsumerCounts:
    """One row as it is now; ``counts`` are the latencies (shape (COUNTS,), a copy)."""

    name: str
    pid: int
    events: int
    batches: int
    commits: int
    sequence: int
    commit_ns: int
    latency_max_ns: int
    counts: np.ndarray

    def percentiles(self) -> dict[str, int]:
        """p50, p99, p999 and max of match to commit, in ns; empty where nothing was timed."""
        from hdrh.histogram import HdrHistogram

        filled = np.flatnonzero(self.counts)
        if not len(filled):
            return {}
        histogram = HdrHistogram(1, LATENCY_MAX_NS, 3)
        for index in filled:
            histogram.record_value(bucket_value(int(index)), int(self.counts[index]))
        quantiles = {"p50": 50.0, "p99": 99.0, "p999": 99.9}
        report = {key: int(histogram.get_value_at_percentile(at)) for key, at in quantiles.items()}
        report["max"] = self.latency_max_ns
        return report


def segment_name(name: str) -> str:
    """Of the pipeline called ``name``."""
    return f"/{name}.metrics"


def _attach_or_create(name: str) -> Segment:
    try:
        segment = Segment.attach(segment_name(name))
    except SegmentMissing:
        try:
            segment = Segment.create(segment_name(name), SIZE)
        except SegmentBusy:
            segment = Segment.attach(segment_name(name))
    if segment.size != SIZE:
        raise SegmentError(f"{segment_name(name)}: size is {segment.size}, expected {SIZE}")
    return segment


def _head(segment: Segment) -> np.ndarray:
    return segment.buffer[:32].view("<i8")


def _rows(segment: Segment) -> np.ndarray:
    return segment.buffer[LINE:COUNTS_AT].view(ROW)


def _counts(segment: Segment, row: int) -> np.ndarray:
    start = COUNTS_AT + row * COUNTS * 8
    return segment.buffer[start : start + COUNTS * 8].view("<i8")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "metrics.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class ConsumerMetrics:
    """The writing side: one consumer's row and commit log. Open after the fork."""

    def __init__(self, name: str, data: Path, consumer: str) -> None:
        folder = Path(data) / "commits"
        with _locked(folder):
            self._segment = _attach_or_create(name)
            _head(self._segment)[:4] = (MAGIC, 1, ROWS, COUNTS)
            row = self._claim(consumer)
        self._row = _rows(self._segment)[row : row + 1]
        self._row["pid"] = os.getpid()
        self._counts = _counts(self._segment, row)
        self._log = CommitLog(folder / consumer)

    def _claim(self, consumer: str) -> int:
        names = _rows(self._segment)["name"]
        for row in range(ROWS):
            if names[row] == consumer.encode() or not names[row]:
                names[row] = consumer.encode()
                return row
        raise SegmentError(f"{self._segment.name}: all {ROWS} rows are taken, none for {consumer}")

    def batch(self, events: int) -> None:
        """Count one batch applied."""
        self._row["events"] += events
        self._row["batches"] += 1

    def committed(self, sequence: int, match_ns: np.ndarray, now_ns: int) -> None:
        """Count a commit; ``match_ns`` (i64 wall clock, 0 = unknown) of the events that it made lasting."""
        known = match_ns[match_ns > 0]
        if len(known):
            latency = np.maximum(now_ns - known, 1)
            np.add.at(self._counts, bucket_index(latency), 1)
            self._row["latency_max_ns"] = max(int(self._row["latency_max_ns"][0]), int(latency.max()))
        self._row["commits"] += 1
        self._row["sequence"] = sequence
        self._row["commit_ns"] = now_ns
        self._log.add(sequence, now_ns)

    def close(self) -> None:
        """Let go of the segment; the counts stay for whoever reads them."""
        self._log.close()
        del self._row, self._counts
        self._segment.close()


class CommitLog:
    """The last LOG_ENTRIES commits of one consumer, in a file of fixed size."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(LOG_ENTRIES * COMMIT.itemsize)
            os.posix_fallocate(file.fileno(), 0, LOG_ENTRIES * COMMIT.itemsize)  # a full disk says so here, not SIGBUS
            self._map = mmap.mmap(file.fileno(), LOG_ENTRIES * COMMIT.itemsize)
        self._entries = np.frombuffer(self._map, COMMIT)
        self._at = (int(np.argmax(self._entries["commit_ns"])) + 1) % LOG_ENTRIES if self._entries["seq"].any() else 0

    def add(self, sequence: int, commit_ns: int) -> None:
        """Note one commit in place of the oldest."""
        self._entries[self._at] = (sequence, commit_ns)
        self._at = (self._at + 1) % LOG_ENTRIES

    def close(self) -> None:
        """Unmap."""
        del self._entries
        self._map.close()


def passed_at(data: Path, consumer: str, seq: int) -> int | None:
    """When (wall clock, ns) the consumer first committed ``seq`` or more; None = not, or too long ago for the log."""
    path = Path(data) / "commits" / consumer
    if not path.exists():
        return None
    entries = np.fromfile(path, COMMIT)
    entries = entries[entries["commit_ns"] > 0]
    entries = entries[np.argsort(entries["commit_ns"], kind="stable")]
    reached = np.flatnonzero(entries["seq"] >= seq)
    if not len(reached) or (reached[0] == 0 and len(entries) == LOG_ENTRIES):
        return None
    return int(entries["commit_ns"][reached[0]])


def read_metrics(name: str) -> list[ConsumerCounts]:
    """All rows of a running pipeline; empty where it has no metrics segment."""
    try:
        segment = Segment.attach(segment_name(name))
    except SegmentMissing:
        return []
    try:
        found = []
        for number, row in enumerate(_rows(segment).copy()):
            if row["name"]:
                fields: dict[str, Any] = {field: int(row[field]) for field in (ROW.names or ())[1:-1]}
                counts = _counts(segment, number).copy()
                found.append(ConsumerCounts(name=row["name"].decode(), counts=counts, **fields))
        return found
    finally:
        segment.close()
