"""Redis on a real server: the contract, the process matrix, and what only streams and keys do."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.journal.writer import JournalWriter
from consumers.sinks.configured import remember
from consumers.sinks.kinds import open_target
from consumers.sinks.redis_market import LEVELS
from consumers.sinks.target import TargetAway, TargetRefused
from ops.verbs import replay
from tests.consumers.engine_flow import reference_history
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.contract import TargetContract
from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.matrix import Course, SinkMatrix, wanted
from tests.consumers.sinks.redis_sinks import expect_all, go_on, opened, sink
from tests.consumers.test_journal_archive import REMOVE, pruned, stand_at
from tests.pipeline import eventually
from tests.servers import redis

SEED = 11


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    started = wanted(redis).start(tmp_path_factory.mktemp("redis"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), SEED, 800)


@pytest.fixture
def client(server: redis.Redis) -> Iterator[Any]:
    with server.connect() as connected:
        connected.flushall()
        yield connected


class TestContract(TargetContract):
    """Its promises as every target's."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _server(cls, server: redis.Redis) -> None:
        cls.server = server

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return sink(name, port)

    def take_away(self, settings: SinkSettings, seq: int) -> None:
        with self.server.connect() as client:
            for stream in ("events", "trades"):
                client.xdel(f"{settings.prefix}:{stream}", f"{seq}-0")

    def test_what_is_missing_is_sent_again_and_nothing_else(self, history: History, request: Any) -> None:
        """At the end; what is missing before later entries can't be put back, and is counted as lost."""
        settings = self.settings(request.node.name, self.server.port)
        self.fill(settings, history)
        for seq in (history.last - 1, history.last):
            self.take_away(settings, seq)
        target = open_target(settings, history.data)
        assert target.look(EPOCH) == history.last
        assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 2
        assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 0
        assert target.lost == 0
        history.expect_in(target)
        for seq in (17, 200, 201):
            self.take_away(settings, seq)
        assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 0
        assert target.lost == 3
        with pytest.raises(AssertionError, match="event 17 is missing"):
            history.expect_in(target)
        target.close()


