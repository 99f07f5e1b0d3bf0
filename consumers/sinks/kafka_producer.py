"""A transactional producer: what is sent within one transaction is seen as a whole, or not at all."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from consumers.sinks.kafka_link import Link
from consumers.sinks.kafka_place import Place
from consumers.sinks.kafka_topic import SEQ
from consumers.sinks.target import BadRow, TargetAway

if TYPE_CHECKING:
    import confluent_kafka as ck

WRITE_S = 8.0  # a transaction's end, at most
PIECE_S = 0.25  # it is asked for in such pieces: each goes on where the one before was
TRANSACTION_MS = 20_000  # what a dead producer left open holds readers up for so long, if it does not come back


Headers = dict[str, str | bytes | None]


class Producer:
    """One producer; of each `transactional_id` the newest alone can write. After TargetAway it is closed."""

    def __init__(self, place: Place, transactional_id: str, largest_message: int) -> None:
        import confluent_kafka as ck

        self._ck = ck
        self._id = transactional_id
        self._link = Link(place.servers)
        self._too_large = ""
        self._settings = {
            "compression.type": "lz4",
            **place.client,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_MS,
            "message.timeout.ms": int(WRITE_S * 1000),
            "partitioner": "murmur2",  # as Java's producers do; an empty key is one, too
            "linger.ms": 20,  # a commit waits for nothing
            "batch.num.messages": 10_000,
            "batch.size": largest_message,
            "message.max.bytes": max(largest_message, 1000),  # less it does not let us say
            "queue.buffering.max.messages": 1_000_000,  # several times the largest write
            "queue.buffering.max.kbytes": 1 << 20,
            "delivery.report.only.error": True,
            "reconnect.backoff.max.ms": 1000,
            "on_delivery": self._on_failed,
            "error_cb": self._link.on_error,
            "log_level": 0,
        }
        self._begin()

    def _begin(self) -> None:
        """A new client; what another of this id left open is given up."""
        try:
            self._client = self._ck.Producer(self._settings)
        except self._ck.KafkaException as error:
            raise self._link.away(error.args[0]) from error
        self._link.hear = partial(self._client.poll, 0)
        try:
            self._link.ask(self._client.init_transactions, piece_s=PIECE_S)
        except TargetAway:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator["Producer"]:
        """What is sent within it arrives as a whole, or not at all. Raises TargetAway; BadRow: a message too large."""
        self._too_large = ""
        try:
            self._client.begin_transaction()
            yield self
            self._link.ask(self._client.commit_transaction, WRITE_S, PIECE_S)
        except BufferError as error:
            raise TargetAway(f"{self._id}: the client's queue is full") from error
        except (self._ck.KafkaException, TargetAway) as error:
            if isinstance(error, self._ck.KafkaException):
                self._note(error.args[0])
            if self._too_large:
                self._client.purge()
                self._begin()  # to abort takes a client that can still be told to: not after refused messages
                raise BadRow(self._too_large) from error
            if isinstance(error, TargetAway):
                raise
            raise self._link.away(error.args[0]) from error

    def send(self, topic: str, found: Iterable[tuple[int, bytes, bytes]], headers: Headers) -> None:
        """Within a transaction: (sequence, key, value) of messages, each with these headers and its sequence."""
        produce = self._client.produce
        for seq, key, value in found:
            headers[SEQ] = b"%d" % seq
            # By place, and one dict for all: names and lists cost a third more. -1: as the key says; 0: now.
            produce(topic, value, key, -1, None, None, 0, headers)

    def abort_in(self, places: Iterable[tuple[str, int]]) -> None:
        """Put an end to what this id left open in some partitions, as given up. Raises TargetAway."""
        try:
            self._client.begin_transaction()
            for topic, partition in places:
                self._client.produce(topic, b"", b"", partition, headers={SEQ: b"0"})
            self._link.ask(self._flush, WRITE_S, PIECE_S)
            self._link.ask(self._client.abort_transaction, WRITE_S, PIECE_S)
        except self._ck.KafkaException as error:
            raise self._link.away(error.args[0]) from error

    def _flush(self, timeout_s: float) -> None:
        if self._client.flush(timeout_s):
            raise self._ck.KafkaException(self._ck.KafkaError(self._ck.KafkaError._TIMED_OUT))

    def poll(self) -> None:
        """Hear what the client has to say."""
        self._client.poll(0)

    def close(self) -> None:
        """Let go of it; what is open is given up by the next of this id, or by the broker."""
        self._client.purge()
        self._link.hear = int  # the client knows the link: its threads end when nobody knows it
        del self._client

    def _on_failed(self, error: "ck.KafkaError | None", message: Any) -> None:
        if error is not None:
            self._note(error)

    def _note(self, error: "ck.KafkaError") -> None:
        its = self._ck.KafkaError
        if error.code() in (its.MSG_SIZE_TOO_LARGE, its.RECORD_LIST_TOO_LARGE, its.INVALID_RECORD):
            self._too_large = error.str()
