"""Commands from a Kafka topic, on a real broker: each taken exactly once, in order, whoever is killed meanwhile."""

import os
import random
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from config.errors import ConfigError
from config.json_events import encode_lines
from engine.entry.from_kafka import PAIRS, Pairs, place_of
from tests.consumers.sinks.matrix import wanted
from tests.e2e.flow import commands, history, match, write_lines
from tests.e2e.test_match_equals_live import LISTINGS, MORE
from tests.pipeline import eventually, pipeline
from tests.servers import kafka

SEED = 11
COUNT = 6_000
TOPIC = "orders.in"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafka]:
    server = wanted(kafka).start(tmp_path_factory.mktemp("kafka"))
    yield server
    server.stop()


def make_topic(broker: kafka.Kafka, topic: str, partitions: int = 1) -> None:
    from confluent_kafka.admin import NewTopic

    admin = broker.connect()
    for done in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        done.result(30)


def produce(broker: kafka.Kafka, topic: str, values: list[bytes]) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True, "log_level": 0})
    for value in values:
        producer.produce(topic, value)
        producer.poll(0)
    assert producer.flush(60) == 0


def config(broker: kafka.Kafka, topic: str) -> str:
    return f'[entry]\nkafka = "kafka://{broker.address}?topic={topic}"\n'


def flow() -> list[dict[str, Any]]:
    """Timed commands, so that `match` says the same bytes; among them some without a client id, and listings."""
    made = list(commands(COUNT, SEED))
    at = COUNT // 2
    now_ns = made[at]["ts_ns"]
    more = [{"ts_ns": now_ns, **command} for command in MORE]
    made[at:at] = more
    for place in range(500, COUNT, 700):  # a repeat of one would show: nothing marks it as one
        made.insert(place, {"op": "time", "ts_ns": made[place]["ts_ns"]})
    return made


def test_a_topic_is_taken_once_while_entry_broker_and_all_are_killed(tmp_path: Path, broker: kafka.Kafka) -> None:
    rng = random.Random(SEED)
    make_topic(broker, TOPIC)
    lines = flow()
    path = write_lines(tmp_path / "commands.jsonl", iter(lines))
    values = path.read_bytes().splitlines()
    with pipeline(tmp_path, config=config(broker, TOPIC)) as pipe:
        pipe.up()
        fifth = len(values) // 5
        for step, (begin, end) in enumerate(pairwise([0, fifth, 2 * fifth, 3 * fifth, 4 * fifth, len(values)])):
            produce(broker, TOPIC, values[begin:end])
            time.sleep(rng.uniform(0, 0.3))  # a moment of its own for each kill
            if step == 1:
                broker.kill()
                broker.restart()
            elif step == 3:
                pipe.kill_all()
                pipe.up()
            else:
                pid = eventually(lambda: pipe.pid("entry-kafka"), "the process")
                os.kill(pid, signal.SIGKILL)
        expected = match(path, tmp_path / "match")
        count = len(expected.splitlines())
        eventually(lambda: pipe.published() >= count, "every command is answered")
        pipe.settled()
        events, catalog = history(pipe.data)
        assert encode_lines(events, catalog) == expected, f"seed {SEED}"
        assert pipe.report("reconcile")["ok"]


def test_what_is_no_command_is_answered_once_and_the_rest_goes_on(tmp_path: Path, broker: kafka.Kafka) -> None:
    make_topic(broker, "strange")
    deposit = {"op": "deposit", "account": 1, "asset": "USDT", "amount": "5", "client_id": 1}
    produce(broker, "strange", [b"", b"{", b"\0\1\2", b"[]", b'{"op":"dance"}', orjson.dumps(deposit)])
    with pipeline(tmp_path, config=config(broker, "strange")) as pipe:
        pipe.up()
        eventually(lambda: pipe.published() == LISTINGS + 6, "six answers")
        pipe.settled()
        events, catalog = history(pipe.data)
        told = [orjson.loads(line) for line in encode_lines(events[-6:], catalog).splitlines()]
        assert [event.get("reason") for event in told] == ["malformed"] * 5 + [None]
        assert told[-1]["type"] == "deposited"


def test_a_topic_that_is_not_there_or_has_more_partitions_is_away_and_says_so(
    tmp_path: Path, broker: kafka.Kafka
) -> None:
    make_topic(broker, "wide", 2)
    for topic, said in (("nowhere", "nowhere"), ("wide", "expected 1 partition, found 2")):
        with pipeline(tmp_path / topic, config=config(broker, topic)) as pipe:
            pipe.up()
            log = pipe.data / "logs" / "entry-kafka.log"
            eventually(lambda log=log, said=said: said in log.read_text(), said)
            eventually(lambda pipe=pipe: pipe.report("status")["consumers"]["entry-kafka"]["state"] == "away", "away")


def test_a_pair_is_found_for_every_count_that_a_crash_can_go_back_to(tmp_path: Path) -> None:
    pairs = Pairs(tmp_path, 5)
    assert pairs.before(0) is None
    for number in range(PAIRS + 20):
        pairs.add(number * 100, number * 100 + 7)
    again = Pairs(tmp_path, 5)
    again.read()
    assert again.before(0) == (0, 7)
    assert again.before((PAIRS + 19) * 100 - 1) == ((PAIRS + 18) * 100, (PAIRS + 18) * 100 + 7)
    assert again.before(99) == (0, 7)
    other = Pairs(tmp_path, 6)  # another history
    other.read()
    assert other.before(100) is None


@pytest.mark.parametrize(
    "url", ["http://x:1", "kafka://", "kafka://h:1/path", "kafka://h:1?topics=a", "kafka://me:hidden@h:1"]
)
def test_a_url_that_is_none_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigError, match="entry.kafka") as refused:
        place_of(url)
    assert "hidden" not in str(refused.value)
