"""Snapshots of a running pipeline: written without a pause, begun from after a kill, passed over where they are bad."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.snapshots import list_snapshots
from tests.e2e.flow import commands, write_lines
from tests.pipeline import Pipeline, eventually, pipeline

CONFIG = "[snapshots]\nevents = 3000\nseconds = 3600\nkeep = 2\n"
COUNT = 12_000
SEED = 5


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(tmp_path, config=CONFIG) as made:
        made.up()
        yield made


def said_by(running: Pipeline, process: str) -> str:
    return (running.data / "logs" / f"{process}.log").read_text()


def begun_from(running: Pipeline) -> int:
    """Sequence of the snapshot that the engine last began from."""
    return int(re.findall(r"engine: from the snapshot at (\d+)", said_by(running, "engine"))[-1])


def feed(running: Pipeline, tmp_path: Path) -> None:
    flow = write_lines(tmp_path / "commands.jsonl", commands(COUNT, SEED))
    running.report("feed", str(flow))
    running.settled()


def flip_a_bit(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


def test_an_engine_killed_with_its_standby_goes_on_from_the_newest_snapshot(running: Pipeline, tmp_path: Path) -> None:
    feed(running, tmp_path)
    snapshots = [seq for seq, _ in list_snapshots(running.data)]
    assert len(snapshots) == 2, "as many as are to be kept"
    before = running.published()
    for process in ("replica", "engine"):  # nobody is left to take over
        os.kill(running.pid(process), signal.SIGKILL)
    eventually(lambda: running.restarts("engine") >= 1, "the engine runs again")
    assert begun_from(running) == snapshots[-1]
    assert running.published() == before
    assert running.report("reconcile")["ok"]


def test_a_bad_snapshot_is_passed_over_for_the_one_before_it(running: Pipeline, tmp_path: Path) -> None:
    feed(running, tmp_path)
    assert running.verb("down").returncode == 0
    (older, _), (newest, path) = list_snapshots(running.data)[-2:]
    flip_a_bit(path, path.stat().st_size // 2)
    running.up()
    assert begun_from(running) == older
    for process in ("engine", "replica"):
        assert f"snapshot passed over: {path.name}: sections_hash is" in said_by(running, process)
    running.settled()
    assert running.report("reconcile")["ok"]
    assert newest > older


def test_a_stopped_pipeline_leaves_a_snapshot_of_its_end(running: Pipeline, tmp_path: Path) -> None:
    feed(running, tmp_path)
    end = running.published()
    assert running.verb("down").returncode == 0
    assert list_snapshots(running.data)[-1][0] == end
