"""Order entry from a Kafka topic: each message a command (JSON, or 128·n bytes of records), each taken exactly once.

Where it stands is in the engine's own stream: the lane counts what was ever put in (`base` from the history, then
`produced`), and the message after that many commands is the next. A file of (count, offset) pairs says where in the
topic to begin counting. So a kill of anybody at any moment neither loses nor repeats a command, a client id or not.

The topic has one partition: commands have one order. Who may write to it may act for any account.
"""

import logging
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from config.catalog import Catalog
from config.json_commands import LISTING_OPS, decode_all
from config.kafka_url import TopicPlace, read_kafka_url, topic_name
from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from consumers.own_lane import OwnLane
from consumers.runtime import Away, Pace, attach_ring, run
from consumers.sinks.own_cursor import replace_synced
from engine.entry.frames import FrameError, as_json, binary_commands
from engine.entry.vetting import malformed_command, vet
from ringbuf.lanes import Producer
from ringbuf.records import COMMAND

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

NAME = "entry-kafka"
TOPIC = "matchline.commands"
GROUP = "matchline-entry"  # its offsets are for Kafka's own tools: they show the lag, nobody begins there
TAKE = 1000  # messages asked for at once
PAIR_EVERY = 5000  # commands
PAIRS = 64  # kept: older ones than the oldest command that a crash could take back
ASK_S = 5.0


def place_of(url: str) -> TopicPlace:
    """kafka://host:port[,host:port][?topic=NAME&…]. Raises ConfigError."""
    client, options = read_kafka_url(url, "entry.kafka", {"topic"})
    return TopicPlace(client, topic_name("entry.kafka", "topic", options.get("topic", TOPIC)))


class Pairs:
    """(commands before it, offset) of some messages, in `DATA/entry/kafka.json`."""

    def __init__(self, data: Path, epoch: int) -> None:
        self._path = Path(data) / "entry" / "kafka.json"
        self._epoch = epoch
        self.pairs: list[tuple[int, int]] = []

    def read(self) -> None:
        """As last written; none where this history has no such file."""
        try:
            found = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return
        if found["epoch"] == self._epoch:
            self.pairs = [(count, offset) for count, offset in found["pairs"]]

    def add(self, count: int, offset: int) -> None:
        """One more, safe on the disk. The first is kept for good."""
        self.pairs.append((count, offset))
        if len(self.pairs) > PAIRS:
            del self.pairs[1]
        replace_synced(self._path, orjson.dumps({"epoch": self._epoch, "pairs": self.pairs}))

    def before(self, count: int) -> tuple[int, int] | None:
        """The last pair at or before so many commands."""
        return max((pair for pair in self.pairs if pair[0] <= count), default=None)


