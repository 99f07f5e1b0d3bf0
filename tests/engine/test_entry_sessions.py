"""Cancel on disconnect and groups, with a real engine and journal behind order entry."""

import os
import signal
import time
from collections.abc import Iterator

import numpy as np
import orjson
import pytest

from client.python.commands import group
from client.python.commands import place as place_record
from client.python.entry_client import EntryClient
from consumers.journal.reader import JournalReader
from engine.entry.guards import STANDSTILL
from ringbuf.codes import CMD_GROUP, FLAG_LAST, NO_ACCOUNT, NO_ID, EventType, Op, Reason, Side
from ringbuf.records import COMMAND, EVENT
from ringbuf.ring import Ring
from tests.engine.dealer import Client, client_of, funded, new_account, place, times
from tests.pipeline import Pipeline, eventually, pipeline

LANE = 64  # commands that find room in a lane: small, so that it can be filled
SILENT_S = 1.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    config = f"[ring]\nlane_capacity = {LANE}\n[entry]\nsilent_ms = {round(SILENT_S * 1000)}\n"
    with pipeline(tmp_path_factory.mktemp("sessions"), config=config) as made:
        made.start(["journal", "engine", "entry"])
        yield made


def guard(account: int) -> dict[str, object]:
    return {"op": "hello", "account": account, "cancel_on_disconnect": True}


def guarded(client: Client) -> int:
    """A new account with one order, guarded by this client."""
    account = funded(client)
    assert client.ask(place(account, 2, "buy", "1.00"))["type"] == "accepted"
    assert client.ask(guard(account))["account"] == account
    return account


def history(running: Pipeline, account: int) -> np.ndarray:
    """Every event of an account so far."""
    with JournalReader(running.data) as journal:
        events = journal.read(1, max(journal.last, 1))
    return events[events["account"] == account]


def count(running: Pipeline, account: int, kind: EventType, reason: Reason = Reason.NONE) -> int:
    events = history(running, account)
    return int(np.count_nonzero((events["type"] == kind) & (events["reason"] == reason)))


def is_ended(running: Pipeline, account: int) -> bool:
    return count(running, account, EventType.MASS_CANCELLED, Reason.NONE) > 0


def lose(running: Pipeline, silent: Client, account: int) -> None:
    """This client says nothing until the one order of the account that it guards is ended.

    Whatever entry was to end before that is in the journal then, too: commands of a lane stay in their order.
    """
    told = [silent.answer() for _ in range(2)]
    assert {"op": "disconnected", "account": account} in told
    assert [answer["reason"] for answer in told if "reason" in answer] == ["disconnect"]
    eventually(lambda: is_ended(running, account), "its orders are ended")


def beat_ns(running: Pipeline) -> int:
    """When entry last turned to the silent ones, ns since the epoch: it beats right before that."""
    ring = Ring.attach(f"/{running.name}.events", "event")
    try:
        return next(cursor.heartbeat_ns for cursor in ring.cursors() if cursor.name == "entry")
    finally:
        ring.close()


def wait_for_looks(running: Pipeline, silent_s: float) -> None:
    """Until entry's own clock has run that much further, and it has looked for silent ones by it."""
    clock_ns, last_ns = 0, beat_ns(running)

    def has_run() -> bool:
        nonlocal clock_ns, last_ns
        now_ns = beat_ns(running)
        # As entry counts; a beat that is not seen here makes it less, never more.
        clock_ns += min(now_ns - last_ns, round(SILENT_S / STANDSTILL * 1e9))
        last_ns = now_ns
        return clock_ns >= silent_s * 1e9

    eventually(has_run, f"entry's clock has run for {silent_s} s")
    eventually(lambda: beat_ns(running) > last_ns, "the look after the last of these beats is over")


# --- cancel on disconnect ---------------------------------------------------------------------------------------------


def test_hello_says_what_is_guarded_until_it_is_given_up(client: Client) -> None:
    account = new_account()
    assert "cancel_on_disconnect" not in client.ask({"op": "hello"})
    answer = client.ask(guard(account))
    assert (answer["account"], answer["cancel_on_disconnect"], answer["silent_ms"]) == (account, True, 1000)
    assert client.ask({"op": "hello", "format": "binary"})["account"] == account
    assert "account" not in client.ask({"op": "hello", "cancel_on_disconnect": False})


@pytest.mark.parametrize("account", [None, -1, NO_ACCOUNT, "7", 1.0, True])
def test_a_guard_needs_an_account(client: Client, account: object) -> None:
    answer = client.ask({"op": "hello", "cancel_on_disconnect": True, "account": account})
    assert answer["error"].startswith("account:")
    assert "account" not in client.ask({"op": "hello"})


