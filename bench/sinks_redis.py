"""Events a second into Redis streams: one sink's target and a private server, both on this host.

The events are the engine's, of the generator's market, in memory: what is measured is the commands made of them, both
streams, what is pushed, the transaction, and the server.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.conditions import conditions
from bench.flows import generated
from config.catalog import Catalog
from config.settings import SinkSettings
from consumers.journal.checks import whole_commands
from consumers.sinks.kinds import open_target
from consumers.sinks.target import Batch
from engine.core import Engine
from ringbuf.codes import EventType
from tests.servers import redis

EPOCH = 1
COMMANDS, COMMANDS_QUICK = 300_000, 40_000
RUNS, RUNS_QUICK = 3, 1


class Case(NamedTuple):
    """What is measured: the server's options, events a commit, and whether the streams are trimmed."""

    name: str
    options: tuple[str, ...]
    batch: int
    keep: int = 0


_MEMORY = ("--appendonly", "no")
_ALWAYS = ("--appendfsync", "always")
CASES = (
    Case("in memory, 8 192 a commit", _MEMORY, 8_192),
    Case("synced each second, 1 000 a commit", (), 1_000),
    Case("synced each second, 4 096 a commit", (), 4_096),
    Case("synced each second, 8 192 a commit", (), 8_192),
    Case("synced each second, 8 192 a commit, 100 000 kept", (), 8_192, keep=100_000),
    Case("synced at each commit, 8 192 a commit", _ALWAYS, 8_192),
)


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """{case: {events_per_s, client_us_per_event, server_us_per_event}, conditions}; {"missing": why} without Redis."""
    if why := redis.missing():
        tell(f"redis: {why}")
        return {"missing": why}
    events, runs = engine_events(COMMANDS_QUICK if quick else COMMANDS), RUNS_QUICK if quick else RUNS
    trades = int(np.count_nonzero(events["type"] == EventType.TRADE))
    found: dict[str, Any] = {}
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="matchline-bench-") as folder:
            server = redis.start(Path(folder) / "redis", case.options)
            try:
                rounds = [write(server, case, events) for _ in range(runs)]
            finally:
                server.stop()
        rate, client, busy = (statistics.median(column) for column in zip(*rounds, strict=True))
        found[case.name] = {
            "events_per_s": round(rate),
            "client_us_per_event": round(client, 2),
            "server_us_per_event": round(busy, 2),
        }
        tell(f"redis, {case.name}: {rate:,.0f} events/s; processor: {client:.2f} µs here, {busy:.2f} µs there")
    return {**found, "conditions": conditions(quick=quick, events=len(events), trades=trades, runs=runs)}


def write(server: redis.Redis, case: Case, events: NDArray[np.void]) -> tuple[float, float, float]:
    """(events a second, µs of this process and of the server's an event) into an empty server."""
    with server.connect() as client:
        client.flushall()
        target = open_target(SinkSettings("bench", "redis", server.url, keep=case.keep), server.folder)
        target.open(EPOCH)
        parts = list(batches(events, case.batch))
        busy, used, begun = server_cpu_s(client), time.process_time(), time.perf_counter()
        for batch in parts:
            target.write(batch)
        seconds, used = time.perf_counter() - begun, time.process_time() - used
        busy = server_cpu_s(client) - busy
        target.close()
    return len(events) / seconds, used / len(events) * 1e6, busy / len(events) * 1e6


def server_cpu_s(client: Any) -> float:
    """Processor time of the server so far."""
    found = client.info("cpu")
    return float(found["used_cpu_user"] + found["used_cpu_sys"])


def engine_events(commands: int) -> NDArray[np.void]:
    """What the engine says to the generator's market."""
    load = generated(commands)
    engine = Engine(load.limits)
    return np.concatenate([engine.run(load.setup), engine.run(load.commands)])


def batches(events: NDArray[np.void], size: int) -> Iterator[Batch]:
    """All of them in order, cut between commands."""
    catalog, after = Catalog.from_events(events), 0
    while after < len(events):
        part = events[after : after + size]
        part = part[: whole_commands(part)]
        yield Batch(part, after, after + len(part), catalog)
        after += len(part)
