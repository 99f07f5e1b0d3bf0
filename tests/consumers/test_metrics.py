"""Latency counts and the commit log."""

from pathlib import Path

import numpy as np

from consumers.metrics import (
    COUNTS,
    LATENCY_MAX_NS,
    LOG_ENTRIES,
    CommitLog,
    ConsumerCounts,
    bucket_index,
    bucket_value,
    passed_at,
)


def test_buckets_are_hdrhistograms_to_three_digits() -> None:
    from hdrh.histogram import HdrHistogram

    values = np.unique(np.concatenate([np.arange(5_000), np.geomspace(1, LATENCY_MAX_NS, 4_000).astype(np.int64)]))
    indices = bucket_index(values)
    histogram = HdrHistogram(1, LATENCY_MAX_NS, 3)
    assert indices.max() < COUNTS
    assert (np.diff(indices) >= 0).all()
    for value, index in zip(values.tolist(), indices.tolist(), strict=True):
        least = bucket_value(index)
        assert least <= value
        assert (value - least) * 1_000 <= max(value, 1)
        assert histogram._counts_index_for(value) == index


def test_percentiles_are_those_of_the_values() -> None:
    counts = np.zeros(COUNTS, np.int64)
    np.add.at(counts, bucket_index(np.arange(1, 10_001)), 1)
    report = ConsumerCounts("x", 1, 10_000, 1, 1, 10_000, 1, 10_000, counts).percentiles()
    assert abs(report["p50"] - 5_000) <= 8
    assert abs(report["p99"] - 9_900) <= 16
    assert report["max"] == 10_000


def test_the_commit_log_is_bounded_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "commits").mkdir()
    path = tmp_path / "commits" / "c"
    for part in range(2):
        log = CommitLog(path)
        for i in range(LOG_ENTRIES * 3 // 4):
            number = part * (LOG_ENTRIES * 3 // 4) + i + 1
            log.add(number * 10, number)
        log.close()
    assert path.stat().st_size == LOG_ENTRIES * 16
    last = LOG_ENTRIES * 3 // 2
    assert passed_at(tmp_path, "c", last * 10) == last
    assert passed_at(tmp_path, "c", last * 10 - 15) == last - 1
    assert passed_at(tmp_path, "c", 5) is None
    assert passed_at(tmp_path, "c", last * 10 + 1) is None