def test_who_is_silent_loses_the_orders_of_its_account_once(running: Pipeline, client: Client, other: Client) -> None:
    account, unguarded = funded(client), funded(client)
    client.send(*[place(account, n, "buy", f"{n}.00") for n in (2, 3)])
    assert [client.answer()["type"] for _ in range(2)] == ["accepted"] * 2
    assert client.ask(place(unguarded, 2, "buy", "1.00"))["type"] == "accepted"
    # An order of the account that another session placed ends, too.
    assert other.ask(place(account, 4, "buy", "4.00"))["type"] == "accepted"
    client.ask(guard(account))
    heard = [client.answer() for _ in range(3)]
    ended = [answer for answer in heard if answer.get("type") == "cancelled"]
    assert [(answer["client_id"], answer["reason"]) for answer in ended] == [(2, "disconnect"), (3, "disconnect")]
    assert {"op": "disconnected", "account": account} in heard
    assert other.answer()["reason"] == "disconnect"
    assert is_ended(running, account)
    assert client.ask(place(account, 5, "buy", "1.00"))["type"] == "accepted"  # and it is not guarded any more
    assert "account" not in client.ask({"op": "hello"})
    lose(running, other, guarded(other))
    assert client.is_silent()
    assert count(running, account, EventType.MASS_CANCELLED) == 1
    assert not is_ended(running, unguarded)


def test_who_is_heard_keeps_its_orders(running: Pipeline, client: Client, other: Client) -> None:
    account = guarded(client)
    widest_s, last_s = 0.0, time.monotonic()

    def ping() -> None:
        nonlocal widest_s, last_s
        client.send({"op": "ping"})
        widest_s, last_s = max(widest_s, time.monotonic() - last_s), time.monotonic()
        assert client.answer()["op"] in ("pong", "disconnected")

    for _ in range(3):
        silent = guarded(other)
        while not other.hears(round(SILENT_S * 100)):
            ping()
        lose(running, other, silent)
    ended = is_ended(running, account)
    ping()
    # On a host that kept this test from pinging in time, nothing is shown either way.
    assert widest_s > SILENT_S / 2 or not ended


def test_a_client_whose_process_ended_loses_its_orders(running: Pipeline) -> None:
    with client_of(running) as gone:
        account = guarded(gone)
    eventually(lambda: is_ended(running, account), "its orders are ended")
    events = history(running, account)[-2:]
    assert events["type"].tolist() == [EventType.CANCELLED, EventType.MASS_CANCELLED]
    assert events["reason"][0] == Reason.DISCONNECT and (events["client_id"] == [2, NO_ID]).all()
    assert (events["request_id"] == NO_ID).all()
    assert events["qty_lots"][1] == 1


def test_an_account_stays_guarded_when_entry_is_killed(running: Pipeline, client: Client) -> None:
    account = guarded(client)
    before = running.restarts("entry")
    os.kill(running.pid("entry"), signal.SIGKILL)
    eventually(lambda: running.restarts("entry") == before + 1, "entry works again")
    eventually(lambda: is_ended(running, account), "its orders are ended")
    stored = running.data / "entry-guarded.json"
    eventually(lambda: account not in orjson.loads(stored.read_bytes())["accounts"], "and it is guarded no more")


def test_silence_while_entry_itself_stood_still_does_not_count(running: Pipeline, client: Client) -> None:
    account = funded(client)
    client.ask(guard(account))
    with running.stopped("entry"):
        client.send({"op": "ping"})
        eventually(lambda: time.time_ns() - beat_ns(running) > 2 * SILENT_S * 1e9, "entry looked for nobody that long")
    assert client.answer() == {"op": "pong"}
    assert client.ask({"op": "hello"})["account"] == account
    client.ask({"op": "hello", "cancel_on_disconnect": False})


def test_what_finds_no_room_in_the_lane_is_ended_later(running: Pipeline, client: Client, other: Client) -> None:
    account = funded(client)
    assert client.ask(place(account, 2, "buy", "1.00"))["type"] == "accepted"
    running.released()
    with running.stopped("engine"):
        client.ask(guard(account))
        other.send(times(LANE).tobytes(), {"op": "ping"})
        assert other.answer() == {"op": "pong"}
        wait_for_looks(running, 2 * SILENT_S)
        answer = client.ask({"op": "hello"})  # and not that it is disconnected
        assert (answer["op"], answer["account"]) == ("hello", account), "it still has to be ended"
    eventually(lambda: is_ended(running, account), "its orders are ended")


def test_the_python_client_is_guarded_where_it_asks_for_it(running: Pipeline) -> None:
    client = EntryClient(running.endpoint, guard=new_account())
    try:
        assert client.silent_s == SILENT_S
        client.ping()
        eventually(lambda: len(client.receive(100)) or {"op": "pong"} in client.notices, "a pong")
    finally:
        client.close()


def test_a_record_that_calls_itself_a_disconnect_is_malformed(client: Client) -> None:
    account = funded(client)
    command = np.zeros(1, COMMAND)
    command["op"], command["flags"], command["account"], command["client_id"] = Op.MASS_CANCEL, 8, account, 5
    client.send(command.tobytes())
    assert client.answer()["error"].startswith("flags:")
    assert np.frombuffer(client.frame(), EVENT)["reason"][0] == Reason.MALFORMED


# --- orders that go on by themselves ----------------------------------------------------------------------------------


