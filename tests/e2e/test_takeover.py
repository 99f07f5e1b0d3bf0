"""The hot standby of the same host: the replica goes on in the engine's place."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.flow import commands, differs_from_match, write_lines
from tests.pipeline import Pipeline, eventually, pipeline

COUNT = 20_000
RATE = 4_000


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(tmp_path) as made:
        made.up()
        yield made


@pytest.mark.parametrize("how", ["killed", "told"])
def test_the_replica_takes_over_and_the_flow_goes_on(running: Pipeline, tmp_path: Path, how: str) -> None:
    flow = write_lines(tmp_path / "commands.jsonl", commands(COUNT, 3))
    feed = running.popen("feed", str(flow), "--rate", str(RATE), "--json")
    for times in (1, 2):
        eventually(lambda times=times: running.published() > times * COUNT // 3, "the flow runs")  # type: ignore[misc]
        engine, replica = running.pid("engine"), eventually(lambda: running.pid("replica"), "a replica runs")
        eventually(lambda: running.restarts("replica") == 0, "the replica is at work")
        if how == "killed":
            os.kill(engine, signal.SIGKILL)
        else:
            assert running.report("promote", "--local")["was_replica"]
        eventually(lambda times=times: running.restarts("engine") == times, "an engine is at work")  # type: ignore[misc]
        assert running.pid("engine") == replica, "it was the replica that took over"
        eventually(lambda replica=replica: running.pid("replica") not in (0, replica), "a new replica")  # type: ignore[misc]
    said, complaints = feed.communicate(timeout=120)
    assert feed.returncode == 0, complaints
    running.settled()
    assert differs_from_match(running.data, flow, tmp_path / "alone") == ""
    assert running.report("reconcile")["ok"]
    assert running.run_file()["processes"]["engine"]["why"] == "killed by SIGKILL; replica took over"
    assert "engine: taking over at" in (running.data / "logs" / "engine.log").read_text()


@pytest.mark.long
def test_a_standby_that_stands_still_is_passed_over(running: Pipeline) -> None:
    before = running.published()
    with running.stopped("replica"):
        replica = running.pid("replica")
        os.kill(running.pid("engine"), signal.SIGKILL)
        eventually(lambda: running.restarts("engine") == 2, "an engine from the journal")
        assert running.pid("engine") != replica
    assert running.published() == before
