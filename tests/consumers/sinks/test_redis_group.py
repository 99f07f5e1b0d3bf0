"""The whole way of a resend by a consumer group: a member dies with what it was given, another takes it over."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.matrix import wanted
from tests.consumers.sinks.redis_sinks import go_on, sink
from tests.pipeline import ROOT, eventually
from tests.servers import redis

SEED = 13
STREAM, GROUP = "group:events", "clearing"
IDLE_MS = "300"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[redis.Redis]:
    started = wanted(redis).start(tmp_path / "redis")
    yield started
    started.stop()


@pytest.fixture
def history(tmp_path: Path) -> History:
    return make_history(tmp_path, SEED, 800)


class Reader:
    """A process of the example client, and the lines that it has printed."""

    def __init__(self, server: redis.Redis, name: str, out: Path) -> None:
        self.out = out / f"{name}.txt"
        command = [sys.executable, "-m", "client.redis_group", server.url, STREAM, GROUP, name, IDLE_MS]
        with self.out.open("wb") as file:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=file)

    @property
    def seqs(self) -> list[int]:
        """Of whole lines: one may be cut by a kill."""
        return [int(line.split()[0]) for line in self.out.read_text().split("\n")[:-1]]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def test_nothing_is_lost_when_members_of_a_group_are_killed(
    server: redis.Redis, history: History, tmp_path: Path
) -> None:
    readers = [Reader(server, "first", tmp_path), Reader(server, "second", tmp_path)]
    try:
        go_on(sink("group", server.port), history, upto=300)
        for killed in range(3):
            eventually(lambda goal=60 * (killed + 1): sum(len(reader.seqs) for reader in readers) > goal, "they read")
            readers[killed].kill()
            readers.append(Reader(server, f"later-{killed}", tmp_path))
            go_on(sink("group", server.port), history, upto=300 + 100 * (killed + 1))
        go_on(sink("group", server.port), history)

        def all_done() -> bool:
            (group,) = client.xinfo_groups(STREAM)
            return bool(group["last-delivered-id"] == b"%d-0" % history.last and group["pending"] == 0)

        with server.connect() as client:
            eventually(all_done, "every entry is acknowledged")
        seen = [seq for reader in readers for seq in reader.seqs]
        assert set(seen) == set(range(1, history.last + 1))
    finally:
        for reader in readers:
            reader.kill()


def test_what_a_dead_member_was_given_is_pending_until_another_claims_it(
    server: redis.Redis, history: History, tmp_path: Path
) -> None:
    """The commands themselves, as the page on sinks tells them."""
    go_on(sink("group", server.port), history)
    with server.connect() as client:
        client.xgroup_create(STREAM, GROUP, id="0")
        ((_, given),) = _pairs(client.xreadgroup(GROUP, "dying", {STREAM: ">"}, count=50))
        client.xack(STREAM, GROUP, *[entry_id for entry_id, _ in given[:20]])  # and then it dies
        assert client.xpending(STREAM, GROUP)["pending"] == 30
        rows = client.xpending_range(STREAM, GROUP, min="-", max="+", count=100)
        assert [row["message_id"] for row in rows] == [b"%d-0" % seq for seq in range(21, 51)]
        assert {(row["consumer"], row["times_delivered"]) for row in rows} == {(b"dying", 1)}
        _, claimed, *_ = client.xautoclaim(STREAM, GROUP, "heir", 0, "0-0", count=100)
        assert claimed == given[20:], "the same ids and fields: who has done them can tell"
        client.xack(STREAM, GROUP, *[entry_id for entry_id, _ in claimed])
        assert client.xpending(STREAM, GROUP)["pending"] == 0
        ((_, rest),) = _pairs(client.xreadgroup(GROUP, "heir", {STREAM: ">"}, count=100_000))
        assert [entry_id for entry_id, _ in rest] == [b"%d-0" % seq for seq in range(51, history.last + 1)]


def test_a_group_goes_on_when_the_sink_and_the_server_are_killed(
    server: redis.Redis, history: History, tmp_path: Path
) -> None:
    go_on(sink("group", server.port), history, upto=300)
    with server.connect() as client:
        client.xgroup_create(STREAM, GROUP, id="0")
        client.xreadgroup(GROUP, "one", {STREAM: ">"}, count=100)
    os.kill(server.pid, signal.SIGKILL)
    server.kill()
    server.restart()
    go_on(sink("group", server.port), history)
    with server.connect() as client:
        assert client.xpending(STREAM, GROUP)["pending"] == 100
        _, claimed, *_ = client.xautoclaim(STREAM, GROUP, "two", 0, "0-0", count=1000)
        ((_, rest),) = _pairs(client.xreadgroup(GROUP, "two", {STREAM: ">"}, count=100_000))
    seqs = [int(entry_id.partition(b"-")[0]) for entry_id, _ in [*claimed, *rest]]
    assert seqs == list(range(1, history.last + 1))


def _pairs(reply: Any) -> list[tuple[Any, Any]]:
    """Streams and their entries, in whichever form of reply."""
    found = reply.items() if isinstance(reply, dict) else reply
    return [(stream, entries[0] if isinstance(reply, dict) else entries) for stream, entries in found]
