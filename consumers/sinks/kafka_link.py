"""A Kafka client's requests, asked in short pieces, and its errors as a target tells them.

librdkafka goes on trying by itself for as long as it is let. A target shall not wait for a broker that is gone, so it
listens to what the client says of its connections meanwhile.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from consumers.sinks.target import TargetAway, TargetRefused

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

Answer = TypeVar("Answer")

ASK_S = 6.0  # for one request, at most: a process that shows no life for 30 s is killed
PIECE_S = 2.0
AGAIN_S = 0.01  # until a request is repeated
GONE_S = 1.0  # all brokers gone for so long: no longer waited for


class Link:
    """One client's connection, as the client tells it."""

    def __init__(self, servers: str) -> None:
        self.hear: Callable[[], object] = int  # lets the client call `on_error`; until there is one: nothing
        self._servers = servers
        self._gone_s = 0.0  # since when no broker was there; 0 = there is one
        self._refused = ""  # why a broker does not let us in
        self._lost = ""  # why the last connection that was tried did not come about, or ended

    def on_error(self, error: "KafkaError") -> None:
        """For the client's `error_cb`."""
        import confluent_kafka as ck

        if error.code() in (ck.KafkaError._AUTHENTICATION, ck.KafkaError._SSL):
            self._refused = error.str()
        elif error.code() in (ck.KafkaError._TRANSPORT, ck.KafkaError._RESOLVE):
            self._lost = error.str()
        elif error.code() == ck.KafkaError._ALL_BROKERS_DOWN and not self._gone_s:
            self._gone_s = time.monotonic()

    def ask(self, request: Callable[[float], Answer], within_s: float = ASK_S, piece_s: float = PIECE_S) -> Answer:
        """The answer to a request, which takes its time-out and may be asked again after one. Raises TargetAway."""
        import confluent_kafka as ck

        self.hear()  # what was said while nobody asked
        self._gone_s = 0.0
        deadline = time.monotonic() + within_s
        while True:
            try:
                return request(piece_s)
            except ck.KafkaException as raised:
                error = raised.args[0]
                self.hear()
                if not is_passing(error) or self._is_over(deadline):
                    raise self.away(error) from raised
                time.sleep(AGAIN_S)

    def _is_over(self, deadline: float) -> bool:
        now_s = time.monotonic()
        return bool(self._refused) or now_s > deadline or (self._gone_s > 0 and now_s - self._gone_s > GONE_S)

    def away(self, error: "KafkaError") -> TargetAway:
        """What an error means for the sink."""
        if self._refused:
            return TargetRefused(f"{self._servers}: {self._refused}")
        if self._gone_s:
            return TargetAway(f"{self._servers}: no broker is there: {self._lost}")
        return away(error, self._servers)


def is_passing(error: "KafkaError") -> bool:
    """Whether a request may be asked once more: nothing is known yet, or a broker has not found its role yet."""
    import confluent_kafka as ck

    of_client = (ck.KafkaError._TIMED_OUT, ck.KafkaError._TRANSPORT, ck.KafkaError._ALL_BROKERS_DOWN)
    return error.retriable() or error.code() in (*of_client, ck.KafkaError.NOT_LEADER_FOR_PARTITION)


def away(error: "KafkaError", servers: str) -> TargetAway:
    """TargetRefused where an operator must act, else TargetAway."""
    import confluent_kafka as ck

    its = ck.KafkaError
    refused = (
        *(its.TOPIC_AUTHORIZATION_FAILED, its.CLUSTER_AUTHORIZATION_FAILED, its.GROUP_AUTHORIZATION_FAILED),
        *(its.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, its.SASL_AUTHENTICATION_FAILED, its._AUTHENTICATION),
        *(its.UNSUPPORTED_SASL_MECHANISM, its._SSL, its._INVALID_ARG, its._UNSUPPORTED_FEATURE),
        *(its.INVALID_REPLICATION_FACTOR, its.POLICY_VIOLATION),
    )
    said = f"{servers}: {error.str()}"
    if error.code() in refused:
        return TargetRefused(said)
    if error.code() in (its._FENCED, its.PRODUCER_FENCED, its.INVALID_PRODUCER_EPOCH):
        return TargetAway(f"{servers}: fenced: another producer has taken over this sink's transactional.id")
    return TargetAway(said)
