"""Marks of transactions that a broker has lost: it takes them for complete, readers wait for good. The sink ends them.

Seen where a broker was killed while it wrote the marks of a commit. Here they are cut off the killed broker's files.
"""

import struct
from pathlib import Path

from consumers.sinks.kafka_place import place_of
from consumers.sinks.kafka_topics import Topics
from consumers.sinks.target import EVENTS, TRADES
from tests.consumers.sinks.history import History
from tests.consumers.sinks.topics import ManyPortKafka, fill, messages, reconciled, running, settings, unfinished

MIDDLE = 300
HEAD = struct.Struct(">8xi9xh")  # of a batch: the length of what follows, attributes
CONTROL = 0x20


def lose_last_mark(broker: ManyPortKafka, topic: str) -> None:
    """Cut the last batch off the first partition of a broker that does not run: it has to be a mark."""
    path = broker.data / f"{topic}-0" / f"{0:020}.log"
    content, at, last = path.read_bytes(), 0, 0
    control = False
    while at < len(content):
        length, attributes = HEAD.unpack_from(content, at)
        if not length:
            break
        last, control = at, bool(attributes & CONTROL)
        at += 12 + length
    assert control, f"{topic} does not end with a mark"
    path.write_bytes(content[:last])


LOST = {
    "cursor": ("cursor",),
    "events": (EVENTS,),
    "trades": (TRADES,),
    "events-and-cursor": (EVENTS, "cursor"),
    "all": (EVENTS, TRADES, "cursor"),
}


def test_marks_that_a_broker_lost_are_made_up_for_and_each_event_is_there_once(
    history: History, tmp_path: Path
) -> None:
    with running(tmp_path / "kafka") as broker:
        for name in (*LOST, "given-up"):
            fill(settings(broker.port, name, "binary"), history, MIDDLE // 3, upto=MIDDLE)
        given_up = settings(broker.port, "given-up", "binary")
        dead = unfinished(given_up, history, MIDDLE + 100)
        dead._client.abort_transaction(10)
        dead.close()
        for name in (*LOST, "given-up"):
            assert Topics(place_of(settings(broker.port, name))).settle({EVENTS: 1, TRADES: 1, "cursor": 1}) == []
        broker.kill()
        for name, tables in LOST.items():
            for table in tables:
                lose_last_mark(broker, f"{name}.{table}")
        lose_last_mark(broker, "given-up.events")
        broker.restart()
        for name in (*LOST, "given-up"):
            sink = settings(broker.port, name, "binary")
            fill(sink, history)
            found = [message.seq for message in messages(broker, f"{name}.events")]
            assert found == list(range(1, history.last + 1)), name
            ok, said = reconciled(sink, history)
            assert ok, f"{name}: {said}"
