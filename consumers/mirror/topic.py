"""A Kafka topic of events as a `Source`: in sequence, each once, whole commands, whatever stands in the topic.

The topic is what a sink of kind kafka with `format = "binary"` writes: 128-byte records, `epoch` in each one's headers,
any number of partitions. Only committed records are read; what stands there twice is passed over.
"""

import heapq
import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from config.kafka_url import TopicPlace
from consumers.journal.checks import good_prefix, what_is_wrong, whole_commands
from consumers.source import SourceError
from ringbuf.cursor import CursorSource
from ringbuf.records import EVENT, RECORD_SIZE

if TYPE_CHECKING:
    import confluent_kafka as ck

log = logging.getLogger(__name__)

ASK_S = 5.0
PIECE = 2000  # messages asked for at once
AHEAD_MAX = 1 << 17  # records of one partition that wait for another's, at most


class TopicAway(Exception):
    """The broker can't be had just now, or the topic is not there yet."""


def epoch_of(place: TopicPlace) -> int:
    """The history that the topic's first record is of. Raises TopicAway, SourceError."""
    reader = TopicReader(place)
    try:
        for partition in reader.partitions:
            message = reader.first_from(partition, 0)
            if message is not None:
                return epoch_in(message)
    finally:
        reader.close()
    raise TopicAway(f"topic {place.topic} has no events yet")


def epoch_in(message: "ck.Message") -> int:
    """The epoch in a record's headers. Raises SourceError where there is none."""
    headers: Any = message.headers() or ()
    for name, value in headers:
        if name == "epoch" and value is not None:
            return int(value)
    raise SourceError(f"topic {message.topic()}, offset {message.offset()}: header epoch is missing")


def record_in(message: "ck.Message") -> bytes:
    """A message's value, 128 bytes. Raises SourceError for what is no record."""
    value = message.value()
    if not isinstance(value, bytes) or len(value) != RECORD_SIZE:
        raise SourceError(
            f"topic {message.topic()}, offset {message.offset()}: expected a record of {RECORD_SIZE} bytes "
            '(a sink with format = "binary")'
        )
    return value


def seq_in(message: "ck.Message") -> int:
    """The sequence of the record in a message."""
    return int.from_bytes(record_in(message)[:8], "little")


