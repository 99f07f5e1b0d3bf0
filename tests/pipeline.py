"""A running pipeline for tests: real processes on a data directory, a name and ports of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ops.looking import Look
from ops.run_file import PORTS, require_run
from ringbuf.lanes import Lanes
from ringbuf.layout import LANE, LANE_LINES_AT, LANE_SIZE
from ringbuf.ring import Ring
from ringbuf.shm import SHM_ROOT, unlink
from tests import warm

ROOT = Path(__file__).resolve().parents[1]
INSTRUMENTS = ROOT / "config" / "instruments.toml"
PATIENCE_S = 60.0
PROGRAM = """
import sys
from pathlib import Path
from ops.pipeline import start
from ops.processes import PROCESSES
name, data, config, instruments, base, *wanted = sys.argv[1:]
table = tuple(spec for spec in PROCESSES if spec.name in wanted)
said = lambda run: print("ready", flush=True)
sys.exit(start(name, Path(data), "laptop", Path(config) if config else None, Path(instruments), int(base), said, table))
"""


def free_port_base(skip: int = 0) -> int:
    """A base whose every port is free just now; another one for each `skip`, for pipelines side by side.

    Below the ports that the system gives out by itself, and apart from those of a test process beside this one.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for base in range(21000 + worker % 8 * 1400 + os.getpid() % 5 * 40 + skip % 6 * 200, 60000, 20):
        sockets = []
        try:
            for offset in PORTS.values():
                one = socket.socket()
                sockets.append(one)
                one.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no free ports")


def _is_empty(lanes: Lanes) -> bool:
    lines = lanes.segment.buffer[LANE_LINES_AT : LANE_LINES_AT + lanes.lanes * LANE_SIZE].view(LANE)
    return bool((lines["produced"] <= lines["consumed"]).all())


