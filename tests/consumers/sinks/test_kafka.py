"""Kafka on a real broker: the contract and the matrix, what messages look like, and transactions under kills."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import orjson
import pytest

from config.settings import SinkSettings
from consumers.sinks.kafka_place import place_of
from consumers.sinks.kinds import open_target
from consumers.sinks.target import EVENTS, TRADES, TargetAway
from ringbuf.records import SCHEMA_HASH
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.contract import TargetContract
from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.matrix import SinkMatrix
from tests.consumers.sinks.topics import (
    PLAIN,
    ManyPortKafka,
    fill,
    looked,
    messages,
    reconciled,
    rewrite,
    running,
    settings,
    trades_of,
    unfinished,
)
from tests.pipeline import ROOT
from tests.servers.base import Server
from tests.servers.proxy import Link

SEED = 13
# Writes batches until it is killed; says each cursor that it has moved to.
WRITER = """
import sys
from pathlib import Path
from config.settings import SinkSettings
from consumers.journal.reader import JournalReader
from consumers.sinks.kinds import open_target
from consumers.sinks.target import TargetAway
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History
url, data, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
with JournalReader(data) as journal:
    history = History(data, journal.read(1, journal.last))
at = 0
while at < history.last:
    target = open_target(SinkSettings("out", "kafka", url, format="binary"), data)
    try:
        at = target.open(EPOCH)
        for batch in history.batches(at, size):
            target.write(batch)
            at = batch.upto
            print(at, flush=True)
    except TargetAway as why:
        print(why, file=sys.stderr, flush=True)
    target.close()
"""
# A reader of another program, which knows nothing of sinks: says what it sees as it sees it, until the last sequence.
READER = """
import sys
from confluent_kafka import Consumer, TopicPartition
address, topic, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
consumer = Consumer({
    "bootstrap.servers": address, "group.id": "other", "enable.auto.commit": False, "log_level": 0,
    "isolation.level": "read_committed", "auto.offset.reset": "earliest", "reconnect.backoff.max.ms": 1000})
consumer.assign([TopicPartition(topic, 0, 0)])
seq = 0
while seq < last:
    message = consumer.poll(1)
    if message is not None and not message.error():
        seq = int(dict(message.headers())["seq"])
        print(seq, flush=True)
consumer.close()
"""


@pytest.fixture(scope="module", autouse=True)
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyPortKafka]:
    """One for all tests of the module: it takes many seconds to start."""
    with running(tmp_path_factory.mktemp("kafka")) as server:
        TestJson.server = TestBinary.server = TestProcess.server = server
        yield server


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), SEED)


class OverLink:
    """Tests that go over a link have the broker's own port for it."""

    server: ClassVar[Server]

    @classmethod
    def link(cls) -> Link:
        assert isinstance(cls.server, ManyPortKafka)
        return cls.server.link()


class KafkaContract(OverLink, TargetContract):
    form: str

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return settings(port, f"{cls.form}-{name[:32]}", cls.form, PLAIN)

    def take_away(self, settings: SinkSettings, seq: int) -> None:
        """Nobody can take a record out of a log: the topics are made anew without it."""
        assert isinstance(self.server, ManyPortKafka)
        for table in (EVENTS, TRADES):
            rewrite(self.server, place_of(settings).topic(table), lambda message: message.seq != seq)


class TestJson(KafkaContract):
    """Values in JSON."""

    form = "json"


class TestBinary(KafkaContract):
    """Values as records."""

    form = "binary"


class TestProcess(OverLink, SinkMatrix):
    """Its process in a pipeline."""

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return settings(port, "matrix", "binary")


