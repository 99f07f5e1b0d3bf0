"""One flow through every kind of sink at once, while servers, sinks and the pipeline's own processes are killed."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from config.settings import SINK_PREFIX, SinkSettings
from consumers.sinks.status import read_status
from tests.consumers.sinks.matrix import sink_table, wanted
from tests.e2e.flow import commands, write_lines
from tests.pipeline import Pipeline, eventually, pipeline
from tests.servers.all import SERVERS
from tests.servers.base import Server

KIND = {
    "mariadb": "mysql",
    "postgresql": "postgresql",
    "redis": "redis",
    "kafka": "kafka",
    "secantusdb": "mongodb",
    "ferretdb": "mongodb",
}
COUNT, RATE = 8_000, 400  # commands, a second
ROUNDS = 12
OWN = ("journal", "engine", "orders", "balances", "marketdata", "publisher", "settlement", "risk", "entry")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, Server]]:
    """Each kind of server, running."""
    assert set(KIND) == set(SERVERS)
    with ExitStack() as stack:
        started: dict[str, Server] = {}
        for name, module in SERVERS.items():
            started[name] = wanted(module).start(tmp_path / name)
            stack.callback(started[name].stop)
        yield started


def kill(pipe: Pipeline, process: str) -> None:
    """kill -9 of a process of the pipeline, if it has one just now."""
    if pid := pipe.pid(process):
        os.kill(pid, signal.SIGKILL)


def test_every_sink_equals_the_journal_after_kills_of_everybody(tmp_path: Path, servers: dict[str, Server]) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    sinks = [SinkSettings(name, KIND[name], server.url) for name, server in servers.items()]
    sinks.append(SinkSettings("files", "parquet", f"file://{tmp_path}/files"))
    with pipeline(tmp_path, config="".join(map(sink_table, sinks))) as pipe:
        pipe.up()
        path = write_lines(tmp_path / "commands.jsonl", commands(COUNT, seed))
        feed = pipe.popen("feed", str(path), "--rate", str(RATE))
        try:
            for _ in range(ROUNDS):
                time.sleep(rng.uniform(0.1, 1.0))  # a moment of its own for each kill
                what = rng.choice(("server", "sink", "both", "own"))
                victim = rng.choice(list(servers))
                if what in ("sink", "both"):
                    kill(pipe, SINK_PREFIX + victim)
                if what in ("server", "both"):
                    servers[victim].kill()
                    time.sleep(rng.uniform(0, 0.5))
                    servers[victim].restart()
                if what == "own":
                    kill(pipe, rng.choice(OWN))
            out, err = feed.communicate(timeout=180)
            assert feed.returncode == 0, f"feed: {err[-2000:]}{out[-500:]}"
        finally:
            if feed.poll() is None:
                feed.kill()
                feed.communicate()
        pipe.settled()
        for sink in sinks:
            eventually(lambda sink=sink: read_status(pipe.data, sink.name).seq == pipe.published(), sink.name)
        report = pipe.report("reconcile")
        checks = {check["name"]: check for check in report["checks"]}
        assert {SINK_PREFIX + sink.name for sink in sinks} <= set(checks)
        assert report["ok"], [check for check in report["checks"] if not check["ok"]]
