"""A broker with everything that tests of the Kafka sink need, and topics as they look at them and spoil them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from config.settings import SinkSettings
from consumers.journal.reader import JournalReader
from consumers.sinks.kafka_producer import Producer
from consumers.sinks.kafka_records import headers
from consumers.sinks.kinds import check_sinks, open_target
from consumers.sinks.target import EVENTS, Target
from ops.sinks import compare
from ringbuf.codes import EventType
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History
from tests.consumers.sinks.matrix import wanted
from tests.pipeline import eventually
from tests.servers import kafka
from tests.servers.base import HOST, Server, free_port
from tests.servers.kafka import Kafka
from tests.servers.proxy import Link

if TYPE_CHECKING:
    import confluent_kafka as ck

SEED = 13
QUIET_S = 20.0
PLAIN = "&compression.type=none"


@contextmanager
def running(folder: Path) -> Iterator["ManyPortKafka"]:
    """A broker; skips where there can be none."""
    wanted(kafka)
    server = ManyPortKafka(folder)
    server.start()
    try:
        transactions_work(server)
        yield server
    finally:
        server.stop()


class Message(NamedTuple):
    """What a sink sends."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: dict[str, bytes]

    @property
    def seq(self) -> int:
        return int(self.headers["seq"])


def reader(broker: Kafka, isolation: str = "read_committed") -> "ck.Consumer":
    """A consumer that knows nothing of sinks; ends are told."""
    from confluent_kafka import Consumer

    return Consumer(
        {
            "bootstrap.servers": broker.address,
            "group.id": "test",
            "enable.auto.commit": False,
            "log_level": 0,
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )


def messages(broker: Kafka, topic: str, isolation: str = "read_committed") -> list[Message]:
    """Everything in a topic now: partition by partition, in the order of offsets."""
    from confluent_kafka import TopicPartition

    consumer = reader(broker, isolation)
    found = []
    try:
        for number in sorted(consumer.list_topics(topic, 10).topics[topic].partitions):
            consumer.assign([TopicPartition(topic, number, 0)])
            deadline = time.monotonic() + QUIET_S
            while not ((message := consumer.poll(1)) is not None and message.error()):  # the end is an error, too
                assert time.monotonic() < deadline, f"{topic}[{number}] has no end"
                if message is not None:
                    place = message.partition(), message.offset()
                    found.append(Message(*place, message.key(), message.value(), dict(message.headers() or ())))
    finally:
        consumer.close()
    return found


def transactions_work(broker: Kafka) -> None:
    """A new broker makes the topic that it keeps transactions in only when it is first asked for one."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": "first", "log_level": 0})
    producer.init_transactions(QUIET_S * 3)


def make_topic(broker: Kafka, topic: str, partitions: int = 1, config: dict[str, str] | None = None) -> None:
    from confluent_kafka.admin import NewTopic

    admin = broker.connect()
    admin.create_topics([NewTopic(topic, partitions, 1, config=config or {})])[topic].result(20)


def drop_topic(broker: Kafka, topic: str) -> None:
    """Delete it; gone when this returns."""
    admin = broker.connect()
    admin.delete_topics([topic])[topic].result(20)
    eventually(lambda: topic not in admin.list_topics(timeout=10).topics, f"{topic} is gone")


def rewrite(broker: Kafka, topic: str, keep: Callable[[Message], bool]) -> None:
    """The topic anew, with only some of its messages, as they were."""
    from confluent_kafka import Producer

    found = messages(broker, topic)
    drop_topic(broker, topic)
    make_topic(broker, topic, 1 + max(message.partition for message in found))
    producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True, "log_level": 0})
    for one in found:
        if keep(one):
            producer.produce(topic, one.value, one.key, one.partition, headers=dict[str, Any](one.headers))
    assert producer.flush(20) == 0


def remove_before(broker: Kafka, topic: str, partition: int, offset: int) -> None:
    """As retention does."""
    from confluent_kafka import TopicPartition

    admin = broker.connect()
    for answer in admin.delete_records([TopicPartition(topic, partition, offset)]).values():
        answer.result(20)


class ManyPortKafka(Kafka):
    """A broker with two more listeners: one that asks for user and password (`guest` may come in and do nothing), and
    one behind a link: clients go on where a broker says that it is, so it has to say the link's port.
    """

    user, password = "ml", "s3cret/&"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.guarded_port, self._linked_port, self._link_port = free_port(), free_port(), free_port()
        ports = {"PLAINTEXT": self.port, "GUARDED": self.guarded_port, "CONTROLLER": self.controller_port}
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        users = " ".join(f'user_{name}="{self.password}"' for name in (self.user, "guest"))
        self.options = [  # of a setting that stands there twice the last counts
            f"listeners={_listeners(ports | {'LINKED': self._linked_port})}",
            f"advertised.listeners={_listeners(ports | {'LINKED': self._link_port})}",
            "listener.security.protocol.map="
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT,LINKED:PLAINTEXT",
            "sasl.enabled.mechanisms=PLAIN",
            f"listener.name.guarded.plain.sasl.jaas.config={login} {users};",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            f"super.users=User:ANONYMOUS;User:{self.user}",
        ]

    def link(self) -> Link:
        """Where it says that it is, to who asks by the link."""
        return Link(self._linked_port, at=(HOST, self._link_port))


class OverLink:
    """Tests that go over a link have the broker's own port for it."""

    server: ClassVar[Server]

    @classmethod
    def link(cls) -> Link:
        assert isinstance(cls.server, ManyPortKafka)
        return cls.server.link()


def _listeners(ports: dict[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())


def settings(port: int, prefix: str, form: str = "json", query: str = "") -> SinkSettings:
    made = SinkSettings("out", "kafka", f"kafka://{HOST}:{port}?topic_prefix={prefix}{query}", format=form)
    check_sinks((made,))
    return made


def fill(sink: SinkSettings, history: History, size: int = 100, upto: int | None = None) -> None:
    target = open_target(sink, history.data)
    for batch in history.batches(target.open(EPOCH), size, upto):
        target.write(batch)
    target.close()


def looked(sink: SinkSettings, history: History) -> tuple[Target, int]:
    target = open_target(sink, history.data)
    return target, target.look(EPOCH)


def reconciled(sink: SinkSettings, history: History) -> tuple[bool, str]:
    target, at = looked(sink, history)
    with JournalReader(history.data) as journal:
        try:
            return compare(target, at, journal)
        finally:
            target.close()


def trades_of(history: History) -> list[int]:
    """Sequences that stand in the topic of trades."""
    chosen = [event for event in history.events if event["type"] in (EventType.TRADE, EventType.BUSTED)]
    return [int(event["seq"]) for event in chosen]


def unfinished(sink: SinkSettings, history: History, upto: int) -> Producer:
    """A producer of the sink's id that has sent events after its cursor and not committed them."""
    target, at = looked(sink, history)
    producer = Producer(target._place, target._transactional_id, 1_000_000)  # type: ignore[attr-defined]
    producer._client.begin_transaction()
    batch = history.batch(at, upto)
    found = [(int(event["seq"]), b"", event.tobytes()) for event in batch.events]
    producer.send(target._place.topic(EVENTS), found, headers(EPOCH, False))  # type: ignore[attr-defined]
    assert producer._client.flush(10) == 0
    target.close()
    return producer