class TestProcess(SinkMatrix):
    """Its process in a pipeline."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _server(cls, server: redis.Redis) -> None:
        cls.server = server

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return sink(name, port)

    def test_ticker_and_depth_keys_become_what_the_market_data_says(self, course: Course) -> None:
        symbol = "BTC-USDT"
        with course.fed():
            pass
        course.expect_equal()
        wanted_now = {kind: course.pipe.report("query", kind, symbol) for kind in ("ticker", "depth")}
        wanted_now["depth"] |= {side: wanted_now["depth"][side][:LEVELS] for side in ("bids", "asks")}
        for said in wanted_now.values():
            said.pop("seq")  # of the store's last commit, which may be of another symbol
        assert wanted_now["ticker"]["trades"] > 0 and wanted_now["depth"]["bids"]

        def keys() -> dict[str, Any]:
            found = {kind: json.loads(client.get(f"matrix:{kind}:{symbol}") or b"{}") for kind in wanted_now}
            for said in found.values():
                said.pop("seq", None)
            return found

        with self.server.connect() as client:
            eventually(lambda: keys() == wanted_now, "both keys say what the queries say")


def test_a_repeat_is_refused_by_its_id_and_counts_as_done(server: redis.Redis, client: Any, history: History) -> None:
    settings = sink("repeat", server.port)
    go_on(settings, history)
    client.hset("repeat:cursor", "seq", history.batch(0, 100).upto)
    go_on(settings, history)
    expect_all(settings, history)
    assert client.xlen("repeat:events") == history.last


def test_a_repeat_is_refused_after_a_trim_and_not_after_del(server: redis.Redis, client: Any, history: History) -> None:
    settings = sink("trimmed", server.port)
    go_on(settings, history)
    client.xtrim("trimmed:events", maxlen=10, approximate=False)
    client.hset("trimmed:cursor", "seq", 0)
    go_on(settings, history)
    assert client.xlen("trimmed:events") == 10
    client.delete("trimmed:events")
    client.hset("trimmed:cursor", "seq", 0)
    go_on(settings, history)
    assert client.xlen("trimmed:events") == history.last
    expect_all(settings, history)


def test_keep_trims_and_reconcile_knows_from_where_on(server: redis.Redis, client: Any, history: History) -> None:
    go_on(sink("kept", server.port, keep=200), history, 50)
    assert 200 <= client.xlen("kept:events") < history.last, f"seed {SEED}"
    for keep in (200, 100_000, 0):  # what is gone stays gone when more is to be kept
        settings = sink("kept", server.port, keep=keep)
        target, at = opened(settings, history.data)
        assert (at, target.held_from()) == (history.last, history.last - 199)
        history.expect_in(target)
        assert sum(target.resend(batch) for batch in history.batches(history.last - 200, 100)) == 0
        target.close()


def test_a_server_emptied_meanwhile_begins_again_from_the_first_event(
    server: redis.Redis, client: Any, history: History
) -> None:
    settings = sink("emptied", server.port)
    target, at = opened(settings, history.data)
    batches = list(history.batches(at, 100))
    target.write(batches[0])
    client.flushall()
    with pytest.raises(TargetAway, match="emptied"):
        target.write(batches[1])
    target.close()
    assert client.keys() == [], "nothing of a history with a hole at its beginning is left"
    go_on(settings, history)
    expect_all(settings, history)


def test_an_empty_server_begins_with_what_the_journal_still_has(
    server: redis.Redis, client: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events = reference_history(SEED, 4000, tmp_path)
    writer = JournalWriter(tmp_path, EPOCH, "journal", 2)
    writer.append(events)
    writer.sync()
    writer.close()
    stand_at(tmp_path, len(events))
    assert pruned(tmp_path, REMOVE, len(events)) > 0, f"seed {SEED}"
    history = History(tmp_path, events)
    settings = sink("late", server.port)
    go_on(settings, history, 500)
    first = int(client.hget("late:cursor", "held_from"))
    assert first > 1 and f"the journal begins at {first}" in caplog.text
    assert client.xlen("late:events") == len(events) - first + 1
    expect_all(settings, history)


def test_entries_without_a_cursor_are_refused(server: redis.Redis, client: Any, history: History) -> None:
    settings = sink("orphans", server.port)
    go_on(settings, history, upto=200)
    client.delete("orphans:cursor")
    for empty in (False, True):
        if empty:  # the ids that it would refuse are still known to the stream
            client.xtrim("orphans:events", maxlen=0, approximate=False)
        with pytest.raises(TargetRefused, match="no cursor"):
            opened(settings, history.data)


def test_a_stream_that_a_consumer_group_has_made_is_taken(server: redis.Redis, client: Any, history: History) -> None:
    client.xgroup_create("early:events", "readers", id="0", mkstream=True)
    settings = sink("early", server.port)
    go_on(settings, history)
    expect_all(settings, history)


def test_an_older_schema_is_taken_over_and_a_newer_refused(server: redis.Redis, client: Any, history: History) -> None:
    settings = sink("schema", server.port)
    go_on(settings, history, upto=200)
    client.hdel("schema:cursor", "schema", "held_from")  # as from before there was one
    go_on(settings, history)
    expect_all(settings, history)
    assert client.hget("schema:cursor", "schema") == b"1"
    client.hset("schema:cursor", "schema", 2)
    with pytest.raises(TargetRefused, match="schema 2, this version knows 1"):
        opened(settings, history.data)


def test_a_key_of_another_type_is_refused_before_the_cursor_moves(
    server: redis.Redis, client: Any, history: History
) -> None:
    settings = sink("typed", server.port)
    target, at = opened(settings, history.data)
    batches = list(history.batches(at, 100))
    target.write(batches[0])
    client.set("typed:trades", "mine")
    with pytest.raises(TargetRefused, match="typed:trades: is a string, expected a stream"):
        target.write(batches[1])
    target.close()
    with pytest.raises(TargetRefused, match="typed:trades"):
        opened(settings, history.data)
    client.delete("typed:trades")
    assert int(client.hget("typed:cursor", "seq")) == batches[0].upto


def test_of_two_writers_one_is_away_and_nothing_is_doubled(server: redis.Redis, client: Any, history: History) -> None:
    settings = sink("two", server.port)
    (first, at), (second, _) = opened(settings, history.data), opened(settings, history.data)
    batches = list(history.batches(at, 100))
    first.write(batches[0])
    with pytest.raises(TargetAway, match="moved"):
        second.write(batches[0])
    first.close()
    second.close()
    go_on(settings, history)
    expect_all(settings, history)


def test_trades_and_states_are_pushed_as_their_json(server: redis.Redis, client: Any, history: History) -> None:
    settings = sink("push", server.port)
    with client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.psubscribe("push:*")
        listener.get_message(timeout=5)
        go_on(settings, history)
        client.publish("push:end", "")
        heard = []
        while (message := listener.get_message(timeout=5)) and message["channel"] != b"push:end":
            heard.append((message["channel"].decode(), orjson.loads(message["data"])))
    told = {"trade": "trade", "busted": "trade"}
    told |= dict.fromkeys(("halted", "resumed", "state", "uncrossed", "changed", "delisted", "listed"), "status")
    fields = history.batch(0, history.last).fields
    expected = [
        (f"push:{told[event['type']]}/{event.get('symbol', '*')}/", event)
        for event in fields
        if event["type"] in told and "asset" not in event and "name" not in event
    ]
    assert heard == expected, f"seed {SEED}"
    assert {"trade", "busted", "state"} <= {event["type"] for _, event in heard}, f"seed {SEED} has too little in it"


def test_busts_are_entries_of_the_trades_stream(server: redis.Redis, client: Any, history: History) -> None:
    go_on(sink("busts", server.port), history)
    found = {int(entry_id.partition(b"-")[0]): fields for entry_id, fields in client.xrange("busts:trades")}
    busts = history.batch(0, history.last).busts
    assert busts, f"seed {SEED} has none"
    for trade, busted in busts:
        assert found[trade][b"type"] == b"trade"
        assert (found[busted][b"type"], int(found[busted][b"trade_seq"])) == (b"busted", trade)


def test_the_resend_verb_tells_what_is_lost(
    server: redis.Redis, client: Any, history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = sink("verb", server.port)
    go_on(settings, history)
    remember(history.data, (settings,))
    args = argparse.Namespace(data=history.data, to=None, consumer="sink-out", first=1, json=True)
    assert replay.run(args) == 0
    assert json.loads(capsys.readouterr().out)["lost"] == 0
    client.xdel("verb:events", "17-0")
    assert replay.run(args) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["missing"], report["lost"]) == (0, 1)


def test_a_url_or_an_option_that_is_none_of_redis_is_refused_without_its_password() -> None:
    for url in ("http://h/0", "redis:///0", "redis://u:secret@h/x", "redis://u:secret@h:port/0", "redis://h/99999"):
        with pytest.raises(ConfigError, match=r"sink\[0\].url") as refused:
            sink("x", 1, url=url)
        assert "secret" not in str(refused.value)
    for option in ({"tables": "events"}, {"format": "binary"}):
        with pytest.raises(ConfigError, match=next(iter(option))):
            sink("x", 1, **option)
