"""Shards under test: `up --shards N` with real processes, or with a transfers process that dies where a test says."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import zmq

from ops.run_file import PORTS
from ops.shards.layout import PORT_STEP, name_of, read_shards
from ops.shards.looking import report
from ringbuf.shm import SHM_ROOT, unlink
from tests import warm
from tests.pipeline import ROOT, Pipeline, eventually

CONFIG = """
[ring]
capacity = 16384
market_capacity = 8192
lane_capacity = 1024
[engine]
max_events = 4096
"""
DYING = """
import sys
from pathlib import Path
from dataclasses import replace
from ops.shards.run import OUTSIDE, start
name, data, config, instruments, base, shards = sys.argv[1:]
table = [replace(spec, target="tests.shards.dying:main") if spec.name == "transfers" else spec for spec in OUTSIDE]
said = lambda run: print("ready", flush=True)
sys.exit(start(name, Path(data), "laptop", Path(config), Path(instruments), int(base), int(shards), said, table))
"""


def free_port_base(shards: int, skip: int) -> int:
    """A base with free ports for the outside and every shard."""
    for base in range(31000 + os.getpid() % 7 * 600 + skip % 6 * 100, 60000, 100):
        sockets: list[socket.socket] = []
        try:
            for step in range(shards + 1):
                for offset in PORTS.values():
                    one = socket.socket()
                    sockets.append(one)
                    one.bind(("127.0.0.1", base + PORT_STEP * step + offset))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no free ports")


class Exchange(Pipeline):
    """`up --shards N` and the other verbs on one data directory."""

    _exchanges = 0

    def __init__(self, folder: Path, shards: int = 2, config: str = CONFIG, **more: Any) -> None:
        super().__init__(folder, config=config, **more)
        Exchange._exchanges += 1
        self.shards = shards
        self.base = free_port_base(shards, Exchange._exchanges)

    def up(self) -> dict[str, Any]:
        """Every shard and the outside, in the background; run.json's content."""
        given = ["--shards", str(self.shards), "--port-base", str(self.base), "--instruments", str(self.instruments)]
        return self.report("up", "--detach", *given, "--config", str(self.config))

    def start_dying(self) -> None:
        """The same under a supervisor that is this process's child, its transfers from `tests.shards.dying`."""
        arguments = [self.name, str(self.data), str(self.config), str(self.instruments), str(self.base)]
        command = [sys.executable, "-c", DYING, *arguments, str(self.shards)]
        self._supervisor = warm.popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._supervisor.stdout is not None
        assert self._supervisor.stdout.readline() == "ready\n", "the shards did not start"

    def look(self) -> dict[str, Any]:
        """What `status` says of all shards."""
        shards = read_shards(self.data)
        assert shards is not None
        return report(shards, 0.05)

    def folder(self, shard: int) -> Path:
        """A shard's data directory."""
        return self.data / name_of("shard", shard)

    def pid_in(self, shard: int, process: str) -> int:
        """The pid of a process of a shard, 0 while it has none."""
        rows = orjson.loads((self.folder(shard) / "run.json").read_bytes())["processes"]
        return int(rows[process]["pid"])

    def kill_shard(self, shard: int) -> None:
        """kill -9 of a shard's supervisor and all its processes at once."""
        run = orjson.loads((self.folder(shard) / "run.json").read_bytes())
        pids = [row["pid"] for row in (run["supervisor"], *run["processes"].values()) if row["pid"]]
        for number in (signal.SIGSTOP, signal.SIGKILL):  # or they would notice one another's end, and drain
            for pid in pids:
                os.kill(pid, number)

    def reconciled(self) -> dict[str, Any]:
        """What `reconcile` finds, which has to be that all is well."""
        done = self.verb("reconcile", "--json")
        found: dict[str, Any] = orjson.loads(done.stdout or "{}")
        wrong = [check for check in found.get("checks", []) if not check["ok"]]
        assert done.returncode == 0 and found["ok"], (wrong, done.stderr[-2000:])
        return found

    def stop(self) -> None:
        """Stop whatever runs and remove what a killed one left."""
        super().stop()
        for path in SHM_ROOT.glob(f"{self.name}-*"):
            unlink(f"/{path.name}")

    def left(self) -> list[str]:
        """Shared memory of its name."""
        return [path.name for path in SHM_ROOT.glob(f"{self.name}*")]


@contextmanager
def exchange(folder: Path, **more: Any) -> Iterator[Exchange]:
    """An exchange that is stopped at the end, whatever happened."""
    made = Exchange(folder, **more)
    try:
        yield made
    finally:
        made.stop()


class TextClient:
    """A DEALER of order entry that speaks JSON."""

    def __init__(self, endpoint: str) -> None:
        self._zmq: zmq.Context[Any] = zmq.Context()
        self.socket = self._zmq.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        self.heard: list[dict[str, Any]] = []

    def send(self, **fields: Any) -> None:
        """One command."""
        self.socket.send(orjson.dumps(fields))

    def listen(self, timeout_ms: int = 10) -> None:
        """Take what has come."""
        while self.socket.poll(timeout_ms):
            self.heard += [orjson.loads(frame) for frame in self.socket.recv_multipart()]
            timeout_ms = 0

    def answer(self, account: int, client_id: int) -> dict[str, Any]:
        """The first answer to this command, once it is there."""

        def found() -> dict[str, Any] | None:
            self.listen()
            named = (one for one in self.heard if one.get("account") == account and "type" in one)
            return next((one for one in named if client_id in (one.get("client_id"), one.get("request_id"))), None)

        answered: dict[str, Any] = eventually(found, f"an answer to {account}, {client_id}")
        return answered

    def ask(self, **fields: Any) -> dict[str, Any]:
        """Send a command and wait for its first answer."""
        self.heard.clear()
        self.send(**fields)
        return self.answer(fields["account"], fields["client_id"])

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.close()
        self._zmq.term()


@contextmanager
def text_client(endpoint: str) -> Iterator[TextClient]:
    """A client that is closed at the end."""
    made = TextClient(endpoint)
    try:
        yield made
    finally:
        made.close()
