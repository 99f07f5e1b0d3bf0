"""Events a second into Kafka: one sink's target, a private broker, both on this host.

The events are what the engine says to the generator's market, already in memory: what is measured is the messages
made of them, the transaction, and the broker. Trades go into a second topic, too: more messages than events.
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
from bench.flows import generated
from config.catalog import Catalog
from config.settings import SinkSettings
from consumers.journal.checks import whole_commands
from consumers.sinks.kafka_place import place_of
from consumers.sinks.kafka_records import headers, in_trades, keys, values
from consumers.sinks.kinds import open_target
from consumers.sinks.target import EVENTS, TRADES, Batch
from engine.core import Engine
from ringbuf.codes import EventType
from tests.servers import kafka

COMMANDS, COMMANDS_QUICK = 300_000, 40_000
RUNS, RUNS_QUICK = 3, 1


class Case(NamedTuple):
    """What is measured: form of values, events of a transaction, options of the URL; without = no transactions."""

    name: str
    form: str
    batch: int
    query: str = ""
    without: bool = False


CASES = (
    Case("binary, 1 024 a transaction", "binary", 1_024),
    Case("binary, 4 096 a transaction", "binary", 4_096),
    Case("binary, 16 384 a transaction", "binary", 16_384),
    Case("binary, 65 536 a transaction", "binary", 65_536),
    Case("binary, 16 384 at a time without transactions", "binary", 16_384, without=True),
    Case("binary, 16 384 a transaction, not compressed", "binary", 16_384, "&compression.type=none"),
    Case("binary, 16 384 a transaction, zstd", "binary", 16_384, "&compression.type=zstd"),
    Case("binary, 16 384 a transaction, snappy", "binary", 16_384, "&compression.type=snappy"),
    Case("json, 1 024 a transaction", "json", 1_024),
    Case("json, 16 384 a transaction", "json", 16_384),
)


def measure(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """{case: {events_per_s, client_us_per_event, commit_ms}, conditions}; {"missing": why} without a broker."""
    if why := kafka.missing():
        tell(f"kafka: {why}")
        return {"missing": why}
    count, runs = (COMMANDS_QUICK, RUNS_QUICK) if quick else (COMMANDS, RUNS)
    catalog, events = flow(count)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="matchline-bench-") as folder:
        server = kafka.start_measured(Path(folder) / "server")
        try:
            for case in CASES:
                rates = [write(server, f"bench{run}-{at}", case, events, catalog) for run, at in numbers(runs, case)]
                found[case.name] = {
                    "events_per_s": round(max(rate for rate, _ in rates)),
                    "median_events_per_s": round(statistics.median(rate for rate, _ in rates)),
                    "client_us_per_event": round(min(client for _, client in rates), 2),
                }
                tell(
                    "{}: {events_per_s:,} events/s at best, {client_us_per_event} µs of each here".format(
                        case.name, **found[case.name]
                    )
                )
        finally:
            server.stop()
    trades = int((events["type"] == EventType.TRADE).sum())
    return {**found, "conditions": conditions(quick=quick, events=len(events), trades=trades, runs=runs)}


def numbers(runs: int, case: Case) -> list[tuple[int, int]]:
    """A number for each run of a case, so that each has topics of its own."""
    return [(run, CASES.index(case)) for run in range(runs)]


def flow(commands: int) -> tuple[Catalog, NDArray[np.void]]:
    """What the engine says to the generator's market, whole."""
    load = generated(commands)
    engine = Engine(load.limits)
    events = np.concatenate([engine.run(load.setup), engine.run(load.commands)])
    return Catalog.from_events(events), events


def batches(events: NDArray[np.void], catalog: Catalog, size: int) -> list[Batch]:
    """The events in batches of whole commands."""
    found, at = [], 0
    while at < len(events):
        part = events[at : at + size]
        count = whole_commands(part) or len(part)
        found.append(Batch(part[:count], at, at + count, catalog))
        at += count
    return found


def write(
    server: kafka.Kafka, prefix: str, case: Case, events: NDArray[np.void], catalog: Catalog
) -> tuple[float, float]:
    """(events a second, µs of processor time an event in this process, the client's threads among it)."""
    url = f"kafka://{server.address}?topic_prefix={prefix}{case.query}"
    sink = SinkSettings("bench", "kafka", url, format=case.form)
    target = open_target(sink, Path())
    at = target.open(epoch=1)
    assert at == 0
    put = target.write if not case.without else plainly(server, sink)
    given = batches(events, catalog, case.batch)
    begun, used = time.perf_counter(), time.process_time()
    for batch in given:
        put(batch)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    target.close()
    return len(events) / seconds, used / len(events) * 1e6


def plainly(server: kafka.Kafka, sink: SinkSettings) -> Callable[[Batch], None]:
    """The same messages by an idempotent producer without transactions, each batch acknowledged: at least once."""
    from confluent_kafka import Producer

    place = place_of(sink)
    producer = Producer(
        {
            "bootstrap.servers": server.address,
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
            "delivery.report.only.error": True,
        }
    )

    def put(batch: Batch) -> None:
        found = list(zip(batch.events["seq"].tolist(), keys(batch), values(batch, True), strict=True))
        head = headers(1, False)
        for table, chosen in ((EVENTS, range(len(found))), (TRADES, in_trades(batch.events))):
            topic = place.topic(table)
            for seq, key, value in map(found.__getitem__, chosen):
                head["seq"] = b"%d" % seq
                producer.produce(topic, value, key, -1, None, None, 0, head)
        assert producer.flush(20) == 0

    return put
