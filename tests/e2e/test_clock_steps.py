"""The host's wall clock steps back an hour, forward two, and back again, under a running pipeline."""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.flow import commands, history, write_lines
from tests.pipeline import Pipeline, eventually, pipeline

SHIM = Path(__file__).with_name("clock_shim.c")
HOUR_NS = 3_600_000_000_000
STEPS_NS = (-HOUR_NS, 2 * HOUR_NS, 0)
COUNT = 8_000
RATE = 2_000


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that moves the wall clock of every process that is started from now on."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    library, moved = tmp_path / "clock_shim.so", tmp_path / "moved_ns"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SHIM), "-ldl"], check=True)
    step(moved, 0)
    monkeypatch.setenv("CLOCK_SHIM", str(moved))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    return moved


def step(clock: Path, moved_ns: int) -> None:
    with clock.open("r+b" if clock.exists() else "wb") as file:
        file.write(struct.pack("<q", moved_ns))


@pytest.fixture
def running(tmp_path: Path, clock: Path) -> Iterator[Pipeline]:
    with pipeline(tmp_path) as made:
        made.up()
        yield made


def test_a_wall_clock_that_steps_moves_venue_time_forward_only_and_ends_nobody(
    running: Pipeline, clock: Path, tmp_path: Path
) -> None:
    flow = write_lines(tmp_path / "commands.jsonl", commands(COUNT, 8, timed=False))
    feed = running.popen("feed", str(flow), "--rate", str(RATE), "--json")
    for number, moved_ns in enumerate(STEPS_NS, 1):
        goal = number * COUNT // (len(STEPS_NS) + 1)
        eventually(lambda goal=goal: running.published() > goal, f"{goal} events")  # type: ignore[misc]
        step(clock, moved_ns)
    said, complaints = feed.communicate(timeout=120)
    assert feed.returncode == 0, complaints
    status = running.settled()
    assert {row["restarts"] for row in status["processes"].values()} == {0}, "nobody was taken for dead"
    events, _ = history(running.data)
    steps_ns = np.diff(events["ts_ns"])
    assert (steps_ns >= 0).all()
    assert steps_ns.max() > 1.9 * HOUR_NS, "venue time followed the step forward"
    assert running.report("reconcile")["ok"]
