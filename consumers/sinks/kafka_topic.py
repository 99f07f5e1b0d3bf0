"""A sink's topic, read back: committed records in the sequence of their events, whatever its partitions.

In each partition sequences grow with the offset, but for what was sent again later: that has the header `resent`, is
found by one look through the whole topic, and asked for only where something is not in its place.
"""

import heapq
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from consumers.sinks.kafka_link import ASK_S, Link
from consumers.sinks.kafka_place import Place
from consumers.sinks.target import TargetAway, TargetRefused

if TYPE_CHECKING:
    import confluent_kafka as ck

SEQ, EPOCH, SCHEMA, RESENT = "seq", "epoch", "schema", "resent"  # headers
PIECE = 4000  # messages asked for at once
NEAR = 50_000  # events that are read and passed over rather than looked for
UNKNOWN = 1 << 63  # behind every event: it has to be looked for


class Record(NamedTuple):
    """One message: the event's sequence, and where it stands in its partition."""

    seq: int
    value: bytes
    offset: int


class Partition:
    """One partition, forward: what was sent in its turn, or (`resent`) only what was sent again."""

    def __init__(self, place: Place, topic: str, number: int, resent: bool = False, committed: bool = True) -> None:
        import confluent_kafka as ck

        self._ck = ck
        self._name = f"{topic}[{number}]"
        self._topic, self._number = topic, number
        self._link = Link(place.servers)
        self._wants_resent = resent
        self._consumer = ck.Consumer({**reading(place, committed), "auto.offset.reset": "earliest"})
        self._got: deque[Record] = deque()
        self._passed = UNKNOWN  # what stands from here on has a higher sequence than this
        self._next = self._eof = self._end = 0  # offsets: taken next; told to be the end; where the committed ones end

    def upto(self, first: int, last: int) -> Iterator[Record]:
        """Records with sequences from `first` to `last`, as far as they are committed now. Raises TargetAway."""
        if not self._passed < first <= self._passed + NEAR:
            self._seek(first)
        while (head := self._head()) is not None and head.seq <= last:
            self._got.popleft()
            self._passed = head.seq
            if head.seq >= first:
                yield head
        self._passed = max(self._passed, last)

    def everything(self) -> Iterator[Record]:
        """From the beginning to what is its end now, as it stands there."""
        self._start(self.ends()[0])
        self._passed = UNKNOWN
        while self._head() is not None:
            yield self._got.popleft()

    def ends(self) -> tuple[int, int]:
        """The first offset that is still there, and the one behind the last committed record."""
        place = self._ck.TopicPartition(self._topic, self._number)
        low, high = self._link.ask(lambda timeout_s: self._consumer.get_watermark_offsets(place, timeout_s))
        return low, high

    def first_kept(self) -> int | None:
        """The first sequence where the beginning was removed; 0 = nothing was, None = everything."""
        low, _ = self.ends()
        if low == 0:
            return 0
        head = self.first_from(low)
        self._passed = UNKNOWN
        return head.seq if head else None

    def last(self) -> Record | None:
        """The last record; None where there is none."""
        low, end = self.ends()
        size = 8  # behind it stand marks of transactions, and what was given up
        while end > low:
            self._start(max(low, end - size))
            found = None
            while self._head() is not None:
                found = self._got.popleft()
            if found is not None:
                return found
            if end - size <= low:
                break
            size *= 16
        return None

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _seek(self, first: int) -> None:
        low, high = self.ends()
        middle = low  # as a rule it is wanted from the beginning
        while low < high:
            head = self.first_from(middle)
            if head is None or head.seq >= first:
                high = middle
            else:
                low = head.offset + 1
            middle = (low + high) // 2
        self._start(low)
        self._passed = first - 1

    def first_from(self, offset: int) -> Record | None:
        """The first record from an offset on; None where there is none."""
        self._passed = UNKNOWN
        self._start(offset)
        return self._head()

    def _start(self, offset: int) -> None:
        self._consumer.assign([self._ck.TopicPartition(self._topic, self._number, offset)])
        self._got.clear()
        self._next, self._eof, self._end = offset, 0, 0

    def _head(self) -> Record | None:
        """The next record, which stays; None at the end, for now."""
        deadline = time.monotonic() + ASK_S
        while not self._got:
            if max(self._next, self._eof) >= self._end:
                self._end = self.ends()[1]
                if max(self._next, self._eof) >= self._end:
                    return None
            if self._take():
                deadline = time.monotonic() + ASK_S
            elif time.monotonic() > deadline:
                raise TargetAway(f"{self._name} gives nothing from offset {self._next}")
        return self._got[0]

    def _take(self) -> bool:
        """What has come, if anything has."""
        message = self._consumer.poll(0.1)
        if message is None:
            return False
        for one in (message, *self._consumer.consume(PIECE, 0)):
            self._note(one)
        return True

    def _note(self, message: "ck.Message") -> None:
        error, offset = message.error(), message.offset()
        if error is not None:
            if error.code() != self._ck.KafkaError._PARTITION_EOF:
                raise self._link.away(error)
            self._eof = offset or 0
            return
        assert offset is not None
        self._next = offset + 1
        headers, value = dict(message.headers() or ()), message.value()
        if (RESENT in headers) != self._wants_resent:
            return
        seq = headers.get(SEQ)
        if not isinstance(value, bytes) or not isinstance(seq, bytes) or not seq.isdigit():
            raise TargetRefused(f"{self._name}, offset {offset}: expected what a sink writes")
        self._got.append(Record(int(seq), value, offset))


