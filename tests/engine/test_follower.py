"""A standby's follower before a primary that is not as it should be: one clear reason, nothing written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from config.catalog import Catalog
from config.curve import CurveServer, keys_folder
from config.settings import Settings
from consumers.journal.format import JournalError
from consumers.replication import wire
from consumers.replication.feed import LIMITS, primary_key
from consumers.replication.term import FIRST, read_term
from engine.follower import Follower, FollowError, Following, Refused
from ringbuf.records import SCHEMA_HASH
from tests.consumers.journal_files import make_events
from tests.pipeline import eventually

EPOCH = 7
ENGINE = Settings().engine


class Primary:
    """A ROUTER that says what it is told to say."""

    def __init__(self) -> None:
        self.zmq = zmq.Context()
        self.router = self.zmq.socket(zmq.ROUTER)
        self.router.set(zmq.LINGER, 0)

    def bind(self) -> str:
        port = self.router.bind_to_random_port("tcp://127.0.0.1")
        return f"tcp://127.0.0.1:{port}"

    def heard(self, op: str) -> dict[str, Any]:
        """The next message of this kind; `identity` of who sent it."""
        while True:
            assert self.router.poll(60_000), f"no {op} came"
            identity, *frames = self.router.recv_multipart()
            message, _ = wire.decode(frames, wire.FROM_FOLLOWER)
            if message["op"] == op:
                return message | {"identity": identity}


@pytest.fixture
def primary() -> Iterator[Primary]:
    made = Primary()
    yield made
    made.zmq.destroy(linger=0)


@pytest.fixture
def follower(tmp_path: Path, primary: Primary) -> Iterator[Follower]:
    context = Following("none", tmp_path, 21000, Settings(), 0, Catalog(), source=primary.bind())
    made = Follower(context)
    yield made
    made.close()


def introduced(primary: Primary, follower: Follower) -> dict[str, Any]:
    """The follower's hello."""
    follower.turn()
    eventually(lambda: follower.turn() or primary.router.poll(0), "hello")
    return primary.heard("hello")


def welcome(hello: dict[str, Any], **other: object) -> bytes:
    fields = {"version": wire.VERSION, "schema": SCHEMA_HASH, "epoch": EPOCH, "terms": FIRST, "seq": 0, "durable": 0}
    limits = {name: getattr(ENGINE, name) for name in LIMITS}
    more = {"required": False, "limits": limits, "attempt": hello["attempt"]}
    return wire.encode("welcome", **{**fields, **more, **other})


def until(follower: Follower, condition: Any, what: str) -> None:
    def turned() -> Any:
        follower.turn()
        return condition()

    eventually(turned, what)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"version": 9}, "version: expected 1, found 9"),
        ({"schema": 9}, f"schema: expected {SCHEMA_HASH}, found 9"),
        ({"limits": {"max_orders": 5}}, f"engine.max_orders: expected 5, .*not {ENGINE.max_orders}"),
    ],
)
def test_a_primary_of_another_kind_is_not_followed(
    primary: Primary, follower: Follower, other: dict[str, object], why: str
) -> None:
    hello = introduced(primary, follower)
    primary.router.send_multipart([hello["identity"], welcome(hello, **other)])
    with pytest.raises(Refused, match=why):
        until(follower, lambda: False, "refused")
    assert read_term(follower.data).role == "primary"  # it follows nobody


def spoilt() -> bytes:
    events = make_events(1, 3)
    events["qty_lots"][1] += 1
    return events.tobytes()


@pytest.mark.parametrize(
    ("body", "error", "why"),
    [
        (b"x" * 127, wire.WireError, "events: size: expected a multiple of 128 bytes, found 127"),
        (spoilt(), JournalError, "event refused at 2: field crc"),
        (make_events(2, 2).tobytes(), JournalError, "event refused at 1: field seq is 2"),
        (make_events(1, 6)[:2].tobytes(), FollowError, "expected whole commands"),
    ],
)
def test_records_that_can_not_be_are_not_written(
    primary: Primary, follower: Follower, body: bytes, error: type[Exception], why: str
) -> None:
    hello = introduced(primary, follower)
    for frames in ([welcome(hello)], [wire.encode("events", seq=0), body]):
        primary.router.send_multipart([hello["identity"], *frames])
    with pytest.raises(error, match=why):
        until(follower, lambda: False, "refused")
    assert follower.last == 0


def test_what_answers_an_earlier_hello_is_not_meant(primary: Primary, follower: Follower) -> None:
    hello = introduced(primary, follower)
    late = wire.encode("events", seq=50)
    primary.router.send_multipart([hello["identity"], welcome({**hello, "attempt": 0})])
    primary.router.send_multipart([hello["identity"], late, make_events(51, 3).tobytes()])
    primary.router.send_multipart([hello["identity"], welcome(hello)])
    until(follower, lambda: follower.is_following, "it follows")
    assert follower.last == 0


def test_it_takes_over_unasked_only_with_all_that_a_primary_that_requires_it_has_told(
    primary: Primary, follower: Follower
) -> None:
    object.__setattr__(follower.context, "auto_ms", 500)
    hello = introduced(primary, follower)
    for required, durable, may in ((False, 0, False), (True, 10, False), (True, 0, True)):
        primary.router.send_multipart([hello["identity"], welcome(hello, required=required, durable=durable)])
        until(follower, lambda durable=durable: follower.primary["durable"] == durable, "it was told")
        follower.silent_s = 0.49
        assert not follower.may_take_over()
        follower.silent_s = 0.51
        assert follower.may_take_over() is may


def test_a_key_that_is_not_let_in_is_told_so(tmp_path: Path, primary: Primary) -> None:
    server = CurveServer(primary.zmq, tmp_path / "primary")
    server.secure(primary.router)
    data = tmp_path / "standby"
    (keys_folder(data)).mkdir(exist_ok=True)
    primary_key(data).write_bytes((keys_folder(tmp_path / "primary") / "server.key").read_bytes())
    follower = Follower(Following("none", data, 21000, Settings(), 0, Catalog(), source=primary.bind()))
    until(follower, lambda: follower.why, "it knows why")
    assert "does not let this one in" in follower.why
    follower.close()
    server.close()
