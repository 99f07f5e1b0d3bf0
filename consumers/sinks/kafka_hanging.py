"""A transaction that a broker has ended in some partitions and forgotten in others: ended there in the same way.

Seen on Kafka 4.3: killed while it writes the marks of a commit, it comes up, takes the transaction for complete and
never writes the rest. Committed readers then wait at that place for good, and the cursor may lack what the events
have. Who has fenced the producer knows that nothing is on its way any more; where it did end shows how.
"""

import logging
from collections.abc import Sequence

from consumers.sinks.kafka_place import Place
from consumers.sinks.kafka_producer import Headers, Producer
from consumers.sinks.kafka_topic import Partition, Record
from consumers.sinks.kafka_topics import CURSOR, Open
from consumers.sinks.target import EVENTS, TRADES

log = logging.getLogger(__name__)


def end_what_hangs(
    place: Place, producer: Producer, left: Sequence[Open], at: int, counts: dict[str, int], head: Headers
) -> None:
    """End what the producer's id has left open; `at` is the committed cursor. Raises TargetAway.

    Committed in one partition: committed in all, by a message that is due there anyway (the cursor once more, the next
    events). Seen nowhere: given up in all.
    """
    begun = {one: _first(place, one) for one in left}
    ours = {one: record for one, record in begun.items() if record is not None}
    if not ours:  # another process is sending again
        return
    cursor = next((record for one, record in ours.items() if one.table == CURSOR), None)
    if cursor is None:
        committed = any(record.seq <= at for record in ours.values())
    else:
        committed = _highest(place, counts) > at
    names = ", ".join(f"{place.topic(one.table)}[{one.partition}]" for one in ours)
    log.warning("%s: a transaction was left open: %s", names, "it is committed elsewhere" if committed else "given up")
    if not committed:
        producer.abort_in([(place.topic(one.table), one.partition) for one in ours])
    elif cursor is not None:
        with producer.transaction():
            producer.send(place.topic(CURSOR), [(cursor.seq, CURSOR.encode(), cursor.value)], head)


def _first(place: Place, one: Open) -> Record | None:
    """The first record of what is open; None where it is one that is sent again."""
    partition = Partition(place, place.topic(one.table), one.partition, committed=False)
    try:
        return partition.first_from(one.offset)
    finally:
        partition.close()


def _highest(place: Place, counts: dict[str, int]) -> int:
    """The highest sequence that is committed in events and trades."""
    highest = 0
    for table in (EVENTS, TRADES):
        for number in range(counts[table]):
            partition = Partition(place, place.topic(table), number)
            try:
                last = partition.last()
            finally:
                partition.close()
            highest = max(highest, last.seq if last else 0)
    return highest
