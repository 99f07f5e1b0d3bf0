"""kill -9 in the middle of a flow: each process once, and the supervisor with all of them."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.processes import present
from tests.e2e.flow import commands, differs_from_match, write_lines
from tests.pipeline import Pipeline, eventually, pipeline

RATE = 4_000


@pytest.fixture
def seed() -> int:
    found = random.SystemRandom().randrange(1 << 32)
    print(f"seed {found}")  # shown where the test fails
    return found


@pytest.fixture(params=["zmq", "shm"])
def via(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def flow(tmp_path: Path, seed: int, request: pytest.FixtureRequest) -> Path:
    return write_lines(tmp_path / "commands.jsonl", commands(getattr(request, "param", 60_000), seed))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(tmp_path) as made:
        made.up()
        yield made


def nothing_is_lost_or_twice(running: Pipeline, flow: Path, out: Path) -> None:
    """History, refused repeats aside, is what the engine alone makes of the same commands; the stores agree."""
    assert differs_from_match(running.data, flow, out) == ""
    found = running.report("reconcile")
    assert found["ok"], found["checks"]


def test_each_process_is_killed_once_and_the_flow_goes_on(
    running: Pipeline, flow: Path, tmp_path: Path, seed: int
) -> None:
    victims = [spec.name for spec in present()]
    rng = random.Random(seed)
    rng.shuffle(victims)
    via = rng.choice(("zmq", "shm"))
    print(f"fed via {via}, killed in this order: {', '.join(victims)}")
    total = flow.read_bytes().count(b"\n")
    feed = running.popen("feed", str(flow), "--rate", str(RATE), "--via", via, "--json")
    for number, victim in enumerate(victims, 1):
        goal = number * total // (len(victims) + 1)
        eventually(lambda goal=goal: running.published() > goal or feed.poll() is not None, f"{goal} events")
        assert feed.poll() is None, feed.communicate()
        os.kill(eventually(lambda victim=victim: running.pid(victim), f"{victim} runs"), signal.SIGKILL)
    said, complaints = feed.communicate(timeout=120)
    assert feed.returncode == 0, complaints
    running.settled()
    assert {name: running.restarts(name) for name in victims} == dict.fromkeys(victims, 1)
    nothing_is_lost_or_twice(running, flow, tmp_path / "match")


@pytest.mark.parametrize("flow", [20_000], indirect=True)
def test_the_supervisor_is_killed_and_the_flow_goes_on_after_the_next_up(
    running: Pipeline, flow: Path, tmp_path: Path, via: str
) -> None:
    feed = running.popen("feed", str(flow), "--rate", str(RATE), "--via", via, "--json")
    eventually(lambda: running.published() > 8_000 or feed.poll() is not None, "8000 events")
    assert feed.poll() is None, feed.communicate()
    os.kill(int(running.run_file()["supervisor"]["pid"]), signal.SIGKILL)
    running.up()
    said, complaints = feed.communicate(timeout=120)
    assert feed.returncode == 0, complaints
    assert '"resumed":0' not in said.replace(" ", "")
    running.settled()
    nothing_is_lost_or_twice(running, flow, tmp_path / "match")
