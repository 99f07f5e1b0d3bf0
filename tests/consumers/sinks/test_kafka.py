"""What messages look like, and transactions that nobody has ended."""

import orjson
import pytest

from consumers.sinks.kinds import open_target
from consumers.sinks.target import EVENTS, TargetAway
from ringbuf.records import SCHEMA_HASH
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History
from tests.consumers.sinks.topics import (
    ManyPortKafka,
    fill,
    looked,
    messages,
    settings,
    trades_of,
    unfinished,
)


@pytest.mark.parametrize("form", ["json", "binary"])
def test_keys_values_and_headers_are_as_documented(broker: ManyPortKafka, history: History, form: str) -> None:
    prefix = f"documented-{form}"
    fill(settings(broker.port, prefix, form), history)
    found = messages(broker, f"{prefix}.events")
    assert [message.seq for message in found] == list(range(1, history.last + 1))
    told = history.batch(0, history.last).fields
    for message, fields, event in zip(found, told, history.events, strict=True):
        assert message.headers == {"seq": b"%d" % fields["seq"], "epoch": b"%d" % EPOCH, "schema": b"%d" % SCHEMA_HASH}
        name = fields.get("symbol") or fields.get("asset") or (fields.get("name") if fields["type"] == "listed" else "")
        assert message.key.decode() == (name or "")
        assert message.value == (event.tobytes() if form == "binary" else orjson.dumps(fields))
    keys = {message.key for message in found}
    assert b"" in keys and len(keys) > 4
    assert [message.seq for message in messages(broker, f"{prefix}.trades")] == trades_of(history)
    cursor = messages(broker, f"{prefix}.cursor")[-1]
    assert cursor.key == b"cursor"
    assert orjson.loads(cursor.value) == {"epoch": EPOCH, "seq": history.last, "schema": SCHEMA_HASH, "sink": "out"}


def test_what_a_dead_producer_left_open_is_seen_by_no_committed_reader(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "left-open", "binary")
    fill(sink, history, upto=100)
    dead = unfinished(sink, history, 200)
    left = [message.seq for message in messages(broker, "left-open.events", "read_uncommitted")]
    assert left[-1] >= 200
    fill(sink, history)
    assert [message.seq for message in messages(broker, "left-open.events")] == list(range(1, history.last + 1))
    uncommitted = [message.seq for message in messages(broker, "left-open.events", "read_uncommitted")]
    assert len(uncommitted) > history.last  # what was given up, and then sent again
    dead.close()


def test_of_two_producers_the_first_is_fenced_and_says_so(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "fenced")
    first, second = open_target(sink, history.data), open_target(sink, history.data)
    first.write(history.batch(first.open(EPOCH), 50))
    at = second.open(EPOCH)
    with pytest.raises(TargetAway, match="fenced"):
        first.write(history.batch(at, 100))
    first.close()
    for batch in history.batches(at, 100):
        second.write(batch)
    history.expect_in(second)
    second.close()


def test_who_looks_fences_nobody_and_waits_for_no_open_transaction(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "looked-at", "binary")
    fill(sink, history, upto=100)
    _, before = looked(sink, history)
    writing = unfinished(sink, history, 200)
    target, at = looked(sink, history)
    assert at == before
    assert [row["seq"] for row in target.read(EVENTS, 90, 150)] == list(range(90, at + 1))
    writing._client.commit_transaction(10)  # was not fenced
    target.close()
    writing.close()