def eventually(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """What the condition gives once it is true."""
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {patience_s} s: {what}"
        time.sleep(0.01)
    return found


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """This process does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        stat = Path(f"/proc/{pid}/stat")
        eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", f"process {pid} stands still")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Pipeline:
    """`up` and the other verbs on one data directory."""

    _made = 0

    def __init__(self, folder: Path, instruments: Path = INSTRUMENTS, config: str = "", web: bool = False) -> None:
        """web: with the gateway and the admin API, which would make most tests' starts longer for nothing."""
        Pipeline._made += 1
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.name = f"mltest-{os.getpid()}-{Pipeline._made}"
        self.base = free_port_base(Pipeline._made)
        self.instruments = instruments
        self.within: Sequence[str] = ()  # what its commands run under: `ip netns exec …`
        self.config = folder / "config.toml"
        self.config.write_text(config if web or "[gateway]" in config else f"{config}\n[gateway]\nrun = false\n")
        self._supervisor: subprocess.Popen[str] | None = None

    @property
    def endpoint(self) -> str:
        """Order entry's address."""
        return f"tcp://127.0.0.1:{self.base}"

    def verb(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a verb as a user types it."""
        return warm.run(self._command(verb, *arguments), cwd=ROOT, timeout=300)

    def _command(self, verb: str, *arguments: str) -> list[str]:
        given = ["--data", str(self.data), "--name", self.name]
        return [*self.within, sys.executable, "-m", "ops.cli", verb, *given, *arguments]

    def report(self, verb: str, *arguments: str) -> dict[str, Any]:
        """The JSON object of a verb that must end with 0."""
        done = self.verb(verb, *arguments, "--json")
        assert done.returncode == 0, (
            f"{verb} ended with {done.returncode}: {done.stderr[-2000:]}\n{done.stdout[-2000:]}"
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def popen(self, verb: str, *arguments: str) -> "subprocess.Popen[str]":
        """Start a verb."""
        return warm.popen(
            self._command(verb, *arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def up(self) -> dict[str, Any]:
        """Every process, in the background; run.json's content."""
        given = ["--port-base", str(self.base), "--instruments", str(self.instruments), "--config", str(self.config)]
        return self.report("up", "--detach", *given)

    def follow(self, primary: "Pipeline", *more: str) -> dict[str, Any]:
        """In place of `up`: a standby of another pipeline, in the background, once it follows."""
        base, source = str(self.base), f"tcp://127.0.0.1:{primary.base + PORTS['standby']}"
        config = ["--config", str(self.config)]
        arguments = ["--detach", "--port-base", base, "--from", source, "--instruments", str(self.instruments)]
        return self.report("standby", *arguments, *config, *more)

    def mirror(self, url: str, *more: str) -> dict[str, Any]:
        """In place of `up`: consumers of the history in a topic, in the background, once they are at work."""
        config = ["--config", str(self.config)]
        arguments = ["--detach", "--port-base", str(self.base), "--from", url, "--instruments", str(self.instruments)]
        return self.report("mirror", *arguments, *config, *more)

    def kill_all(self) -> None:
        """kill -9 of the supervisor and every process at once, as if the host had died."""
        run = self.run_file()
        pids = [row["pid"] for row in (run["supervisor"], *run["processes"].values()) if row["pid"]]
        for number in (signal.SIGSTOP, signal.SIGKILL):  # or they would notice one another's end, and drain
            for pid in pids:
                os.kill(pid, number)

    def start(self, processes: Sequence[str]) -> None:
        """Only these processes, under a supervisor that is this one's child."""
        arguments = [self.name, str(self.data), str(self.config), str(self.instruments), str(self.base)]
        command = [sys.executable, "-c", PROGRAM, *arguments, *processes]
        self._supervisor = warm.popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._supervisor.stdout is not None
        assert self._supervisor.stdout.readline() == "ready\n", "the processes did not start"

    def run_file(self) -> dict[str, Any]:
        """run.json as it is now."""
        found: dict[str, Any] = json.loads((self.data / "run.json").read_text())
        return found

    def pid(self, process: str) -> int:
        """The pid of a process, 0 while it has none."""
        return int(self.run_file()["processes"][process]["pid"])

    def restarts(self, process: str) -> int:
        """How often it was started again, counted once it works."""
        row = self.run_file()["processes"][process]
        return int(row["restarts"]) if row["state"] == "running" else -1

    def settled(self) -> dict[str, Any]:
        """Wait until every process runs and every consumer has caught up; what `status` says then."""
        found: dict[str, Any] = {}

        def quiet() -> bool:
            try:
                found.update(self.look())
            except ConfigError:  # just starting
                return False
            running = all(row["state"] == "running" and row["pid"] for row in found["processes"].values())
            return running and all(row["lag"] == 0 for row in found["consumers"].values())

        eventually(quiet, "every process running and caught up")
        return found

    def look(self) -> dict[str, Any]:
        """What `status` says. Raises ConfigError while nothing runs."""
        look = Look(self.data)
        try:
            report, _ = look.report(look.sample(require_run(self.data)), memory=False)
        finally:
            look.close()
        return report

    def published(self) -> int:
        """The highest sequence in the event ring."""
        ring = Ring.attach(f"/{self.name}.events", "event")
        try:
            return ring.published
        finally:
            ring.close()

    def released(self) -> None:
        """Wait until the engine has let go of every command, which it does a moment after it has answered them."""
        lanes = Lanes.attach(f"/{self.name}.lanes")
        try:
            eventually(lambda: _is_empty(lanes), "the lanes are empty")
        finally:
            lanes.close()

    @contextmanager
    def stopped(self, process: str) -> Iterator[None]:
        """This process stands still meanwhile."""
        with standing_still(self.pid(process)):
            yield

    def stop(self) -> None:
        """Stop whatever runs and remove what a killed one left."""
        if self._supervisor is not None:
            self._supervisor.terminate()
            assert self._supervisor.wait(60) == 0
            assert self._supervisor.stdout is not None
            self._supervisor.stdout.close()
            self._supervisor = None
        elif (self.data / "run.json").exists():
            self.verb("down")
        for path in SHM_ROOT.glob(f"{self.name}.*"):
            unlink(f"/{path.name}")


@contextmanager
def pipeline(folder: Path, **more: Any) -> Iterator[Pipeline]:
    """A pipeline that is stopped at the end, whatever happened."""
    made = Pipeline(folder, **more)
    try:
        yield made
    finally:
        made.stop()
