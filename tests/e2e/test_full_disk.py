"""The disk really full under a running pipeline, for journal, stores, snapshots and logs alike; then space is back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.disks import filled, small_disk
from tests.e2e.flow import commands, differs_from_match, write_lines
from tests.engine.dealer import client_of
from tests.pipeline import Pipeline, eventually, pipeline

SMALL = "[journal]\nblocks = 2\n[snapshots]\nevents = 2000\nseconds = 3600\n"
DISK_MB = 128
RATE = 3_000
PROBER = 1_000_000  # an account that does not exist: what it sends changes nothing


@pytest.fixture(params=["journal", "fsync"])
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    config = f'{SMALL}[engine]\ndurability = "{request.param}"\n'
    with small_disk(tmp_path / "data", DISK_MB), pipeline(tmp_path, config=config) as made:
        made.up()
        yield made


def refused_for_want_of_space(running: Pipeline) -> bool:
    """Whether entry now says so to a cancel."""
    with client_of(running) as client:
        client.send({"op": "cancel", "account": PROBER, "client_id": 1, "orig_client_id": 1, "ts_ns": 1})
        if not client.hears(500):
            return False
        answer: dict[str, Any] = client.answer()
    return answer == {"type": "rejected", "account": PROBER, "client_id": 1, "reason": "storage_full"}


def test_orders_are_refused_while_the_disk_is_full_and_nothing_is_lost(running: Pipeline, tmp_path: Path) -> None:
    flow = write_lines(tmp_path / "commands.jsonl", commands(12_000, 11))
    feed = running.popen("feed", str(flow), "--rate", str(RATE), "--json")
    eventually(lambda: running.published() > 3_000, "the flow runs")
    with filled(running.data):
        eventually(lambda: refused_for_want_of_space(running), "entry refuses with storage_full")
        stood = running.published()
        assert feed.poll() is None, "the feed waits"
    eventually(lambda: running.published() > stood + 500, "acceptance resumes")
    said, complaints = feed.communicate(timeout=120)
    assert feed.returncode == 0, complaints
    running.settled()
    assert differs_from_match(running.data, flow, tmp_path / "alone", PROBER) == ""
    found = running.report("reconcile")
    assert found["ok"], found["checks"]
    assert "No space left on device" in running.run_file()["processes"]["journal"]["why"], "how it last ended"