class KafkaEntry:
    """On the consumer runtime: what it reads there are listings, which the text of later commands needs."""

    name = NAME
    pace = Pace(idle_ns=2_000_000)
    remembered = 0

    def __init__(self, context: "Context") -> None:
        self._place = place_of(context.settings.entry.kafka)
        self._pairs = Pairs(context.data, context.epoch)
        self._lane = OwnLane(context.name, NAME)
        self._consumer: Any = None
        self._journal: JournalReader | None = None

    def open(self, context: "Context") -> int:
        """Learn every listing so far; the topic is asked for by the first `idle`."""
        self._ring = attach_ring(context.name)
        self._journal = JournalReader(context.data)
        self._seq = min(self._journal.last, self._ring.limit)
        self._catalog = Catalog.from_events(self._journal.listed(self._seq))
        self._pairs.read()
        self._messages: deque[tuple[int, bytes]] = deque()  # offset, value: not yet read
        self._commands = np.zeros(0, COMMAND)  # read, the lane had no room
        self._after = 0  # the offset behind them
        self._skip = 0  # commands that were put in before
        self._wait_for_listing = False
        return self._seq

    def apply(self, events: np.ndarray) -> None:
        """Fold what is listed."""
        self._catalog.fold_all(events)
        self._seq = int(events["seq"][-1])

    def commit(self, sequence: int) -> None:
        """Nothing to keep: the history has it."""

    def idle(self, now_ns: int) -> None:
        """Pass on what has come. Raises Away."""
        lane = self._lane.producer()
        if lane is None:
            return
        if self._consumer is None:
            self._begin(lane)
        if self._wait_for_listing:
            if lane.consumed < lane.produced or self._seq < self._ring.published:
                return
            self._wait_for_listing = False
        self._fetch()
        self._pass_on(lane)

    def _begin(self, lane: Producer) -> None:
        """Stand behind the last command that was put in."""
        import confluent_kafka as ck

        consumer = ck.Consumer(
            {
                **self._place.client,
                "group.id": GROUP,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
        done = lane.base + lane.produced
        try:
            found = consumer.list_topics(self._place.topic, ASK_S).topics[self._place.topic]
            if found.error is not None or len(found.partitions) != 1:
                why = found.error or f"expected 1 partition, found {len(found.partitions)}"
                raise Away(f"topic {self._place.topic}: {why}")
            pair = self._pairs.before(done)
            if pair is None:
                pair = done, consumer.get_watermark_offsets(ck.TopicPartition(self._place.topic, 0), ASK_S)[0]
                self._pairs.add(*pair)
            self._skip = done - pair[0]
            consumer.assign([ck.TopicPartition(self._place.topic, 0, pair[1])])
        except ck.KafkaException as error:
            consumer.close()
            raise Away(f"{self._place.servers}: {error.args[0]}") from error
        except Away:
            consumer.close()
            raise
        self._consumer = consumer
        log.info("%s: %d commands of this topic were taken before", NAME, done)

    def _fetch(self) -> None:
        if self._messages or len(self._commands):
            return
        for message in self._consumer.consume(TAKE, 0):
            if message.error() is not None:
                raise Away(f"topic {self._place.topic}: {message.error()}")
            self._messages.append((message.offset(), message.value() or b""))

    def _pass_on(self, lane: Producer) -> None:
        """Into the lane, in order, as far as there is room; behind a listing its events are waited for."""
        while self._messages and not len(self._commands) and not self._wait_for_listing:
            parts = []
            while self._messages and not self._wait_for_listing:
                offset, value = self._messages.popleft()
                parts.append(self._read(value))
                self._after = offset + 1
                self._wait_for_listing = bool(np.isin(parts[-1]["op"], list(LISTING_OPS)).any())
            commands = np.concatenate(parts)
            passed = min(self._skip, len(commands))
            self._skip -= passed
            self._commands = commands[passed:]
            if passed == len(commands):
                self._wait_for_listing = False
            self._send(lane)
        if len(self._commands):
            self._send(lane)

    def _send(self, lane: Producer) -> None:
        self._commands = self._commands[lane.send(self._commands) :]
        count = lane.base + lane.produced
        if not len(self._commands) and not self._skip and count >= self._pairs.pairs[-1][0] + PAIR_EVERY:
            self._pairs.add(count, self._after)
            self._show_lag()

    def _show_lag(self) -> None:
        """For Kafka's own tools."""
        import confluent_kafka as ck

        try:
            self._consumer.commit(offsets=[ck.TopicPartition(self._place.topic, 0, self._after)], asynchronous=True)
        except ck.KafkaException as error:
            log.warning("%s: the group's offset was not noted: %s", NAME, error.args[0])

    def _read(self, value: bytes) -> np.ndarray:
        """A message as COMMAND records, one at least; what is none is one that the engine refuses."""
        try:
            fields = as_json(value)
            if fields is None:
                commands = binary_commands(value)
                said = vet(commands, self._catalog, self._trade_of)
            else:
                commands, wrong = decode_all(fields, self._catalog, self._trade_of)
                said = [wrong] if wrong is not None else []
        except FrameError as error:
            commands, said = malformed_command(), [str(error)]
        for text in said:
            log.info("%s: %s", NAME, text)
        commands["session"] = 0
        return commands

    def _trade_of(self, seq: int) -> np.void | None:
        """The event of a sequence, for a bust; None where the journal has none."""
        assert self._journal is not None
        try:
            return self._journal.record(seq)[0]  # type: ignore[no-any-return]
        except JournalError:
            return None

    def close(self) -> None:
        """Let go of topic, lane and journal."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        self._lane.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None


def main(context: "Context") -> int:
    """Run until told to stop; the exit code."""
    return run(KafkaEntry(context), context)