@pytest.mark.parametrize("form", ["json", "binary"])
def test_keys_values_and_headers_are_as_documented(broker: ManyPortKafka, history: History, form: str) -> None:
    prefix = f"documented-{form}"
    fill(settings(broker.port, prefix, form), history)
    found = messages(broker, f"{prefix}.events")
    assert [message.seq for message in found] == list(range(1, history.last + 1))
    told = history.batch(0, history.last).fields
    for message, fields, event in zip(found, told, history.events, strict=True):
        assert message.headers == {"seq": b"%d" % fields["seq"], "epoch": b"%d" % EPOCH, "schema": b"%d" % SCHEMA_HASH}
        name = fields.get("symbol") or fields.get("asset") or (fields.get("name") if fields["type"] == "listed" else "")
        assert message.key.decode() == (name or "")
        assert message.value == (event.tobytes() if form == "binary" else orjson.dumps(fields))
    keys = {message.key for message in found}
    assert b"" in keys and len(keys) > 4
    assert [message.seq for message in messages(broker, f"{prefix}.trades")] == trades_of(history)
    cursor = messages(broker, f"{prefix}.cursor")[-1]
    assert cursor.key == b"cursor"
    assert orjson.loads(cursor.value) == {"epoch": EPOCH, "seq": history.last, "schema": SCHEMA_HASH, "sink": "out"}


def test_another_process_sees_each_event_once_over_kills_of_broker_writer_and_both(
    broker: ManyPortKafka, tmp_path: Path
) -> None:
    history = make_history(tmp_path, SEED, 1200)
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    sink = settings(broker.port, "killed", "binary")
    fill(sink, history, upto=10)
    reading = [sys.executable, "-c", READER, broker.address, "killed.events", str(history.last)]
    writing = [sys.executable, "-c", WRITER, sink.url, str(history.data), "6"]
    with subprocess.Popen(reading, cwd=ROOT, stdout=subprocess.PIPE, text=True) as reader:
        told = 0
        for victims in ("writer", "broker", "writer", "both", "writer", "writer", "broker", ""):
            with subprocess.Popen(writing, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
                assert writer.stdout is not None
                for _ in range(rng.randrange(1, 40)):
                    told = max(told, int(writer.stdout.readline() or 0))
                if victims in ("broker", "both"):
                    broker.kill()
                if victims in ("writer", "both"):
                    writer.kill()
                if victims in ("broker", "both"):
                    broker.restart()
                if victims == "broker":  # the writer has come back by itself
                    assert told < int(writer.stdout.readline())
                    writer.kill()
                told = max([told, *map(int, writer.stdout.read().split())])
            target, at = looked(sink, history)
            target.close()
            assert at >= told, f"seed {SEED}, {victims}: {told} was said to be written"
        try:
            seen = reader.communicate(timeout=120)[0].split()
        finally:
            reader.kill()
    assert list(map(int, seen)) == list(range(1, history.last + 1))
    assert [message.seq for message in messages(broker, "killed.trades")] == trades_of(history)
    assert {message.seq for message in messages(broker, "killed.events", "read_uncommitted")} == set(map(int, seen))
    ok, said = reconciled(sink, history)
    assert ok, said


def test_what_a_dead_producer_left_open_is_seen_by_no_committed_reader(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "left-open", "binary")
    fill(sink, history, upto=100)
    dead = unfinished(sink, history, 200)
    left = [message.seq for message in messages(broker, "left-open.events", "read_uncommitted")]
    assert left[-1] >= 200
    fill(sink, history)
    assert [message.seq for message in messages(broker, "left-open.events")] == list(range(1, history.last + 1))
    uncommitted = [message.seq for message in messages(broker, "left-open.events", "read_uncommitted")]
    assert len(uncommitted) > history.last  # what was given up, and then sent again
    dead.close()


def test_of_two_producers_the_first_is_fenced_and_says_so(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "fenced")
    first, second = open_target(sink, history.data), open_target(sink, history.data)
    first.write(history.batch(first.open(EPOCH), 50))
    at = second.open(EPOCH)
    with pytest.raises(TargetAway, match="fenced"):
        first.write(history.batch(at, 100))
    first.close()
    for batch in history.batches(at, 100):
        second.write(batch)
    history.expect_in(second)
    second.close()


def test_who_looks_fences_nobody_and_waits_for_no_open_transaction(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "looked-at", "binary")
    fill(sink, history, upto=100)
    _, before = looked(sink, history)
    writing = unfinished(sink, history, 200)
    target, at = looked(sink, history)
    assert at == before
    assert [row["seq"] for row in target.read(EVENTS, 90, 150)] == list(range(90, at + 1))
    writing._client.commit_transaction(10)  # was not fenced
    target.close()
    writing.close()
