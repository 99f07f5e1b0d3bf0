"""Topics in strange hands: retention, lost and foreign records, partitions, limits, rights."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from config.settings import SinkSettings
from consumers.journal.reader import JournalReader
from consumers.sinks.kafka_records import headers
from consumers.sinks.kinds import open_target
from consumers.sinks.process import Sink
from consumers.sinks.status import read_status
from consumers.sinks.target import EVENTS, TRADES, TargetAway, TargetRefused
from ops.sinks import compare
from tests.consumers.journal_files import EPOCH
from tests.consumers.pipeline_parts import Place
from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.topics import (
    PLAIN,
    SEED,
    ManyPortKafka,
    drop_topic,
    fill,
    looked,
    make_topic,
    messages,
    reconciled,
    remove_before,
    rewrite,
    settings,
    trades_of,
)


@pytest.mark.parametrize("partitions", [1, 4])
def test_what_retention_removed_is_not_missed_and_not_sent_again(
    broker: ManyPortKafka, history: History, partitions: int
) -> None:
    prefix = f"retention-{partitions}"
    sink = settings(broker.port, prefix, query=f"&partitions={partitions}")
    fill(sink, history)
    found = messages(broker, f"{prefix}.events")
    in_first = [message for message in found if message.partition == 0]
    kept = in_first[len(in_first) // 3]
    remove_before(broker, f"{prefix}.events", 0, kept.offset)
    target, _ = looked(sink, history)
    assert target.held_from() == kept.seq > 1
    assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 0
    target.close()
    ok, said = reconciled(sink, history)
    assert ok and f"from {kept.seq} to {history.last}" in said, said


def test_all_of_it_removed_by_retention_is_held_from_the_next_on(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "all-gone")
    fill(sink, history, upto=200)
    for table in (EVENTS, TRADES):
        remove_before(broker, f"all-gone.{table}", 0, -1)
    target, at = looked(sink, history)
    assert target.held_from() == at + 1
    target.close()
    fill(sink, history)
    ok, said = reconciled(sink, history)
    assert ok, said


def test_a_topic_that_lost_its_tail_is_noticed_and_sent_what_it_lacks(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "tail")
    fill(sink, history)
    lost = history.last - 40
    rewrite(broker, "tail.events", lambda message: message.seq <= lost)
    ok, said = reconciled(sink, history)
    assert not ok and f"event {lost + 1} is missing" in said
    target, _ = looked(sink, history)
    assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 40
    history.expect_in(target)
    target.close()


def test_topics_that_are_gone_are_made_again_and_filled_by_a_resend(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "gone")
    fill(sink, history, upto=300)
    drop_topic(broker, "gone.events")
    drop_topic(broker, "gone.trades")
    target, at = looked(sink, history)
    with pytest.raises(TargetAway, match=r"gone\.events is not there"):
        target.resend(history.batch(0, 100))
    target.close()
    fill(sink, history)  # goes on where it was
    ok, said = reconciled(sink, history)
    assert not ok and "event 1 is missing" in said
    target, _ = looked(sink, history)
    assert sum(target.resend(batch) for batch in history.batches(0, 150)) == at
    history.expect_in(target)
    target.close()


def test_who_writes_beside_the_sink_is_found_out(broker: ManyPortKafka, history: History) -> None:
    from confluent_kafka import Producer as Other

    sink = settings(broker.port, "strange")
    fill(sink, history, upto=200)
    target, at = looked(sink, history)
    batch = history.batch(at, at + 1)
    other = Other({"bootstrap.servers": broker.address})
    more: dict[str, Any] = headers(EPOCH, False) | {"seq": b"%d" % batch.upto}
    other.produce("strange.events", orjson.dumps(batch.fields[-1]), b"", headers=more)
    assert other.flush(10) == 0
    target.close()
    ok, said = reconciled(sink, history)
    assert not ok and f"holds event {batch.upto}" in said
    other.produce("strange.events", b"what?")
    assert other.flush(10) == 0
    with pytest.raises(TargetRefused, match=r"strange\.events\[0\], offset \d+: expected what a sink writes"):
        reconciled(sink, history)


def test_events_without_their_cursor_are_not_written_once_more(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "cursorless")
    fill(sink, history, upto=50)
    drop_topic(broker, "cursorless.cursor")
    target = open_target(sink, history.data)
    with pytest.raises(TargetRefused, match=r"cursorless\.events holds events, cursorless\.cursor no cursor"):
        target.open(EPOCH)
    target.close()
    drop_topic(broker, "cursorless.cursor")
    make_topic(broker, "cursorless.cursor", 2)
    with pytest.raises(TargetRefused, match=r"cursorless\.cursor: expected 1 partition, found 2"):
        target.open(EPOCH)
    target.close()


def test_a_sink_of_another_name_is_kept_out_of_these_topics(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "shared")
    fill(sink, history, upto=50)
    other = open_target(SinkSettings("other", "kafka", sink.url), history.data)
    with pytest.raises(TargetRefused, match=r"shared\.cursor: sink is out, this sink's other"):
        other.open(EPOCH)
    other.close()


def test_a_message_that_a_topic_does_not_take_is_put_aside_alone(broker: ManyPortKafka, tmp_path: Path) -> None:
    history = make_history(tmp_path / "made", SEED)
    make_topic(broker, "narrow.events", config={"max.message.bytes": "410"})
    sink = settings(broker.port, "narrow", query=PLAIN)
    process = Sink(sink, open_target(sink, history.data), history.data)
    at = process.open(Place("none", history.data))  # type: ignore[arg-type]
    for batch in history.batches(at, 200):
        process.apply(batch.events)
        process.commit(batch.upto)
    process.close()
    status = read_status(history.data, "out")
    lines = (history.data / "sinks" / "out.dead.jsonl").read_bytes().splitlines()
    aside = [orjson.loads(line)["event"]["seq"] for line in lines]
    assert 0 < status.dead_letters == len(aside) < history.last
    assert status.seq == history.last
    found = [message.seq for message in messages(broker, "narrow.events")]
    assert found == sorted(set(range(1, history.last + 1)) - set(aside))
    longest = max(
        len(orjson.dumps(fields)) for fields in history.batch(0, history.last).fields if fields["seq"] in found
    )
    assert all(len(orjson.dumps(orjson.loads(line)["event"])) > longest // 2 for line in lines)


def test_four_partitions_keep_the_order_of_each_symbol(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "four", query="&partitions=4")
    fill(sink, history)
    found = messages(broker, "four.events")
    assert {message.partition for message in found} >= {0, 1, 2}
    place: dict[bytes, int] = {}
    last: dict[bytes, int] = {}
    for message in found:
        assert place.setdefault(message.key, message.partition) == message.partition
        assert last.get(message.key, 0) < message.seq
        last[message.key] = message.seq
    ok, said = reconciled(sink, history)
    assert ok, said
    target, at = looked(sink, history)
    for first in (500, 3, 250, at):  # anywhere, not only forward
        assert [row["seq"] for row in target.read(EVENTS, first, first + 9)] == list(
            range(first, min(first + 9, at) + 1)
        )
    target.close()
    assert [len(messages(broker, f"four.{table}")) for table in (TRADES, "cursor")][0] == len(trades_of(history))


def test_a_batch_written_meanwhile_is_no_fault_of_the_look_before(broker: ManyPortKafka, history: History) -> None:
    sink = settings(broker.port, "meanwhile")
    writing = open_target(sink, history.data)
    batches = list(history.batches(writing.open(EPOCH), 100))
    for batch in batches[:3]:
        writing.write(batch)
    target, at = looked(sink, history)
    for batch in batches[3:]:
        writing.write(batch)
    with JournalReader(history.data) as journal:
        ok, said = compare(target, at, journal)
    assert ok, said
    target.close()
    writing.close()


def guarded(broker: ManyPortKafka, prefix: str, user: str, password: str) -> SinkSettings:
    login = f"&sasl.username={user}&sasl.password={quote(password)}"
    return settings(broker.guarded_port, prefix, query=f"&security.protocol=sasl_plaintext&sasl.mechanism=PLAIN{login}")


def test_user_and_password_let_the_sink_in(broker: ManyPortKafka, history: History) -> None:
    sink = guarded(broker, "with-password", broker.user, broker.password)
    fill(sink, history)
    ok, said = reconciled(sink, history)
    assert ok, said


@pytest.mark.parametrize(("user", "password", "why"), [("ml", "wr0ng", "uthentication"), ("guest", "", "uthoriz")])
def test_who_is_not_let_in_is_refused_without_a_word_of_the_password(
    broker: ManyPortKafka, history: History, user: str, password: str, why: str
) -> None:
    sink = guarded(broker, "refused", user, password or broker.password)
    target = open_target(sink, history.data)
    with pytest.raises(TargetRefused, match=why) as refused:
        target.open(EPOCH)
    target.close()
    assert (password or broker.password) not in str(refused.value)
