"""A topic of events read as a source, on a real broker: whatever stands in it, each event comes once, in sequence."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.kafka_url import TopicPlace
from consumers.mirror.topic import TopicAway, TopicSource, epoch_of
from consumers.source import SourceError
from tests.consumers.journal_files import EPOCH, make_events
from tests.consumers.sinks.matrix import wanted
from tests.servers import kafka

SEED = 17
PATIENCE_S = 60


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafka]:
    server = wanted(kafka).start(tmp_path_factory.mktemp("kafka"))
    yield server
    server.stop()


def at(broker: kafka.Kafka, topic: str) -> TopicPlace:
    return TopicPlace({"bootstrap.servers": broker.address}, topic)


class Topic:
    """A topic of this test's own, and what writes to it."""

    def __init__(self, broker: kafka.Kafka, name: str, partitions: int = 1) -> None:
        import confluent_kafka as ck
        from confluent_kafka.admin import NewTopic

        self.place = at(broker, f"{name}.events")
        self._partitions = partitions
        admin = broker.connect()
        for done in admin.create_topics([NewTopic(self.place.topic, partitions, 1)]).values():
            done.result(30)
        self._producer = ck.Producer(
            {"bootstrap.servers": broker.address, "transactional.id": name, "log_level": 0, "linger.ms": 0}
        )
        self._producer.init_transactions(30)

    def write(self, events: np.ndarray, epoch: int = EPOCH, abort: bool = False, **more: Any) -> None:
        """One transaction."""
        self._producer.begin_transaction()
        for event in events:
            value = more.get("value", event.tobytes())
            headers = [("seq", str(event["seq"])), ("epoch", str(epoch))]
            partition = int(event["seq"]) * 7 % self._partitions
            self._producer.produce(self.place.topic, value, partition=partition, headers=headers)
        if abort:
            self._producer.flush(30)
            self._producer.abort_transaction(30)
        else:
            self._producer.commit_transaction(30)


def read(source: TopicSource, upto: int, rng: random.Random) -> np.ndarray:
    """Everything up to a sequence, in batches of any size."""
    parts = []
    deadline = time.monotonic() + PATIENCE_S
    while source.position < upto:
        assert time.monotonic() < deadline, f"only up to {source.position}"
        events = source.next(rng.choice((1, 2, 5, 100, 4096)))
        if events is None:
            source.wait(50_000_000)
        else:
            parts.append(events)
    return np.concatenate(parts)


@pytest.mark.parametrize("partitions", [1, 3])
def test_aborted_and_repeated_records_are_passed_over(broker: kafka.Kafka, partitions: int) -> None:
    events = make_events(1, 900, command=4, group=2)
    topic = Topic(broker, f"strange-{partitions}", partitions)
    topic.write(events[:100])
    topic.write(events[100:300], abort=True)
    topic.write(events[100:104])
    topic.write(events[:50])  # sent again
    topic.write(events[104:])
    source = TopicSource(topic.place, EPOCH, 0)
    assert read(source, 900, random.Random(SEED)).tobytes() == events.tobytes(), f"seed {SEED}"
    source.close()
    assert epoch_of(topic.place) == EPOCH


@pytest.mark.parametrize("partitions", [1, 4])
def test_it_begins_behind_any_sequence(broker: kafka.Kafka, partitions: int) -> None:
    events = make_events(1, 600, command=1)
    topic = Topic(broker, f"anywhere-{partitions}", partitions)
    for at in range(0, 600, 60):
        topic.write(events[at : at + 60])
        topic.write(events[at : at + 7], abort=True)
    rng = random.Random(SEED)
    for position in (0, 60, 333, 599):
        source = TopicSource(topic.place, EPOCH, position)
        assert read(source, 600, rng).tobytes() == events[position:].tobytes(), f"from {position}"
        source.close()


def test_what_was_sent_again_behind_its_place_is_found(broker: kafka.Kafka) -> None:
    events = make_events(1, 100, command=1)
    topic = Topic(broker, "behind")
    topic.write(events[:40])
    topic.write(events[41:])
    topic.write(events[40:41])
    source = TopicSource(topic.place, EPOCH, 10)
    assert read(source, 100, random.Random(SEED)).tobytes() == events[10:].tobytes()
    source.close()


def test_only_whole_commands_are_given(broker: kafka.Kafka) -> None:
    events = make_events(1, 12, command=4)
    topic = Topic(broker, "whole")
    topic.write(events[:6])
    source = TopicSource(topic.place, EPOCH, 0)
    assert len(read(source, 4, random.Random(SEED))) == 4
    source.wait(200_000_000)
    assert source.next(100) is None
    topic.write(events[6:])
    assert read(source, 12, random.Random(SEED)).tobytes() == events[4:].tobytes()
    source.close()


def expect_refusal(topic: Topic, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        source = TopicSource(topic.place, EPOCH, 0)
        try:
            read(source, 50, random.Random(SEED))
        finally:
            source.close()


def test_a_sequence_that_is_missing_is_named(broker: kafka.Kafka) -> None:
    events = make_events(1, 60, command=1)
    topic = Topic(broker, "gap")
    topic.write(events[:20])
    topic.write(events[21:])
    expect_refusal(topic, "sequence 21 is not in the topic, which goes on at 22")


def test_another_history_another_form_and_a_flipped_bit_are_named(broker: kafka.Kafka) -> None:
    events = make_events(1, 60, command=1)
    other = Topic(broker, "other")
    other.write(events, epoch=EPOCH + 1)
    expect_refusal(other, f"epoch {EPOCH} expected, found {EPOCH + 1}")
    text = Topic(broker, "text")
    text.write(events, value=b'{"seq":1}')
    expect_refusal(text, "expected a record of 128 bytes")
    flipped = events.copy()
    flipped["qty_lots"][30] ^= 1
    damaged = Topic(broker, "flipped")
    damaged.write(flipped)
    expect_refusal(damaged, "sequence 31 in the topic: field crc")


def test_what_is_not_there_is_away(broker: kafka.Kafka, tmp_path: Path) -> None:
    with pytest.raises(TopicAway, match="nowhere"):
        TopicSource(at(broker, "nowhere"), EPOCH, 0)
    with pytest.raises(TopicAway, match="no events yet"):
        epoch_of(Topic(broker, "empty").place)