class TopicReader:
    """One connection to all partitions of a topic. Raises TopicAway where there is none."""

    def __init__(self, place: TopicPlace) -> None:
        import confluent_kafka as ck

        self._ck = ck
        self._topic = place.topic
        self._consumer = ck.Consumer(
            {
                **place.client,
                "group.id": "matchline-mirror",  # needed, not used: nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        try:
            found = self._consumer.list_topics(place.topic, ASK_S).topics[place.topic]
            if found.error is not None:
                raise TopicAway(f"topic {place.topic}: {found.error}")
            self.partitions = sorted(found.partitions)
        except ck.KafkaException as error:
            self._consumer.close()
            raise TopicAway(f"{place.servers}: {error.args[0]}") from error
        except TopicAway:
            self._consumer.close()
            raise

    def take(self, timeout_s: float) -> "list[ck.Message]":
        """What has come, waiting at most so long for the first."""
        messages: list[Any] = self._consumer.consume(PIECE, timeout_s)
        for message in messages:
            if message.error() is not None:
                raise TopicAway(f"topic {self._topic}: {message.error()}")
        return messages

    def first_from(self, partition: int, offset: int) -> "ck.Message | None":
        """The first record of a partition from an offset on; None where there is none."""
        low, high = self._ends(partition)
        at = max(offset, low)
        if at >= high:
            return None
        self._consumer.assign([self._ck.TopicPartition(self._topic, partition, at)])
        deadline = time.monotonic() + ASK_S
        while time.monotonic() < deadline:
            for message in self.take(0.05):
                return message
            # Behind the last record there may be only the marks of transactions.
            position = self._consumer.position([self._ck.TopicPartition(self._topic, partition)])[0].offset
            if position >= high:
                return None
        raise TopicAway(f"topic {self._topic}: partition {partition} gives nothing from offset {at}")

    def _ends(self, partition: int) -> tuple[int, int]:
        try:
            low, high = self._consumer.get_watermark_offsets(self._ck.TopicPartition(self._topic, partition), ASK_S)
        except self._ck.KafkaException as error:
            raise TopicAway(f"topic {self._topic}: {error.args[0]}") from error
        return low, high

    def seek_behind(self, seq: int) -> None:
        """Read on, in each partition, from the first record behind a sequence: they grow with the offset."""
        starts = []
        for partition in self.partitions:
            low, high = self._ends(partition)
            while low < high:
                middle = (low + high) // 2
                message = self.first_from(partition, middle)
                if message is None or seq_in(message) > seq:
                    high = middle
                else:
                    low = int(message.offset() or 0) + 1
            starts.append(self._ck.TopicPartition(self._topic, partition, low))
        self._consumer.assign(starts)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


class TopicSource:
    """A consumers.source.Source from after `position` on. `next` and `wait` raise TopicAway, too."""

    kind = CursorSource.TOPIC

    def __init__(self, place: TopicPlace, epoch: int, position: int) -> None:
        self._epoch = epoch
        self._expected = position + 1
        self._reader = TopicReader(place)
        self._last_of = dict.fromkeys(self._reader.partitions, position)
        self._waiting: list[tuple[int, bytes]] = []  # a heap: sequence, record
        self._ready: list[bytes] = []  # in sequence from `position` + 1 on
        self.position = position
        self._is_from_beginning = position == 0
        self._reader.seek_behind(position)

    @property
    def limit(self) -> int:
        """Highest sequence that can be had without asking the broker."""
        return self._expected - 1

    def next(self, max_records: int) -> np.ndarray | None:
        """See Source.next."""
        if len(self._ready) < max_records:
            self._take(0)
        count = min(len(self._ready), max_records)
        while count:
            events = np.frombuffer(b"".join(self._ready[:count]), EVENT)
            whole = whole_commands(events)
            if whole:
                self._check(events[:whole])
                del self._ready[:whole]
                self.position += whole
                return events[:whole]
            if count == len(self._ready):
                break
            count = min(2 * count, len(self._ready))
        return None

    def _take(self, timeout_s: float) -> None:
        messages = self._reader.take(timeout_s)
        if not messages:
            return
        for message in (messages[0], messages[-1]):
            if (epoch := epoch_in(message)) != self._epoch:
                raise SourceError(f"topic {message.topic()}: epoch {self._epoch} expected, found {epoch}")
        for message in messages:
            seq = seq_in(message)
            self._last_of[message.partition()] = seq
            if seq >= self._expected:
                heapq.heappush(self._waiting, (seq, record_in(message)))
        while self._waiting and self._waiting[0][0] <= self._expected:
            seq, record = heapq.heappop(self._waiting)
            if seq == self._expected:  # else it stood there twice
                self._ready.append(record)
                self._expected += 1
        if self._waiting and (min(self._last_of.values()) >= self._expected or len(self._waiting) > AHEAD_MAX):
            self._look_from_the_beginning()

    def _look_from_the_beginning(self) -> None:
        """The record that must come next may have been sent again, far behind its place. Raises SourceError."""
        if self._is_from_beginning:
            raise SourceError(
                f"sequence {self._expected} is not in the topic, which goes on at {self._waiting[0][0]}: "
                "removed by retention, or never written"
            )
        log.warning("sequence %d is not where it should be: the topic is read from its beginning", self._expected)
        self._is_from_beginning = True
        self._waiting.clear()
        self._last_of = dict.fromkeys(self._last_of, 0)
        self._reader.seek_behind(0)

    def _check(self, events: np.ndarray) -> None:
        good = good_prefix(events, self.position + 1)
        if good < len(events):
            wrong = what_is_wrong(events[good : good + 1].copy(), self.position + 1 + good)
            raise SourceError(f"sequence {self.position + 1 + good} in the topic: {wrong}")

    def match_ns(self) -> np.ndarray:
        """Not in the topic."""
        return np.empty(0, np.int64)

    def wait(self, timeout_ns: int) -> None:
        """See Source.wait."""
        self._take(timeout_ns / 1e9)

    def close(self) -> None:
        """Let go of the connection."""
        self._reader.close()
