"""The standby feed and who connects to it: strangers are each told once what was wrong, and disturb nobody."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from config.curve import keys_folder, secure_client, server_keys
from consumers.replication import wire
from consumers.replication.term import FIRST
from ringbuf.records import EVENT, SCHEMA_HASH
from tests.pipeline import Pipeline, pipeline

PATIENCE_MS = 60_000
SERVED = '[standby]\nhost = "127.0.0.1"\n'
PROCESSES = ("journal", "engine", "standby-feed")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("served"), config=SERVED) as made:
        made.start(PROCESSES)
        yield made


class Caller:
    """A DEALER at the standby port."""

    def __init__(self, port: int, data: Path | None = None, key: Path | None = None) -> None:
        self._zmq = zmq.Context()
        self.socket = self._zmq.socket(zmq.DEALER)
        self.socket.set(zmq.LINGER, 0)
        if data is not None and key is not None:
            secure_client(self.socket, data, key)
        self.socket.connect(f"tcp://127.0.0.1:{port}")

    def ask(self, *frames: bytes) -> dict[str, Any]:
        """The first message that is no heartbeat."""
        self.socket.send_multipart(frames)
        return self.next()

    def next(self) -> dict[str, Any]:
        while True:
            assert self.socket.poll(PATIENCE_MS), "no answer"
            frames = self.socket.recv_multipart()
            message, body = wire.decode(frames, wire.FROM_PRIMARY)
            if message["op"] != "beat":
                return message | {"records": wire.records_of(body) if body else None}

    def events(self) -> dict[str, Any]:
        """The next batch of events; whatever else a follower is told comes in between."""
        while (message := self.next())["op"] != "events":
            assert message["op"] != "refused", message
        return message

    def close(self) -> None:
        self._zmq.destroy(linger=0)


@pytest.fixture
def caller(served: Pipeline) -> Iterator[Caller]:
    made = Caller(served.base + 4)
    yield made
    made.close()


def hello(**other: object) -> bytes:
    fields = {"version": wire.VERSION, "schema": SCHEMA_HASH, "epoch": 0, "seq": 0, "crc": 0, "terms": FIRST}
    return wire.encode("hello", **{**fields, "id": "test", "attempt": 1, **other})


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([b"\x00\xff garbage"], "message: expected JSON"),
        ([b"[]"], "op: expected one of hello"),
        ([b'{"op": "events", "seq": 1}'], "op: expected one of hello"),
        ([b'{"op": "hello"}'], "hello: version: expected int, found None"),
        ([hello(), b"more"], "hello: frames: expected 1, found 2"),
        ([hello(version=2)], "hello: version: expected 1, found 2"),
        ([hello(schema=5)], f"hello: schema: expected {SCHEMA_HASH}, found 5"),
        ([hello(epoch=5)], "hello: epoch: expected"),
        ([hello(seq=1000)], "hello: seq: expected at most 5, where this history ends, found 1000"),
        ([hello(seq=-1)], "hello: seq: expected 0 or more, found -1"),
        ([hello(seq=3, crc=1)], "hello: crc: record 3 is another one here"),
        ([hello(terms=[[1, 7, ""]])], "hello: history: expected"),
    ],
)
def test_a_stranger_is_told_what_was_wrong(caller: Caller, served: Pipeline, frames: list[bytes], why: str) -> None:
    answer = caller.ask(*frames)
    assert answer["op"] == "refused" and why in answer["why"]
    assert served.restarts("standby-feed") == 0


def test_a_follower_gets_the_journal_and_what_it_says_beyond_that_ends_it(caller: Caller, served: Pipeline) -> None:
    other = Caller(served.base + 4)
    welcome, events = other.ask(hello(id="other")), other.events()
    assert welcome["op"] == "welcome" and welcome["seq"] == 5 and not welcome["required"]
    assert events["records"]["seq"].tolist() == [1, 2, 3, 4, 5]
    assert events["records"].dtype == EVENT
    assert caller.ask(hello())["op"] == "welcome"
    caller.events()
    answer = caller.ask(wire.encode("ack", seq=900, attempt=1))
    assert answer["op"] == "refused" and "ack: seq: expected the end of a batch up to 5, found 900" in answer["why"]
    other.socket.send(wire.encode("ack", seq=5, attempt=1))  # it is still a follower
    answer = other.ask(wire.encode("handover", term=1, at="here"))
    assert answer["op"] == "refused" and "handover: term: expected above 1, found 1" in answer["why"]
    assert served.restarts("standby-feed") == 0
    other.close()


def test_with_keys_only_the_listed_one_is_let_in(tmp_path: Path) -> None:
    with pipeline(tmp_path / "primary", config=SERVED) as primary:
        server_keys(primary.data)
        listed, unlisted = tmp_path / "listed", tmp_path / "unlisted"
        for data in (listed, unlisted):
            server_keys(data)
        shutil.copy(keys_folder(listed) / "server.key", keys_folder(primary.data) / "clients" / "listed.key")
        primary.start(PROCESSES)
        key = keys_folder(primary.data) / "server.key"
        good, bad = Caller(primary.base + 4, listed, key), Caller(primary.base + 4, unlisted, key)
        plain = Caller(primary.base + 4)
        for caller in (bad, plain):
            caller.socket.send(hello())
        assert good.ask(hello())["op"] == "welcome"
        assert not bad.socket.poll(500) and not plain.socket.poll(500)
        for caller in (good, bad, plain):
            caller.close()
