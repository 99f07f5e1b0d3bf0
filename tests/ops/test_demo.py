"""`demo` as a user types it, on a few thousand generated commands: its report, its picture, its clean end."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.errors import ConfigError
from ops.demo.flow import obtain
from ops.demo.place import clear, free_name, only_demo_of
from ops.locks import lock_name
from ops.processes import present
from ops.run_file import DEFAULT_NAME, live_run
from ringbuf.shm import SHM_ROOT
from tests import warm
from tests.ops.test_pipeline import ROOT
from tests.pipeline import free_port_base

COMMANDS = 5_000


class Demo:
    """Runs the verb in one data directory, under a name of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.name = f"demo-{os.getpid()}"

    def command(self, verb: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "ops.cli", verb, *words, "--data", str(self.data), "--name", self.name]

    def start(self, *words: str) -> subprocess.Popen[str]:
        made_up = ("--generated", "--commands", str(COMMANDS), "--port-base", str(free_port_base()))
        command = self.command("demo", *made_up, *words)
        return warm.popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, errors = process.communicate(timeout=300)
        return process.returncode, out, errors

    def ask(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ops.cli", verb, *words, "--data", str(self.data / "demo")]
        return warm.run(command, cwd=ROOT, timeout=120)

    def left(self) -> list[str]:
        return [path.name for path in SHM_ROOT.glob(f"{self.name}.*")]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    demo.ask("down")


def test_the_report_says_what_the_chain_did_and_nothing_is_left(demo: Demo) -> None:
    code, out, errors = demo.run("--json")
    assert code == 0, errors
    report = json.loads(out)
    lines = (demo.data / "flow" / "commands.jsonl").read_text().splitlines()
    assert report["orders"] == len(lines)
    assert report["conserved"] is True and report["reconciled"] is True and report["clean"] is True
    assert {spec.cursor for spec in present(wanted=("gateway",)) if spec.cursor} <= set(report["consumers"])
    assert all(row == {"seq": report["events"], "lag": 0} for row in report["consumers"].values())
    venue = report["venue"]
    assert venue["trades_expected"] == venue["trades_reproduced"] == report["trades"] > 0
    assert venue["book_identical"] is True
    for stage in ("engine", "journal", "orders", "balances", "marketdata", "publisher", "settlement", "risk"):
        assert {"p50", "p99", "p999", "max"} <= set(report["latency_ns"][stage]), stage
    counts = report["counts"]
    assert counts["journal"]["records"] == counts["engine"]["events"] == counts["risk"]["events"] == report["events"]
    assert counts["orders"]["orders"] == counts["engine"]["accepted"]
    assert counts["orders"]["fills"] == 2 * report["trades"] == 2 * counts["marketdata"]["trades"]
    assert counts["publisher"]["messages"] > 0 and counts["publisher"]["missing"] == 0
    assert not report["flow"]["recorded"] and "seeded generator" in report["flow"]["title"]
    assert demo.left() == []
    assert live_run(demo.data / "demo") is None


def test_a_kept_pipeline_answers_and_the_next_demo_takes_its_place_and_shows_the_picture(demo: Demo) -> None:
    code, out, errors = demo.run("--keep", "--json")
    assert code == 0, errors
    first = live_run(demo.data / "demo")
    assert first is not None
    status = json.loads(demo.ask("status", "--json").stdout)
    assert status["published"] == json.loads(out)["events"]
    code, out, errors = demo.run()
    assert code == 0, errors
    assert "stopped first" in errors
    assert not first.supervisor.is_alive()
    assert demo.left() == []
    for words in ("1 match output", "9 reconciliation", "top of the book", "Money in = money out", "Look further"):
        assert words in out
    assert "Made up by a seeded generator" in out
    assert "Ended clean" in out
    expect_commands_to_work(out)
    days = list((demo.data / "demo" / "reports").iterdir())
    assert days and all((day / "day.json").exists() and (day / "transfers.parquet").exists() for day in days)


def expect_commands_to_work(picture: str) -> None:
    """Those that it ends with, as a user would type them."""
    further = [line.split("   ")[0].split() for line in picture.splitlines() if line.strip().startswith("./run.sh")]
    asked = [words[1:] for words in further if words[1] in ("query", "trace", "report", "reconcile")]
    assert len(asked) >= 5
    for words in asked:
        done = subprocess.run(
            [sys.executable, "-m", "ops.cli", *words], cwd=ROOT, capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 0, (words, done.stderr)


@pytest.mark.parametrize("moment", ["matchline: loading", "matchline: feeding"])
def test_a_signal_in_the_middle_stops_clean(demo: Demo, moment: str) -> None:
    process = demo.start()
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(moment):
            break
    process.send_signal(signal.SIGINT if "feeding" in moment else signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert demo.left() == []
    assert live_run(demo.data / "demo") is None


def test_a_name_in_use_is_left_alone() -> None:
    try:
        held = lock_name(DEFAULT_NAME, 0.0)
    except ConfigError:  # a pipeline of this host has it: just what is to be shown
        assert free_name(None) != DEFAULT_NAME
        return
    with held:
        assert free_name(None) != DEFAULT_NAME
    assert free_name("mine") == "mine"


def test_only_a_demos_own_files_are_ever_deleted(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    data.mkdir()
    (data / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="thesis.txt"):
        clear(data)
    assert (data / "thesis.txt").read_text() == "mine"


def test_two_demos_in_one_directory_are_refused(tmp_path: Path) -> None:
    held = only_demo_of(tmp_path / "demo")
    with pytest.raises(ConfigError, match="another demo"):
        only_demo_of(tmp_path / "demo")
    fcntl.flock(held, fcntl.LOCK_UN)
    os.close(held)
    os.close(only_demo_of(tmp_path / "demo"))


def test_without_a_network_the_generator_stands_in_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # where no earlier fetch has left the recording
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    flow = obtain(tmp_path / "flow", tmp_path / "data", 100, made_up=False)
    assert not flow.recorded
    assert "seeded generator" in flow.title
    said = capsys.readouterr().err
    assert "no recorded order flow" in said
    assert "seeded generator" in said
    assert flow.summary.commands_path.exists() and flow.summary.expected_path.exists()