class Topic:
    """All partitions of a topic."""

    def __init__(self, place: Place, name: str, partitions: int) -> None:
        self._place = place
        self._name = name
        self._count = partitions
        self._partitions = [Partition(place, name, number) for number in range(partitions)]
        self._resent: list[Record] | None = None  # in sequence

    def records(self, first: int, last: int, until: int) -> Iterator[Record]:
        """What there is from `first` to `last`, in sequence; up to `until` all of it should be. Raises TargetAway."""
        expected = first
        for record in heapq.merge(*(partition.upto(first, last) for partition in self._partitions)):
            if record.seq > expected:
                yield from self._sent_again(expected, record.seq)
            yield record
            expected = record.seq + 1
        yield from self._sent_again(expected, min(last, until) + 1)

    def _sent_again(self, first: int, end: int) -> list[Record]:
        if first >= end:
            return []
        if self._resent is None:
            self._resent = self._look_for_resent()
        return self._resent[bisect_left(self._resent, (first,)) : bisect_left(self._resent, (end,))]

    def _look_for_resent(self) -> list[Record]:
        found: dict[int, Record] = {}
        for number in range(self._count):
            partition = Partition(self._place, self._name, number, resent=True)
            try:
                found.update((record.seq, record) for record in partition.everything())
            finally:
                partition.close()
        return [found[seq] for seq in sorted(found)]

    def is_empty(self) -> bool:
        """Whether no committed record is there."""
        return all(next(partition.everything(), None) is None for partition in self._partitions)

    def forget_resent(self) -> None:
        """More was sent again: look once more when it is asked for."""
        self._resent = None

    def held_from(self, at: int) -> int:
        """The first sequence that no partition has removed; `at` is the highest there was."""
        kept = [partition.first_kept() for partition in self._partitions]
        return max(1, *(at + 1 if seq is None else seq for seq in kept))

    def close(self) -> None:
        """Let go of the connections."""
        for partition in self._partitions:
            partition.close()


def reading(place: Place, committed: bool = True) -> dict[str, object]:
    """A consumer's settings: ends are told, nothing is noted at the broker."""
    return {
        **place.client,
        "group.id": f"{place.prefix}-look",  # needed, not used
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed" if committed else "read_uncommitted",
        "fetch.wait.max.ms": 5,  # a seek waits for the fetch before it
        "queued.max.messages.kbytes": 16_384,
        "reconnect.backoff.max.ms": 1000,
        "log_level": 0,
    }
