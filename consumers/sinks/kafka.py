"""Kafka: every event into PREFIX.events, trades into PREFIX.trades, the cursor into PREFIX.cursor, exactly once.

One transaction for each write holds all three, so who reads committed records sees either all of it or nothing. A
start first fences any older producer of the sink, which ends what that one left open, and only then reads the cursor.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from config.catalog import Catalog
from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.journal.reader import JournalReader
from consumers.sinks.kafka_hanging import end_what_hangs
from consumers.sinks.kafka_link import ASK_S
from consumers.sinks.kafka_place import place_of
from consumers.sinks.kafka_producer import Producer
from consumers.sinks.kafka_records import headers, in_trades, keys, rows_of, values
from consumers.sinks.kafka_topic import Partition, Record, Topic
from consumers.sinks.kafka_topics import CURSOR, TABLES, Topics
from consumers.sinks.target import EVENTS, TRADES, BadRow, Batch, ReadableTarget, Row, Target, TargetAway, TargetRefused
from ringbuf.records import SCHEMA_HASH


def check(settings: SinkSettings) -> None:
    """ConfigError where the URL names no brokers, or for what this kind has no use for."""
    place_of(settings)
    default = SinkSettings()
    for name in ("tables", "keep"):
        if getattr(settings, name) != getattr(default, name):
            raise ConfigError(name, "expected to be left out: kind kafka has no use for it")


def target(settings: SinkSettings, data: Path) -> Target:
    """The sink of these settings."""
    return Kafka(settings, data)


class Kafka(ReadableTarget):
    """The three topics of a prefix."""

    batch_events = 16_384
    commit_ms = 20  # a transaction costs a broker about as much as some thousand events
    marks_busts = False  # the `busted` events stand in the topic of trades
    tables = (EVENTS, TRADES)

    def __init__(self, settings: SinkSettings, data: Path) -> None:
        self._place = place_of(settings)
        self._name = settings.name
        self._binary = settings.format == "binary"
        self._data = data
        self._epoch = self._at = 0
        self._broker: Topics | None = None
        self._counts: dict[str, int] = {}  # partitions of the topics that are there
        self._producer: Producer | None = None
        self._topics: dict[str, Topic] = {}  # those that were read
        self._catalog: Catalog | None = None

    def open(self, epoch: int) -> int:
        """Make what is missing, fence an older producer, then read the cursor."""
        self._epoch = epoch
        broker = self._ask_for_topics()
        if missing := set(TABLES) - set(self._counts):
            broker.make(missing)
            self._wait_for_topics(broker)
        self._producer = Producer(self._place, self._transactional_id, broker.largest_message())
        if left := broker.settle(self._counts):
            head = headers(epoch, resent=False)
            end_what_hangs(self._place, self._producer, left, self._cursor(), self._counts, head)
            if any(one.table == CURSOR for one in broker.settle(self._counts)):
                raise TargetAway(f"{self._place.servers}: a transaction is open in {self._cursor_topic}")
        self._at = self._cursor()
        if not self._at:
            self._refuse_what_has_no_cursor()
        return self._at

    def _refuse_what_has_no_cursor(self) -> None:
        """Everything would be written once more. Raises TargetRefused."""
        for table in self.tables:
            if not self._topic(table).is_empty():
                found = f"{self._place.topic(table)} holds events, {self._cursor_topic} no cursor"
                raise TargetRefused(f"{found}: delete the topics, or give another topic_prefix")

    def look(self, epoch: int) -> int:
        """The cursor, as far as transactions are over; makes nothing, and fences nobody."""
        self._epoch = epoch
        self._forget_what_was_read()
        self._ask_for_topics().settle(self._counts)
        self._at = self._cursor()
        return self._at

    def write(self, batch: Batch) -> None:
        """Events, trades and the cursor in one transaction."""
        assert self._producer is not None, "not open"
        places = list(range(len(batch.events)))
        cursor = {"epoch": self._epoch, "seq": batch.upto, "schema": SCHEMA_HASH, "sink": self._name}
        self._send(self._producer, batch, {EVENTS: places, TRADES: in_trades(batch.events)}, cursor)

    def _send(
        self, producer: Producer, batch: Batch, places: dict[str, list[int]], cursor: dict[str, object] | None
    ) -> None:
        """Those events of a batch, each into its topic; where there is no cursor they are sent again."""
        seqs, names, found = batch.events["seq"].tolist(), keys(batch), values(batch, self._binary)
        head = headers(self._epoch, resent=cursor is None)
        with producer.transaction():
            for table, chosen in places.items():
                picked = ((seqs[at], names[at], found[at]) for at in chosen)
                producer.send(self._place.topic(table), picked, head)
            if cursor is not None:
                producer.send(self._cursor_topic, [(batch.upto, CURSOR.encode(), orjson.dumps(cursor))], head)

    def resend(self, batch: Batch) -> int:
        """What a look at the topics does not find, and retention did not remove, goes to their end."""
        seqs = batch.events["seq"].tolist()
        places = {EVENTS: list(range(len(seqs))), TRADES: in_trades(batch.events)}
        for table in self.tables:
            records = self._records(table, batch.after + 1, batch.upto, batch.upto)
            held = {record.seq for record in records}
            places[table] = [place for place in places[table] if seqs[place] not in held]
        if any(places.values()):
            kept = self.held_from()
            places = {table: [at for at in chosen if seqs[at] >= kept] for table, chosen in places.items()}
        missing = {seqs[place] for chosen in places.values() for place in chosen}
        if missing:
            self._send_again(batch, places)
        return len(missing)

    def _send_again(self, batch: Batch, places: dict[str, list[int]]) -> None:
        broker = self._ask_for_topics()
        if lacking := [self._place.topic(table) for table in self.tables if table not in self._counts]:
            raise TargetAway(f"{self._place.servers}: {lacking[0]} is not there; the sink makes it when it is opened")
        producer = Producer(self._place, f"{self._transactional_id}-resend", broker.largest_message())
        try:
            self._send(producer, batch, places, None)
        except BadRow as why:
            raise TargetRefused(f"{self._place.servers}: {why}") from why
        finally:
            producer.close()
        broker.settle(self._counts)
        for topic in self._topics.values():
            topic.forget_resent()

    def held_from(self) -> int:
        """The first sequence that retention has left in every topic; 1 where it removed nothing."""
        there = [table for table in self.tables if table in self._counts]
        return max([1, *(self._topic(table).held_from(self._at) for table in there)])

    def read(self, table: str, first: int, last: int) -> Iterator[Row]:
        """What committed records hold."""
        records = self._as_of_the_look(self._records(table, first, last, self._at))
        yield from rows_of(table, records, self._listed())

    def _records(self, table: str, first: int, last: int, until: int) -> Iterable[Record]:
        return self._topic(table).records(first, last, until) if table in self._counts else ()

    def _as_of_the_look(self, records: Iterable[Record]) -> Iterator[Record]:
        """Without what the sink has written since; with what stands there although the cursor has not come so far."""
        now = 0
        for record in records:
            if record.seq > self._at:
                if not now:
                    self._ask_for_topics().settle(self._counts)
                    now = self._cursor()
                if record.seq <= now:
                    return
            yield record

    def idle(self, now_ns: int) -> None:
        """Hear what the client says of its connections."""
        if self._producer is not None:
            self._producer.poll()

    def close(self) -> None:
        """Let go of the connections. A transaction that is open is ended by the next start."""
        if self._producer is not None:
            self._producer.close()
            self._producer = None
        self._forget_what_was_read()
        if self._broker is not None:
            self._broker.close()
            self._broker = None

    @property
    def _transactional_id(self) -> str:
        return f"{self._place.prefix}-{self._name}"

    @property
    def _cursor_topic(self) -> str:
        return self._place.topic(CURSOR)

    def _ask_for_topics(self) -> Topics:
        if self._broker is None:
            self._broker = Topics(self._place)
        self._counts = self._broker.partitions()
        return self._broker

    def _wait_for_topics(self, broker: Topics) -> None:
        deadline = time.monotonic() + ASK_S
        while lacking := set(TABLES) - set(self._counts):
            if time.monotonic() > deadline:
                raise TargetAway(f"{self._place.servers}: {self._place.topic(min(lacking))} was made and is not there")
            time.sleep(0.01)
            self._counts = broker.partitions()

    def _cursor(self) -> int:
        """The sequence of the cursor, 0 = nothing was written yet. Raises TargetAway, TargetRefused."""
        if CURSOR not in self._counts:
            return 0
        if self._counts[CURSOR] != 1:
            raise TargetRefused(f"{self._cursor_topic}: expected 1 partition, found {self._counts[CURSOR]}")
        partition = Partition(self._place, self._cursor_topic, 0)
        try:
            last = partition.last()
        finally:
            partition.close()
        return 0 if last is None else self._checked(last.value)

    def _checked(self, value: bytes) -> int:
        expected = {"epoch": self._epoch, "schema": SCHEMA_HASH, "sink": self._name}
        try:
            found = orjson.loads(value)
            seq = int(found["seq"])
            other = next((name for name, wanted in expected.items() if found[name] != wanted), None)
        except (orjson.JSONDecodeError, TypeError, KeyError, ValueError) as error:
            raise TargetRefused(f"{self._cursor_topic}: expected a sink's cursor: {error!r}") from error
        if other is not None:
            holds, ours = found[other], expected[other]
            raise TargetRefused(
                f"{self._cursor_topic}: {other} is {holds}, this sink's {ours}: it needs a topic_prefix of its own"
            )
        return seq

    def _topic(self, table: str) -> Topic:
        if table not in self._topics:
            self._topics[table] = Topic(self._place, self._place.topic(table), self._counts[table])
        return self._topics[table]

    def _forget_what_was_read(self) -> None:
        for topic in self._topics.values():
            topic.close()
        self._topics.clear()
        self._catalog = None

    def _listed(self) -> Catalog:
        """The listings up to the cursor, for records in binary form."""
        if self._catalog is None:
            with JournalReader(self._data) as journal:
                self._catalog = Catalog.from_events(journal.listed(self._at))
        return self._catalog
