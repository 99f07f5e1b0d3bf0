"""What every sink's process has to survive, as tests on a whole pipeline: a server's own class inherits these.

The flow goes on meanwhile, and at the end `reconcile` must find the sink's store equal to the journal.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.settings import SinkSettings
from consumers.sinks.status import SinkStatus, read_status
from tests.e2e.flow import commands, write_lines
from tests.pipeline import Pipeline, eventually, pipeline
from tests.servers.base import Server
from tests.servers.proxy import Link

SEED = 7
NAME = "out"


def sink_table(settings: SinkSettings) -> str:
    """The `[[sink]]` table of a configuration file."""
    default = SinkSettings()
    lines = [f"{key} = {value!r}" for key, value in vars(settings).items() if value != getattr(default, key)]
    return "\n".join(["[[sink]]", *lines, ""]).replace("'", '"')


class Flow:
    """`feed` of recorded commands beside the test."""

    def __init__(self, pipe: Pipeline, folder: Path, count: int, rate: int) -> None:
        self._path = write_lines(folder / "commands.jsonl", commands(count, SEED))
        self._process = pipe.popen("feed", str(self._path), "--rate", str(rate))

    @property
    def runs(self) -> bool:
        """Not all is answered yet."""
        return self._process.poll() is None

    def finish(self) -> None:
        """Wait until everything is answered."""
        out, err = self._process.communicate(timeout=180)
        assert self._process.returncode == 0, f"feed: {err[-2000:]}{out[-500:]}"

    def kill(self) -> None:
        """End it, whatever it was doing."""
        self._process.kill()
        self._process.communicate()


class SinkMatrix:
    """Tests of one sink's process, its server and the link between them."""

    server: Server  # running at the start of each test

    def settings(self, name: str, port: int) -> SinkSettings:
        """As in the contract."""
        raise NotImplementedError

    @contextmanager
    def running(self, folder: Path, settings: SinkSettings, more: str = "") -> Iterator[Pipeline]:
        with pipeline(folder, config=more + sink_table(settings)) as pipe:
            pipe.up()
            yield pipe

    def status(self, pipe: Pipeline) -> SinkStatus:
        return read_status(pipe.data, NAME)

    def expect_reconciled(self, pipe: Pipeline) -> None:
        """The sink has caught up and holds exactly what the journal does."""
        pipe.settled()
        report = pipe.report("reconcile")
        found = {check["name"]: check for check in report["checks"]}
        assert found[f"sink-{NAME}"]["ok"], found

    def named(self, request: Any, port: int | None = None) -> SinkSettings:
        made = self.settings(request.node.name, self.server.port if port is None else port)
        return SinkSettings(**{**vars(made), "name": NAME})

    def under_flow(
        self, folder: Path, settings: SinkSettings, fault: Callable[[Pipeline], None], count: int = 12_000
    ) -> None:
        """Feed, do harm once something has arrived, feed to the end, compare."""
        with self.running(folder, settings) as pipe:
            flow = Flow(pipe, folder, count, rate=2_000)
            try:
                eventually(lambda: self.status(pipe).seq > 500, "the sink has taken something")
                fault(pipe)
                flow.finish()
            except BaseException:
                flow.kill()
                raise
            self.expect_reconciled(pipe)

    def test_a_steady_flow_arrives_and_status_says_so(self, tmp_path: Path, request: Any) -> None:
        def look(pipe: Pipeline) -> None:
            row = pipe.report("status")["consumers"][f"sink-{NAME}"]
            assert (row["errors"], row["dead_letters"]) == (0, 0)
            assert row["state"] in ("running", "catching_up")

        self.under_flow(tmp_path, self.named(request), look)

    def test_kills_of_the_process_lose_and_repeat_nothing(self, tmp_path: Path, request: Any) -> None:
        rng = random.Random(SEED)

        def kills(pipe: Pipeline) -> None:
            for _ in range(6):
                pid = eventually(lambda: pipe.pid(f"sink-{NAME}"), "a sink process")
                time.sleep(rng.uniform(0.05, 0.6))  # a moment of its own for each kill
                os.kill(pid, signal.SIGKILL)
                eventually(lambda killed=pid: pipe.pid(f"sink-{NAME}") not in (0, killed), "a new one")

        self.under_flow(tmp_path, self.named(request), kills)

    def test_kills_of_the_server_and_of_both_lose_and_repeat_nothing(self, tmp_path: Path, request: Any) -> None:
        rng = random.Random(SEED + 1)

        def kills(pipe: Pipeline) -> None:
            for number in range(4):
                time.sleep(rng.uniform(0.1, 0.8))
                self.server.kill()
                if number % 2:
                    os.kill(pipe.pid(f"sink-{NAME}"), signal.SIGKILL)
                self.server.restart()
                before = self.status(pipe).seq
                eventually(lambda at=before: self.status(pipe).seq > at or pipe.published() == at, "it goes on")

        self.under_flow(tmp_path, self.named(request), kills)

    def test_the_engine_never_notices_a_long_absence(self, tmp_path: Path, request: Any) -> None:
        def leave(pipe: Pipeline) -> None:
            self.server.kill()
            try:
                eventually(lambda: self.status(pipe).state == "away", "it says that it is away")
                before = pipe.published()
                eventually(lambda: pipe.published() > before + 4_000, "the engine goes on")
                row = pipe.report("status")["consumers"][f"sink-{NAME}"]
                assert row["state"] == "away" and row["errors"] > 0 and row["why"] and row["lag"] > 0
                assert pipe.restarts(f"sink-{NAME}") == 0, "it waits, and is not started again and again"
            finally:
                self.server.restart()

        self.under_flow(tmp_path, self.named(request), leave)

    def test_a_start_without_the_server_is_a_start(self, tmp_path: Path, request: Any) -> None:
        settings = self.named(request)
        self.server.kill()
        try:
            with self.running(tmp_path, settings) as pipe:
                flow = Flow(pipe, tmp_path, 500, rate=5_000)
                flow.finish()
                assert self.status(pipe).state == "away"
                self.server.restart()
                self.expect_reconciled(pipe)
        finally:
            if self.server._process is None:
                self.server.restart()

    def test_a_link_that_is_cut_and_heals_loses_and_repeats_nothing(self, tmp_path: Path, request: Any) -> None:
        rng = random.Random(SEED + 2)
        with Link(self.server.port) as link:

            def cuts(pipe: Pipeline) -> None:
                for _ in range(5):
                    link.cut_after(rng.randrange(1, 200_000))
                    eventually(lambda: link.is_cut, "the link is cut")
                    link.heal()

            self.under_flow(tmp_path, self.named(request, link.port), cuts, count=20_000)

    def test_a_stop_does_not_wait_for_a_server_that_is_gone(self, tmp_path: Path, request: Any) -> None:
        with self.running(tmp_path, self.named(request)) as pipe:
            Flow(pipe, tmp_path, 500, rate=5_000).finish()
            self.server.kill()
            try:
                done = pipe.verb("down")
                assert done.returncode == 0, done.stderr  # 1 where it had to be killed
            finally:
                self.server.restart()

    def test_trace_shows_its_row_and_replay_resends_harmlessly(self, tmp_path: Path, request: Any) -> None:
        with self.running(tmp_path, self.named(request)) as pipe:
            Flow(pipe, tmp_path, 1_000, rate=5_000).finish()
            self.expect_reconciled(pipe)
            trade = pipe.report("query", "trades", "BTC-USDT", "--last", "1")["trades"][0]["seq"]
            step = pipe.report("trace", str(trade))["steps"][3]
            assert [row["rows"][0]["seq"] for row in step["sinks"]] == [trade]
            sent = pipe.report("replay", "--consumer", f"sink-{NAME}", "--from", "1")
            assert sent["missing"] == 0
            self.expect_reconciled(pipe)


def wanted(module: Any) -> Any:
    """Skip by name what needs a server that is not here and can't be had."""
    if why := module.missing():
        pytest.skip(why)
    return module