def test_who_placed_a_stop_hears_of_its_trigger_and_its_trades(client: Client, other: Client) -> None:
    holder, buyer = funded(client, "BTC"), funded(other)
    stop = {"op": "place", "account": holder, "client_id": 2, "symbol": "BTC-USDT", "side": "sell", "type": "stop",
            "stop_price": "70.00", "qty": "0.5"}  # fmt: skip
    waiting = client.ask(stop)
    assert (waiting["type"], waiting["stop_price"], waiting["order_type"]) == ("accepted", "70.00", "stop")
    paired = client.ask(stop | {"type": "take_profit", "stop_price": "80.00", "client_id": 3, "oco_client_id": 2})
    assert (paired["type"], paired["oco_client_id"]) == ("accepted", 2)
    assert other.ask(place(buyer, 2, "buy", "60.00", "0.7"))["type"] == "accepted"
    client.send(place(holder, 4, "sell", "60.00", "0.1"))
    assert [client.answer()["type"] for _ in range(2)] == ["accepted", "trade"]
    told = [client.answer() for _ in range(3)]
    assert [(each["type"], each.get("reason")) for each in told] == [
        ("cancelled", "oco"), ("triggered", None), ("trade", None),
    ]  # fmt: skip
    assert told[1]["order_id"] == told[2]["order_id"] == waiting["order_id"] and told[2]["leaves"] == "0.0000"
    assert [other.answer()["type"] for _ in range(2)] == ["trade", "trade"]
    assert client.is_silent()


# --- groups -----------------------------------------------------------------------------------------------------------


def orders(account: int, first: int, number: int) -> np.ndarray:
    """A group of small buys of the pipeline's first instrument."""
    return group(*[place_record(account, first + n, 0, Side.BUY, 1, price_ticks=100 + n) for n in range(number)])


def records(client: Client, answers: int) -> np.ndarray:
    """The next answers, as records."""
    found: list[np.ndarray] = []
    while sum(len(part) for part in found) < answers:
        found.append(np.frombuffer(client.frame(), EVENT))
    return np.concatenate(found)


def test_a_group_is_answered_member_by_member(client: Client) -> None:
    account = funded(client)
    members = [place(account, n, "buy", f"{n}.00") for n in (2, 3, 4)]
    client.send({"op": "group", "account": account, "commands": members})
    answers = [client.answer() for _ in members]
    assert [(answer["type"], answer["client_id"]) for answer in answers] == [("accepted", n) for n in (2, 3, 4)]
    client.send(orders(account, 5, 16).tobytes())
    events = records(client, 16)
    assert (events["type"] == EventType.ACCEPTED).all() and events["client_id"].tolist() == list(range(5, 21))


def test_what_is_no_group_is_one_malformed_command(client: Client) -> None:
    account = funded(client)
    client.send({"op": "group", "account": account, "commands": []})
    assert client.answer()["error"].startswith("commands:")
    assert client.answer()["reason"] == "malformed"
    assert client.is_silent()


def test_a_group_without_its_end_does_not_reach_into_another_message(client: Client, other: Client) -> None:
    account, another = funded(client), funded(other)
    open_group = orders(account, 2, 3)
    open_group["flags"] |= np.uint8(CMD_GROUP)
    client.send(open_group.tobytes())
    assert other.ask(place(another, 2, "buy", "1.00"))["type"] == "accepted"
    assert client.answer()["error"].startswith("flags:")
    events = records(client, 3)
    assert (events["reason"] == Reason.MALFORMED).all() and (events["flags"] & FLAG_LAST != 0).all()


def test_of_a_group_that_finds_no_room_nothing_goes_in(running: Pipeline, client: Client) -> None:
    account = funded(client)
    number = client.ask({"op": "hello"})["session"]
    running.released()
    with running.stopped("engine"):
        client.send(np.concatenate([times(LANE - 5), orders(account, 2, 6), times(2)]).tobytes())
        over = records(client, 8)
        assert (over["seq"] == 0).all() and (over["reason"] == Reason.OVERLOADED).all()
        assert over["client_id"].tolist() == [*range(2, 8), NO_ID, NO_ID]
        client.send(
            {"op": "group", "account": account, "commands": [place(account, n, "buy", "1.00") for n in range(6)]}
        )
        refused = [client.answer() for _ in range(6)]
        assert [(answer["reason"], answer["client_id"]) for answer in refused] == [("overloaded", n) for n in range(6)]
        client.send(orders(account, 2, 5).tobytes())
    events = records(client, LANE)
    assert (events["type"][-5:] == EventType.ACCEPTED).all() and (events["client_id"][-5:] == range(2, 7)).all()
    assert (events["session"] & 0xFFFFFF == number | 1).all()


def test_a_group_that_is_partly_of_another_session_is_not_taken_at_all(client: Client) -> None:
    account = funded(client)
    number = client.ask({"op": "hello", "format": "binary"})["session"]
    commands = orders(account, 2, 4)
    commands["session"] = [number, number, number + 2, number]
    client.send(np.concatenate([times(1), commands]).tobytes())
    assert client.answer()["session"] == number
    assert records(client, 1)["type"][0] == EventType.TIME
    assert client.is_silent()
