"""Documents a second into MongoDB's wire: one sink's target and a private server, both on this host.

Of the same events as Redis is given; each trade is a document more. Both servers are stand-ins: neither is MongoDB.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.conditions import conditions
from bench.sinks_redis import EPOCH, batches, engine_events
from config.settings import SinkSettings
from consumers.sinks.kinds import open_target
from ringbuf.codes import EventType
from tests.servers import ferretdb, secantusdb
from tests.servers.mongo import MongoWire

COMMANDS, COMMANDS_QUICK = 30_000, 5_000
RUNS, RUNS_QUICK = 3, 1


class Case(NamedTuple):
    """What is measured: a server, its options, events a commit."""

    name: str
    server: str
    options: tuple[str, ...]
    batch: int


SERVERS = {"secantusdb": secantusdb, "ferretdb": ferretdb}
CASES = (
    Case("secantusdb, transactions, synced, 1 024 a commit", "secantusdb", (), 1_024),
    Case("secantusdb, transactions, synced, 4 096 a commit", "secantusdb", (), 4_096),
    Case("secantusdb, one after another, synced, 4 096 a commit", "secantusdb", ("--standalone",), 4_096),
    Case("ferretdb on sqlite, one after another, 4 096 a commit", "ferretdb", (), 4_096),
)


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """{case: {documents_per_s, client_us_per_document} or {missing}, conditions}; `missing` says why."""
    events, runs = engine_events(COMMANDS_QUICK if quick else COMMANDS), RUNS_QUICK if quick else RUNS
    documents = len(events) + int(np.count_nonzero(events["type"] == EventType.TRADE))
    found: dict[str, Any] = {}
    for case in CASES:
        module = SERVERS[case.server]
        if why := module.missing():
            found[case.name] = {"missing": why}
            tell(f"{case.name}: {why}")
            continue
        rounds = []
        for _ in range(runs):  # a server of its own each: what was dropped costs some of them later
            with tempfile.TemporaryDirectory(prefix="matchline-bench-") as folder:
                server = module.start(Path(folder) / "server", case.options)
                try:
                    rounds.append(write(server, case, events))
                finally:
                    server.stop()
        seconds, used = (statistics.median(column) for column in zip(*rounds, strict=True))
        found[case.name] = {
            "documents_per_s": round(documents / seconds),
            "client_us_per_document": round(used / documents * 1e6, 2),
        }
        tell(f"{case.name}: {documents / seconds:,.0f} documents/s")
    return {**found, "conditions": conditions(quick=quick, documents=documents, runs=runs)}


def write(server: MongoWire, case: Case, events: NDArray[np.void]) -> tuple[float, float]:
    """(seconds, seconds of this process's processor) for all into an empty server."""
    target = open_target(SinkSettings("bench", "mongodb", server.url), server.folder)
    target.open(EPOCH)
    parts = list(batches(events, case.batch))
    used, begun = time.process_time(), time.perf_counter()
    for batch in parts:
        target.write(batch)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    target.close()
    return seconds, used
