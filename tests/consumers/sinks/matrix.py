"""What every sink's process has to survive, as tests on a whole pipeline: a server's own class inherits these.

One pipeline a class, since starting one takes seconds. Each test feeds a part of one long flow meanwhile, does its
harm, and at its end the sink's store must equal the journal.
"""

import json
import os
import random
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import pytest

from config.settings import SinkSettings
from consumers.sinks.status import SinkStatus, read_status
from ops.sinks import check_sinks
from tests.e2e.flow import commands, write_lines
from tests.pipeline import Pipeline, eventually, pipeline
from tests.servers.base import Server
from tests.servers.proxy import Link

SEED = 7
NAME = "out"
SINK = f"sink-{NAME}"


def sink_table(settings: SinkSettings) -> str:
    """The `[[sink]]` table of a configuration file."""
    default = SinkSettings()
    lines = [f"{key} = {value!r}" for key, value in vars(settings).items() if value != getattr(default, key)]
    return "\n".join(["[[sink]]", *lines, ""]).replace("'", '"')


class Course:
    """A running pipeline with one sink, the link to its server, and the flow of which each test feeds a part."""

    def __init__(self, pipe: Pipeline, link: Link | None, folder: Path) -> None:
        self.pipe = pipe
        self.link = link
        self._folder = folder
        self._flow = commands(1_000_000, SEED)
        self._parts = 0

    @property
    def status(self) -> SinkStatus:
        """What the sink says of itself."""
        return read_status(self.pipe.data, NAME)

    @property
    def row(self) -> dict[str, Any]:
        """What `status` says of it."""
        done = self.pipe.verb("status", "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        row: dict[str, Any] = found["consumers"][SINK]
        return row

    @property
    def pid(self) -> int:
        """Its process, once there is one."""
        return int(eventually(lambda: self.pipe.pid(SINK), "a sink process"))

    @contextmanager
    def fed(self, count: int = 1_400, rate: int = 700) -> Iterator[None]:
        """Feed the next commands meanwhile, to the end; some of them have arrived when the body begins."""
        self._parts += 1
        path = write_lines(self._folder / f"part-{self._parts}.jsonl", islice(self._flow, count))
        begun = self.pipe.published()
        feed = self.pipe.popen("feed", str(path), "--rate", str(rate))
        try:
            eventually(lambda: self.pipe.published() > begun, "the flow has begun")
            yield
            out, err = feed.communicate(timeout=180)
            assert feed.returncode == 0, f"feed: {err[-2000:]}{out[-500:]}"
        finally:
            if feed.poll() is None:
                feed.kill()
                feed.communicate()

    def goes_on(self) -> None:
        """Wait until it has written something new, or everything."""
        before = self.status.seq
        eventually(lambda: self.status.seq > before or self.status.seq == self.pipe.published(), "it goes on")

    def expect_equal(self) -> None:
        """It has caught up and holds exactly what the journal does."""
        eventually(lambda: self.status.seq == self.pipe.published(), "it has caught up")
        (check,) = check_sinks(self.pipe.data)
        assert check.ok, check.detail

    def start_again(self) -> None:
        """`up` of a pipeline that was stopped."""
        self.pipe.up()


class ProcessMatrix(ABC):
    """Tests of a sink's process, whatever it writes to."""

    @classmethod
    @abstractmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        """As in the contract; port 0 where there is no server."""

    @pytest.fixture(scope="class")
    @classmethod
    def course(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
        folder = tmp_path_factory.mktemp("course")
        yield from cls.courses(folder, None, cls.settings(folder.name, 0))

    @classmethod
    def courses(cls, folder: Path, link: Link | None, made: SinkSettings) -> Iterator[Course]:
        settings = SinkSettings(**{**vars(made), "name": NAME})
        with pipeline(folder, config=sink_table(settings)) as pipe:
            pipe.up()
            yield Course(pipe, link, folder)

    def test_a_steady_flow_arrives_and_status_says_so(self, course: Course) -> None:
        with course.fed():
            course.goes_on()
            row = course.row
            assert (row["errors"], row["dead_letters"]) == (0, 0)
            assert row["state"] in ("running", "catching_up")
        course.expect_equal()

    def test_trace_shows_its_row_and_replay_resends_harmlessly(self, course: Course) -> None:
        trade = course.pipe.report("query", "trades", "BTC-USDT", "--last", "1")["trades"][0]["seq"]
        step = course.pipe.report("trace", str(trade))["steps"][3]
        assert [row["rows"][0]["seq"] for row in step["sinks"]] == [trade]
        assert course.pipe.report("replay", "--consumer", SINK, "--from", "1")["missing"] == 0
        course.expect_equal()

    def test_kills_of_the_process_lose_and_repeat_nothing(self, course: Course) -> None:
        rng = random.Random(SEED)
        with course.fed(2_100):
            for _ in range(5):
                time.sleep(rng.uniform(0.02, 0.4))  # a moment of its own for each kill
                pid = course.pid
                os.kill(pid, signal.SIGKILL)
                eventually(lambda killed=pid: course.pipe.pid(SINK) not in (0, killed), "a new one")
        course.expect_equal()

    def test_reconcile_over_everything_is_clean(self, course: Course) -> None:
        course.pipe.settled()
        report = course.pipe.report("reconcile")
        assert SINK in {check["name"] for check in report["checks"]}


class SinkMatrix(ProcessMatrix):
    """And of its server, and the link between them."""

    server: ClassVar[Server]  # running at the start of each test

    @classmethod
    def link(cls) -> Link:
        """A link to the server that can be cut."""
        return Link(cls.server.port)

    @pytest.fixture(scope="class")
    @classmethod
    def course(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
        folder = tmp_path_factory.mktemp("course")
        with cls.link() as link:
            yield from cls.courses(folder, link, cls.settings("matrix", link.port))

    def test_a_link_that_is_cut_and_heals_loses_and_repeats_nothing(self, course: Course) -> None:
        link = course.link
        assert link is not None
        rng = random.Random(SEED + 2)
        with course.fed(2_100):
            for _ in range(4):
                link.cut_after(rng.randrange(1, 40_000))
                eventually(lambda: link.is_cut or course.status.seq == course.pipe.published(), "it is cut")
                link.heal()
                course.goes_on()
        course.expect_equal()

    def test_kills_of_the_server_and_of_both_lose_and_repeat_nothing(self, course: Course) -> None:
        rng = random.Random(SEED + 1)
        with course.fed(2_100):
            for number in range(2):
                time.sleep(rng.uniform(0.05, 0.5))
                self.server.kill()
                if number % 2:
                    os.kill(course.pid, signal.SIGKILL)
                self.server.restart()
                course.goes_on()
        course.expect_equal()

    def test_the_engine_never_notices_a_long_absence(self, course: Course) -> None:
        self.server.kill()
        try:
            restarts = course.pipe.restarts(SINK)
            with course.fed():  # to the end: every command is answered
                eventually(lambda: course.status.state == "away", "it says that it is away")

            def is_shown() -> bool:  # between two tries it says `running` for a moment
                row = course.row
                return bool(row["state"] == "away" and row["errors"] > 0 and row["why"] and row["lag"] > 0)

            eventually(is_shown, "status says so, with its reason and lag")
            assert course.pipe.restarts(SINK) == restarts, "it waits, and is not started again and again"
        finally:
            self.server.restart()
        course.expect_equal()

    def test_a_stop_and_a_start_do_not_wait_for_a_server_that_is_gone(self, course: Course) -> None:
        self.server.kill()
        try:
            done: subprocess.CompletedProcess[str] = course.pipe.verb("down")
            assert done.returncode == 0, done.stderr  # 1 where it had to be killed
            course.start_again()
            with course.fed(300, 3_000):
                eventually(lambda: course.status.state == "away", "it says that it is away")
        finally:
            self.server.restart()
        course.expect_equal()


def wanted(module: Any) -> Any:
    """Skip by name what needs a server that is not here and can't be had."""
    if why := module.missing():
        pytest.skip(why)
    return module
