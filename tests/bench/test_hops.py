"""Rings, hops and latencies, for real between processes, with small counts."""

import numpy as np
import pytest

from bench import hop, latency, ring
from bench.percentiles import percentiles


def test_the_gating_reader_gets_every_record_and_others_get_the_rest_or_count_it() -> None:
    seconds, lapped = ring.run_once(readers=2, records=100_000)
    assert seconds > 0
    assert 0 <= lapped < 100_000


def test_every_hop_is_answered_and_timed() -> None:
    times = hop.measure(500)
    assert len(times) == 500
    assert times.min() > 0


@pytest.mark.parametrize("wait", list(latency.WAITS))
def test_the_engine_process_answers_every_command_and_none_before_it_was_sent(wait: str) -> None:
    lines: list[str] = []
    found = latency.measure(wait, rates=(20_000,), seconds=0.05, tell=lines.append)["20000_per_s"]
    assert found["commands"] == 1_000
    assert 0 < found["from_sent_ns"]["p50"] <= found["from_due_ns"]["p50"] <= found["from_due_ns"]["max"]
    assert len(lines) == 1


def test_percentiles_are_exact() -> None:
    found = percentiles(np.arange(1, 1_001)[::-1])
    assert (found["p50"], found["p90"], found["p99"], found["p999"], found["max"]) == (500, 900, 990, 999, 1_000)
    assert percentiles(np.array([7]))["p9999"] == 7
