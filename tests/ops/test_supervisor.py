"""The supervisor with real forks and small processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.run_file import live_run, read_run
from ringbuf.shm import process_start

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the suite was started by nohup
from pathlib import Path
from ops.run_file import ProcessRow, RunFile
from ops.supervisor import StartFailed, Supervisor
from ringbuf.shm import process_start
from tests.ops import fakes
data, table = Path(sys.argv[1]), getattr(fakes, sys.argv[2])
me = ProcessRow(pid=os.getpid(), start=process_start(os.getpid()))
run = RunFile("test", 1, "laptop", 5550, "", "", {}, me)
cores = {spec.name: os.sched_getaffinity(0) for spec in table}
supervisor = Supervisor(table, fakes.FakeContext(data), run, fakes.FileMemory(data), cores)
try:
    sys.exit(supervisor.run(lambda: (data / "ready").touch()))
except StartFailed as error:
    sys.exit(str(error))
"""


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    pytest.fail(f"never happened: {what}")


def start(data: Path, table: str = "TABLE") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data), table], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = start(tmp_path)
    wait_until((tmp_path / "ready").exists, "all processes ready")
    yield process
    process.kill()
    process.communicate()


def pids(data: Path) -> dict[str, int]:
    found = read_run(data)
    assert found is not None
    return {name: row.pid for name, row in found.processes.items()}


def test_it_stops_group_after_group_and_ends_with_0(supervisor: subprocess.Popen[str], tmp_path: Path) -> None:
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(30) == 0
    assert (tmp_path / "order").read_text().split() == ["first", "middle", "last"]
    assert (tmp_path / "finished").exists()
    assert not (tmp_path / "run.json").exists()


def test_it_says_in_run_json_who_runs(supervisor: subprocess.Popen[str], tmp_path: Path) -> None:
    run = wait_until(lambda: live_run(tmp_path), "run.json of a live supervisor")
    assert run.supervisor.pid == supervisor.pid
    assert run.state == "running"
    assert set(run.processes) == {"first", "middle", "last"}
    assert all(row.state == "running" and row.is_alive() for row in run.processes.values())
    assert json.loads((tmp_path / "run.json").read_text())["ports"]["replay"] == 5553


def test_a_killed_process_comes_back_and_the_reason_is_named(supervisor: subprocess.Popen[str], tmp_path: Path) -> None:
    before = pids(tmp_path)
    os.kill(before["middle"], signal.SIGKILL)

    def is_back() -> bool:
        run = read_run(tmp_path)
        assert run is not None
        row = run.processes["middle"]
        return row.state == "running" and row.pid != before["middle"] and row.restarts == 1

    wait_until(is_back, "middle running again")
    run = read_run(tmp_path)
    assert run is not None
    assert run.processes["middle"].why == "killed by SIGKILL"
    assert pids(tmp_path)["first"] == before["first"]
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(30) == 0


def test_who_shows_no_life_is_killed_and_comes_back(supervisor: subprocess.Popen[str], tmp_path: Path) -> None:
    silent = tmp_path / "middle.silent"
    silent.write_text("31")
    wait_until(lambda: (found := read_run(tmp_path)) and found.processes["middle"].restarts == 1, "middle replaced")
    silent.unlink()
    run = wait_until(
        lambda: (found := read_run(tmp_path)) and found.processes["middle"].state == "running" and found, ""
    )
    assert run.processes["middle"].why == "no life for 30 s, killed by SIGKILL"
    assert {run.processes[name].restarts for name in ("first", "last")} == {0}
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(30) == 0


def test_who_was_stopped_for_longer_than_it_waits_goes_on_supervising(tmp_path: Path) -> None:
    # Most times CPython's sigtimedwait happens to return the last signal again: hence several stops, one after another.
    program = "import ops.supervisor\nops.supervisor.IDLE_S = 0.1\n" + PROGRAM
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), "TABLE"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    wait_until((tmp_path / "ready").exists, "all processes ready")
    for _ in range(5):
        process.send_signal(signal.SIGSTOP)
        wait_until(
            lambda: "(stopped)" in Path(f"/proc/{process.pid}/status").read_text(), "the supervisor stands still"
        )
        time.sleep(0.3)  # longer than it waits at most
        process.send_signal(signal.SIGCONT)
        wait_until(
            lambda: "(sleeping)" in Path(f"/proc/{process.pid}/status").read_text(), "it waits again, or has ended"
        )
    os.kill(pids(tmp_path)["middle"], signal.SIGKILL)
    wait_until(lambda: (found := read_run(tmp_path)) and found.processes["middle"].restarts == 1, "middle was replaced")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert f"told to stop: SIGTERM from process {os.getpid()}" in said


def test_a_terminal_that_closes_is_a_clean_stop(supervisor: subprocess.Popen[str], tmp_path: Path) -> None:
    supervisor.send_signal(signal.SIGHUP)
    assert supervisor.wait(30) == 0
    assert supervisor.stderr is not None
    assert f"told to stop: SIGHUP from process {os.getpid()}" in supervisor.stderr.read()
    assert (tmp_path / "order").read_text().split() == ["first", "middle", "last"]


def test_a_signal_to_the_group_still_stops_one_after_another(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), "TABLE"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until((tmp_path / "ready").exists, "all processes ready")
    os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert (tmp_path / "order").read_text().split() == ["first", "middle", "last"]
    assert "restart" not in said


def test_children_notice_that_the_supervisor_was_killed(supervisor: subprocess.Popen[str], tmp_path: Path) -> None:
    children = pids(tmp_path)
    supervisor.kill()
    supervisor.wait(30)
    wait_until(lambda: not any(process_start(pid) for pid in children.values()), "children gone")
    assert sorted((tmp_path / "order").read_text().split()) == ["first", "last", "middle"]
    assert live_run(tmp_path) is None


def test_a_process_that_does_not_start_ends_the_start_up_with_its_reason(tmp_path: Path) -> None:
    process = start(tmp_path, "BROKEN")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "broken does not start: exit code 1: ValueError: the port is taken" in said
    # Whoever had not come far enough to hear SIGTERM has no line in `order`; gone are all of them.
    assert (tmp_path / "finished").exists()
    assert live_run(tmp_path) is None
