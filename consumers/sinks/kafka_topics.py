"""A sink's topics at the broker: which are there, made where missing, how large a message they take."""

import time
from functools import partial
from typing import Any, NamedTuple

from consumers.sinks.kafka_link import Link
from consumers.sinks.kafka_place import Place
from consumers.sinks.target import EVENTS, TRADES

CURSOR = "cursor"
TABLES = (EVENTS, TRADES, CURSOR)
SETTLE_S = 1.0
MESSAGE_BYTES = 1_000_000  # what brokers take by themselves, about


class Open(NamedTuple):
    """A transaction that has not ended in a partition, and where it begins there."""

    table: str
    partition: int
    offset: int


class Topics:
    """One connection for asking about topics."""

    def __init__(self, place: Place) -> None:
        from confluent_kafka.admin import AdminClient

        self._place = place
        self._link = Link(place.servers)
        settings: dict[str, Any] = {**place.client, "error_cb": self._link.on_error}
        self._admin = AdminClient(settings | {"reconnect.backoff.max.ms": 1000, "log_level": 0})
        self._link.hear = partial(self._admin.poll, 0)

    def close(self) -> None:
        """Let go of the connection."""
        self._link.hear = int  # the client knows the link: its threads end when nobody knows it
        del self._admin

    def partitions(self) -> dict[str, int]:
        """How many partitions each table's topic has; a topic that is not there is left out. Raises TargetAway."""
        import confluent_kafka as ck

        names = {self._place.topic(table): table for table in TABLES}

        def described(timeout_s: float) -> dict[str, int]:
            found = {}
            asked = self._admin.describe_topics(ck.TopicCollection(list(names)), request_timeout=timeout_s)
            for name, answer in asked.items():
                try:
                    found[names[name]] = len(answer.result().partitions)
                except ck.KafkaException as error:
                    if error.args[0].code() != ck.KafkaError.UNKNOWN_TOPIC_OR_PART:
                        raise
            return found

        return self._link.ask(described)

    def make(self, missing: set[str]) -> None:
        """Make the topics of some tables; another may do so at the same time. Raises TargetAway."""
        import confluent_kafka as ck
        from confluent_kafka.admin import NewTopic

        place = self._place
        wanted = []
        for table in sorted(missing):
            count, config = (1, {"cleanup.policy": "compact"}) if table == CURSOR else (place.partitions, {})
            wanted.append(NewTopic(place.topic(table), count, place.replication, config=config))

        def made(timeout_s: float) -> None:
            for answer in self._admin.create_topics(wanted, request_timeout=timeout_s).values():
                try:
                    answer.result()
                except ck.KafkaException as error:
                    if error.args[0].code() != ck.KafkaError.TOPIC_ALREADY_EXISTS:
                        raise

        self._link.ask(made)

    def largest_message(self) -> int:
        """Bytes that every topic takes in one message or batch; what is usual where we may not ask."""
        import confluent_kafka as ck
        from confluent_kafka.admin import ConfigResource

        asked = [ConfigResource(ConfigResource.Type.TOPIC, self._place.topic(table)) for table in TABLES]

        def described(timeout_s: float) -> int:
            answers = self._admin.describe_configs(asked, request_timeout=timeout_s).values()
            try:
                told = [answer.result().get("max.message.bytes") for answer in answers]
            except ck.KafkaException as error:
                if error.args[0].code() not in (
                    ck.KafkaError.TOPIC_AUTHORIZATION_FAILED,
                    ck.KafkaError.CLUSTER_AUTHORIZATION_FAILED,
                ):
                    raise
                return MESSAGE_BYTES
            return min([MESSAGE_BYTES, *(int(limit.value) for limit in told if limit is not None)])

        return self._link.ask(described)

    def settle(self, counts: dict[str, int]) -> list[Open]:
        """Wait a little until no transaction is open: a commit is answered before its marks are in the topics.

        Those that stay open, in the partitions of some tables.
        """
        before = self._ends(counts, committed=False)
        deadline = time.monotonic() + SETTLE_S
        while True:
            now = self._ends(counts, committed=True)
            still = [Open(*place, now[place]) for place, end in before.items() if now[place] < end]
            if not still or time.monotonic() > deadline:
                return still
            time.sleep(0.005)

    def _ends(self, counts: dict[str, int], committed: bool) -> dict[tuple[str, int], int]:
        import confluent_kafka as ck
        from confluent_kafka.admin import OffsetSpec

        places = {
            ck.TopicPartition(self._place.topic(table), number): (table, number)
            for table, count in counts.items()
            for number in range(count)
        }
        level = ck.IsolationLevel.READ_COMMITTED if committed else ck.IsolationLevel.READ_UNCOMMITTED

        def listed(timeout_s: float) -> dict[tuple[str, int], int]:
            wanted: dict[Any, Any] = dict.fromkeys(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
            asked = self._admin.list_offsets(wanted, isolation_level=level, request_timeout=timeout_s)
            return {places[place]: answer.result().offset for place, answer in asked.items()}

        return self._link.ask(listed) if places else {}
