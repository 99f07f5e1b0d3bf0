"""What a program that knows nothing of sinks sees, while broker and writer are killed in the middle of transactions."""

import random
import subprocess
import sys
from pathlib import Path

from config.settings import SinkSettings
from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.topics import SEED, ManyPortKafka, fill, looked, messages, reconciled, settings, trades_of
from tests.pipeline import ROOT, eventually

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


def expect_cursor(sink: SinkSettings, history: History, told: int) -> None:
    """A commit is answered before its marks are written: a broker that was killed then does so once it is up."""

    def is_there() -> bool:
        target, at = looked(sink, history)
        target.close()
        return at >= told

    eventually(is_there, f"the cursor at {told}, which was said to be written")


def written(writing: list[str], broker: ManyPortKafka, victims: str, lines: int) -> int:
    """A writer at work, and who is killed once it has said so many lines; the highest cursor that it said."""
    with subprocess.Popen(writing, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            told = max(int(writer.stdout.readline() or 0) for _ in range(lines))
            if victims in ("broker", "both"):
                broker.kill()
            if victims in ("writer", "both"):
                writer.kill()
            if victims in ("broker", "both"):
                broker.restart()
            if victims == "broker":  # the writer comes back by itself; what hung it gives up, and writes once more
                while int(writer.stdout.readline()) <= told:
                    pass
                writer.kill()
            return max([told, *map(int, writer.stdout.read().split())])
        finally:
            writer.kill()


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
        try:
            told = 0
            for victims in ("writer", "broker", "writer", "both", ""):
                told = max(told, written(writing, broker, victims, rng.randrange(1, 40)))
                if victims != "both":  # then it may hang until the next writer ends it
                    expect_cursor(sink, history, told)
            seen = reader.communicate(timeout=120)[0].split()
        finally:
            reader.kill()
    assert list(map(int, seen)) == list(range(1, history.last + 1))
    assert [message.seq for message in messages(broker, "killed.trades")] == trades_of(history)
    assert {message.seq for message in messages(broker, "killed.events", "read_uncommitted")} == set(map(int, seen))
    ok, said = reconciled(sink, history)
    assert ok, said
