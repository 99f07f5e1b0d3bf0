"""`up`, `status` and `down` as a user types them, with every real process."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.settings import load
from ops.leftover import unlink_all
from ops.memory import SharedMemory
from ops.processes import present
from ops.run_file import PORTS
from ringbuf.lanes import Lanes
from ringbuf.records import EVENT
from ringbuf.ring import Ring
from ringbuf.shm import SHM_ROOT, process_start
from tests import warm
from tests.pipeline import free_port_base

ROOT = Path(__file__).resolve().parents[2]


class Verbs:
    """Runs verbs on one data directory and name."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.name = f"pipe-{os.getpid()}"
        self.base = free_port_base()

    def __call__(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ops.cli", verb, "--data", str(self.data), "--name", self.name, *arguments]
        return warm.run(command, cwd=ROOT, timeout=300)

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self("up", "--detach", "--port-base", str(self.base), *arguments)

    def status(self) -> dict[str, Any]:
        return json.loads(self("status", "--json").stdout)

    def segments(self) -> list[str]:
        return [path.name for path in SHM_ROOT.glob(f"{self.name}.*")]


@pytest.fixture
def verbs(tmp_path: Path) -> Iterator[Verbs]:
    verbs = Verbs(tmp_path)
    yield verbs
    verbs("down")


def eventually(verbs: Verbs, condition: Any) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        status = verbs.status()
        if condition(status):
            return status
        assert time.monotonic() < deadline, json.dumps(status, indent=1)


def all_caught_up(status: dict[str, Any]) -> bool:
    running = all(row["state"] == "running" and row["pid"] for row in status["processes"].values())
    return running and all(row["lag"] == 0 for row in status["consumers"].values())


def test_up_runs_every_process_and_down_leaves_nothing(verbs: Verbs) -> None:
    up = verbs.up("--json")
    assert up.returncode == 0, up.stderr
    run = json.loads(up.stdout)
    assert set(run["processes"]) == {spec.name for spec in present(wanted=("gateway",))}
    status = eventually(verbs, all_caught_up)
    assert status["published"] > 0  # the listings
    assert {spec.cursor for spec in present(wanted=("gateway",)) if spec.cursor} <= set(status["consumers"])
    down = verbs("down", "--json")
    assert down.returncode == 0, down.stderr
    assert json.loads(down.stdout)["stopped"]
    assert verbs.segments() == []
    assert not any(process_start(row["pid"]) for row in run["processes"].values())


def test_a_second_up_goes_on_in_the_same_history(verbs: Verbs) -> None:
    assert verbs.up().returncode == 0
    first = eventually(verbs, all_caught_up)
    assert verbs("down").returncode == 0
    assert verbs.up().returncode == 0
    second = eventually(verbs, all_caught_up)
    assert second["epoch"] == first["epoch"]
    assert second["published"] == first["published"]


def test_a_second_up_on_a_live_data_directory_is_refused(verbs: Verbs) -> None:
    assert verbs.up().returncode == 0
    again = verbs.up()
    assert again.returncode == 2
    assert "--data" in again.stderr


def test_after_a_killed_supervisor_up_recovers(verbs: Verbs) -> None:
    up = verbs.up("--json")
    assert up.returncode == 0, up.stderr
    before = eventually(verbs, all_caught_up)
    os.kill(json.loads(up.stdout)["supervisor"]["pid"], 9)
    again = verbs.up()
    assert again.returncode == 0, again.stderr
    after = eventually(verbs, all_caught_up)
    assert after["epoch"] == before["epoch"]
    assert after["published"] == before["published"]


@pytest.mark.parametrize("name", [spec.name for spec in present(wanted=("gateway",))])
def test_a_killed_process_comes_back_and_catches_up(verbs: Verbs, name: str) -> None:
    assert verbs.up().returncode == 0
    before = eventually(verbs, all_caught_up)
    os.kill(before["processes"][name]["pid"], 9)
    after = eventually(verbs, lambda status: status["processes"][name]["restarts"] == 1 and all_caught_up(status))
    assert after["published"] == before["published"]
    took_over = "; replica took over" if name == "engine" else ""
    assert after["processes"][name]["why"] == "killed by SIGKILL" + took_over


def test_wrong_configuration_is_exit_code_2_and_names_the_field(verbs: Verbs, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[engine]\ncolour = 1\n")
    up = verbs.up("--config", str(wrong))
    assert up.returncode == 2
    assert "engine.colour" in up.stderr


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[[sink]]\nname = "r"\nkind = "parquet"\nurl = "file://elsewhere/files"\n', "sink[0].url: "),
        ('[entry]\nkafka = "amqp://127.0.0.1:5672"\n', "entry.kafka: "),
        ('[ports]\nhost = "0.0.0.0"\n', "entry.keys: "),
    ],
)
def test_what_this_version_can_not_do_is_refused_and_not_ignored(
    verbs: Verbs, tmp_path: Path, text: str, field: str
) -> None:
    file = tmp_path / "later.toml"
    file.write_text(text)
    up = verbs.up("--config", str(file))
    assert up.returncode == 2
    assert field in up.stderr
    assert verbs.segments() == []


def test_a_port_in_use_is_named_before_anything_starts(verbs: Verbs) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", verbs.base + PORTS["feed_binary"]))
        other.listen()
        up = verbs.up()
    assert up.returncode == 2
    assert f"--port-base: port {verbs.base + PORTS['feed_binary']} (feed_binary)" in up.stderr
    assert verbs.segments() == []


def test_an_engine_that_has_not_recovered_is_not_ready(tmp_path: Path) -> None:
    settings = load()
    memory = SharedMemory.open(f"ready-{os.getpid()}", tmp_path, settings)
    lanes = Lanes.attach(f"/ready-{os.getpid()}.lanes")
    ring = Ring.attach(f"/ready-{os.getpid()}.events", "event")
    engine = next(spec for spec in present(wanted=("gateway",)) if spec.name == "engine")
    try:
        ring.append(np.zeros(1, EVENT))  # as history before a restart would have
        assert not memory.is_ready(engine, os.getpid())
        own = lanes.producer("engine")
        assert memory.is_ready(engine, os.getpid())
        assert not memory.is_ready(engine, os.getpid() + 1)
        own.close()
        assert not memory.is_ready(engine, os.getpid())
    finally:
        lanes.close()
        ring.close()
        unlink_all(f"ready-{os.getpid()}")
