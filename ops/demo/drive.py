"""A pipeline of the demo's own: started, fed and stopped by the same verbs that a user types."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ops.looking import Look
from ops.run_file import ProcessRow, live_run, require_run
from ringbuf.lanes import Lanes, Producer
from ringbuf.shm import SHM_ROOT

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config" / "demo.toml"
FEED_LANE = "feed"
CATCH_UP_S = 120.0
POLL_S = 0.05


class DemoFailed(Exception):
    """The demo can't go on; the message says why and where to look."""


class Pipeline:
    """The pipeline of one data directory and name. The verbs run in sessions of their own: Ctrl-C is the demo's."""

    def __init__(self, data: Path, name: str, port_base: int) -> None:
        self.data = data
        self.name = name
        self.port_base = port_base
        self.pids: list[tuple[str, ProcessRow]] = []
        self._feed: subprocess.Popen[bytes] | None = None
        self._up: subprocess.Popen[bytes] | None = None

    def _verb(self, verb: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "ops.cli", verb, *words, "--data", str(self.data), "--name", self.name]

    def start(self, instruments: Path) -> None:
        """Up, with the compiler's progress as the supervisor logs it. Raises DemoFailed."""
        words = (
            "--detach",
            "--port-base",
            str(self.port_base),
            "--instruments",
            str(instruments),
            "--config",
            str(CONFIG),
        )
        log = self.data / "logs" / "supervisor.log"
        self._up = self._spawn(self._verb("up", *words), stdout=subprocess.DEVNULL)
        told = 0
        while self._up.poll() is None:
            told = _tell_new_lines(log, told)
            time.sleep(POLL_S)
        _tell_new_lines(log, told)
        if self._up.returncode:
            raise DemoFailed(f"the pipeline did not start; its logs: {log.parent}")
        run = live_run(self.data)
        if run is None:
            raise DemoFailed(f"the pipeline ended at once; its logs: {log.parent}")
        self.pids = list(run.processes.items())

    def feed(self, commands: Path) -> None:
        """Begin to feed the commands, beside us."""
        with (self.data / "logs" / "feed.log").open("wb") as log:
            words = (str(commands), "--rate", "max", "--via", "shm", "--json")
            self._feed = self._spawn(self._verb("feed", *words), stdout=subprocess.PIPE, stderr=log)

    def fed(self) -> dict[str, Any] | None:
        """The feed's summary once it has ended well, None while it runs. Raises DemoFailed."""
        assert self._feed is not None and self._feed.stdout is not None
        if self._feed.poll() is None:
            return None
        said = self._feed.stdout.read()
        self._feed.stdout.close()
        if self._feed.returncode or not said.strip():
            raise DemoFailed(f"feed ended with {self._feed.returncode}; its log: {self.data / 'logs' / 'feed.log'}")
        summary: dict[str, Any] = json.loads(said)
        return summary

    def ask(self, verb: str, *words: str) -> dict[str, Any]:
        """Run a report verb; its JSON object, whatever its exit code."""
        process = self._spawn(self._verb(verb, *words, "--json"), stdout=subprocess.PIPE)
        said, _ = process.communicate()
        if not said.strip():
            raise DemoFailed(f"{verb} ended with {process.returncode} and no report")
        report: dict[str, Any] = json.loads(said)
        return report

    def stop(self) -> None:
        """Stop all that was started, also in the middle of a start. Twice is harmless."""
        if self._feed is not None and self._feed.poll() is None:
            self._feed.terminate()
            self._feed.wait()
        if self._up is not None and self._up.poll() is None:
            self._up.wait()  # what it starts can be stopped cleanly only when it is there
        if live_run(self.data) is not None:
            self._spawn(self._verb("down"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()

    def left(self) -> list[str]:
        """What is left of it: processes that live, shared memory that is there."""
        alive = [f"{name} ({row.pid})" for name, row in self.pids if row.is_alive()]
        return alive + [str(path) for path in sorted(SHM_ROOT.glob(f"{self.name}.*"))]

    @staticmethod
    def _spawn(command: list[str], **streams: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True, **streams)


def _tell_new_lines(log: Path, told: int) -> int:
    """Say the log's whole lines from byte `told` on; where it ends now."""
    if not log.exists():
        return told
    with log.open("rb") as file:
        file.seek(told)
        new = file.read()
    whole = new[: new.rfind(b"\n") + 1]
    sys.stderr.write(whole.decode(errors="replace"))
    sys.stderr.flush()
    return told + len(whole)


def looks(pipeline: Pipeline, every_s: float) -> Iterator[tuple[dict[str, Any], int]]:
    """(status, commands answered so far), again and again; ends with the pipeline."""
    look = Look(pipeline.data)
    lane = None
    try:
        before = look.sample(require_run(pipeline.data))
        lanes = Lanes.attach(f"/{pipeline.name}.lanes")
        while True:
            time.sleep(every_s)
            try:
                status, before = look.report(before, memory=False)
            except ConfigError:
                return
            if lane is None and FEED_LANE in lanes.names():
                lane = Producer(lanes, lanes.names().index(FEED_LANE), FEED_LANE, owner=0)  # only to look at
            yield status, lane.consumed if lane is not None else 0
    finally:
        look.close()


def watch(
    pipeline: Pipeline, every_s: float, show: Callable[[dict[str, Any], int], None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Show each look until the feed has ended and everybody has caught up: (feed's summary, last status).

    Raises DemoFailed where that takes longer than CATCH_UP_S after the feed's end.
    """
    deadline = 0.0
    feed: dict[str, Any] | None = None
    for status, answered in looks(pipeline, every_s):
        show(status, answered)
        if feed is None:
            feed = pipeline.fed()
            deadline = time.monotonic() + CATCH_UP_S
        elif all(row["lag"] == 0 for row in status["consumers"].values()):
            return feed, status
        elif time.monotonic() > deadline:
            behind = {name: row["lag"] for name, row in status["consumers"].items() if row["lag"] != 0}
            raise DemoFailed(f"not caught up {CATCH_UP_S:.0f} s after the feed: lag {behind}")
    raise DemoFailed("the pipeline ended while it was watched")
