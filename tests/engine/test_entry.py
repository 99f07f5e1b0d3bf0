"""Order entry with a real engine and journal behind it, as a client on a socket sees it."""

import os
import random
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest

from client.python.lane_client import LaneClient
from config.catalog import Catalog
from config.json_commands import decode_all
from ringbuf.codes import FLAG_LAST, EventType, Op, Reason
from ringbuf.records import COMMAND, COMMAND_BUST, COMMAND_LIST_INSTRUMENT, EVENT
from tests.engine.dealer import Client, funded, new_account, place, times
from tests.pipeline import Pipeline, eventually, pipeline

LANE = 64  # commands that find room in a lane: small, so that it can be filled


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    config = f"[ring]\nlane_capacity = {LANE}\n"
    with pipeline(tmp_path_factory.mktemp("entry"), config=config) as made:
        made.start(["journal", "engine", "entry"])
        yield made


def test_a_json_command_is_answered_with_its_event(client: Client) -> None:
    account = new_account()
    answer = client.ask({"op": "deposit", "account": account, "asset": "USDT", "amount": "10.5", "client_id": 1})
    assert answer["type"] == "deposited" and answer["amount"] == "10.500000"
    assert (answer["account"], answer["client_id"]) == (account, 1)
    assert answer["seq"] > 0 and answer["ts_ns"] > 0


def test_what_was_listed_by_another_door_is_known_when_a_client_names_it(running: Pipeline, client: Client) -> None:
    account, lane = new_account(), LaneClient(running.name, "lists")
    for number in range(20):  # of an entry that waits for its clients, most of the time
        asset = {"name": f"FRESH{number}", "decimals": 2}
        listing, _ = decode_all({"op": "list_asset", **asset}, Catalog(), lambda seq: None)
        assert lane.send(listing) == 1
        while not lane.own_answers(lane.receive(500)):
            pass
        answer = client.ask(
            {"op": "deposit", "account": account, "asset": asset["name"], "amount": "1.25", "client_id": 1 + number}
        )
        assert (answer.get("type"), answer.get("amount")) == ("deposited", "1.25"), answer
    lane.close()


def test_binary_commands_are_answered_with_binary_events(client: Client) -> None:
    commands = times(3)
    client.send(commands.tobytes())
    found = np.concatenate([np.frombuffer(client.frame(), EVENT) for _ in range(3)])
    assert (found["type"] == EventType.TIME).all()
    assert (found["flags"] & FLAG_LAST != 0).all()
    assert (np.diff(found["seq"]) > 0).all()


def test_every_frame_of_a_message_is_a_command_and_they_keep_their_order(client: Client) -> None:
    account = funded(client)
    client.send(*[place(account, n, "buy", f"{n}.00") for n in range(2, 42)])
    assert [client.answer()["client_id"] for _ in range(40)] == list(range(2, 42))


def test_a_time_whose_first_byte_is_a_brace_is_still_binary(client: Client) -> None:
    commands = times(1)
    commands["ts_ns"] = 0x7B  # "{"
    assert commands.tobytes()[:1] == b"{"
    client.send(commands.tobytes())
    assert np.frombuffer(client.frame(), EVENT)["type"][0] == EventType.TIME


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"op": "dance"}, "op"),
        ({"side": "up"}, "side"),
        ({"qty": None}, "qty"),
        ({"price": "1e400"}, "price"),
        ({"qty": "99999999999999999999"}, "qty"),
        ({"client_id": 2**63}, "client_id"),
        ({"tif": "someday"}, "tif"),
        ({"symbol": 7}, "symbol"),
    ],
)
def test_what_is_malformed_is_named_and_nothing_else_is_disturbed(
    client: Client, change: dict[str, Any], field: str
) -> None:
    account = funded(client)
    client.send(place(account, 2, "buy", "1.00"), {**place(account, 3, "buy", "1.00"), **change})
    client.send(place(account, 4, "buy", "1.00"))
    answers = [client.answer() for _ in range(4)]
    errors = [answer["error"] for answer in answers if "error" in answer]
    events = [answer for answer in answers if "error" not in answer]
    assert len(errors) == 1 and errors[0].startswith(f"{field}:")
    assert [(event["type"], event.get("reason")) for event in events] == [
        ("accepted", None),
        ("rejected", "malformed"),
        ("accepted", None),
    ]
    assert client.is_silent()


@pytest.mark.parametrize(
    "frame",
    [b"", b"nonsense", b"{", b'{"op":"time"', b"[1]", b"\xff\xfe{}", b"{" * 5000, b"\0" * 127, b"\0" * 129, b" " * 128],
    ids=lambda frame: repr(frame[:6]) + str(len(frame)),
)
def test_a_frame_that_is_no_command_is_answered_and_the_next_one_served(client: Client, frame: bytes) -> None:
    client.send(frame, {"op": "time", "ts_ns": 1})
    answers = [client.frame()]
    while b'"time"' not in answers[-1]:
        answers.append(client.frame())
    if len(frame) != 128:
        assert b"frame: expected" in answers[0]
        assert any(b'"malformed"' in answer for answer in answers)


def test_a_frame_of_17_mb_ends_its_connection_and_no_other(client: Client, other: Client) -> None:
    other.send(b" " * (17 << 20))
    assert funded(client)


def test_hostile_records_disturb_nobody(client: Client, other: Client) -> None:
    account = funded(other, "BTC")
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    generator = np.random.default_rng(seed)
    for round_ in range(30):
        commands = generator.integers(0, 256, 128 * 20, np.uint8).view(COMMAND)
        commands["ts_ns"] = 1  # the clock of a venue that is told a time in the year 2200 stays there
        commands["session"] = 0
        if round_ % 2:  # words that make sense, numbers that don't
            commands["op"] = generator.integers(0, 16, len(commands))
            commands["account"] = account
            for word, count in (("side", 3), ("order_type", 4), ("tif", 4), ("stp", 6), ("mask", 64), ("refuse", 80)):
                commands[word] = generator.integers(0, count, len(commands))
            commands["symbol"] = generator.integers(0, 4, len(commands))
        commands["op"][np.isin(commands["op"], (Op.SUSPEND, Op.HALT))] = Op.TIME
        client.send(commands.tobytes())
        done = 0
        while done < len(commands):
            frame = client.frame()
            if len(frame) % 128:
                assert "error" in orjson.loads(frame)
                continue
            done += int(np.count_nonzero(np.frombuffer(frame, EVENT)["flags"] & FLAG_LAST))
    answer = other.ask({"op": "deposit", "account": new_account(), "asset": "BTC", "amount": "1", "client_id": 1})
    assert answer["type"] == "deposited"


def test_a_bust_that_a_client_made_up_moves_nothing(client: Client) -> None:
    rich, poor = funded(client), funded(client)
    bust = np.zeros(1, COMMAND)
    row = bust.view(COMMAND_BUST)
    row["op"], row["trade_seq"], row["symbol"], row["account"], row["maker_account"] = Op.BUST, 1, 0, poor, rich
    row["price_ticks"], row["qty_lots"] = 100, 100
    client.send(bust.tobytes())
    event = np.frombuffer(client.frame(), EVENT)
    assert (event["type"][0], event["reason"][0]) == (EventType.REJECTED, Reason.UNKNOWN_ORDER)


def test_a_listing_that_no_reader_could_read_is_malformed(client: Client) -> None:
    listing = np.zeros(1, COMMAND)
    row = listing.view(COMMAND_LIST_INSTRUMENT)
    row["op"], row["base"], row["quote"], row["name"] = Op.LIST_INSTRUMENT, 1, 0, b"\xff\xfe"
    for name in ("lot_base_units", "tick_lot_quote_units", "price_min_ticks", "price_max_ticks"):
        row[name] = 1
    client.send(listing.tobytes())
    assert "name" in client.answer()["error"]
    assert np.frombuffer(client.frame(), EVENT)["reason"][0] == Reason.MALFORMED


def test_a_makers_fill_reaches_the_session_of_the_maker_in_its_own_form(client: Client, other: Client) -> None:
    maker, taker = funded(client, "BTC"), funded(other)
    resting = client.ask(place(maker, 2, "sell", "90000.00", "0.5"))
    assert resting["type"] == "accepted"
    other.send(place(taker, 2, "buy", "90000.00", "0.3"))
    assert other.answer()["type"] == "accepted"
    seen_by_taker, seen_by_maker = other.answer(), client.answer()
    assert seen_by_taker == seen_by_maker
    assert seen_by_maker["type"] == "trade"
    assert (seen_by_maker["maker_order_id"], seen_by_maker["maker_leaves"]) == (resting["order_id"], "0.2000")
    assert client.is_silent() and other.is_silent()


def test_a_client_hears_nothing_of_another_ones_orders(client: Client, other: Client) -> None:
    account = funded(client)
    assert client.ask(place(account, 2, "buy", "1.00"))["type"] == "accepted"
    assert client.ask({"op": "cancel", "account": account, "client_id": 3, "orig_client_id": 2})["type"] == "cancelled"
    assert other.is_silent()


def test_a_real_trade_is_busted_once_by_its_sequence(client: Client) -> None:
    maker, taker = funded(client, "BTC"), funded(client)
    client.ask(place(maker, 2, "sell", "80000.00", "0.1"))
    client.send(place(taker, 2, "buy", "80000.00", "0.1"))
    trade = [client.answer() for _ in range(2)][1]
    busted = client.ask({"op": "bust", "trade_seq": trade["seq"]})
    assert (busted["type"], busted["trade_seq"]) == ("busted", trade["seq"])
    assert client.ask({"op": "bust", "trade_seq": trade["seq"]})["reason"] == "unknown_order"
    assert client.ask({"op": "bust", "trade_seq": busted["seq"]})["reason"] == "unknown_order"
    everything = {"op": "withdraw", "account": taker, "asset": "USDT", "amount": "100000", "client_id": 3}
    assert client.ask(everything)["type"] == "withdrawn"


def test_hello_tells_the_session_and_refuses_what_it_does_not_know(client: Client) -> None:
    text, binary = client.ask({"op": "hello"}), client.ask({"op": "hello", "format": "binary"})
    assert text["session"] > 0 and binary["session"] == text["session"] + 1
    assert client.ask({"op": "hello", "format": "xml"})["error"].startswith("format:")
    assert client.ask({"op": "hello", "cancel_on_disconnect": True})["error"].startswith("account:")
    assert client.ask({"op": "hello", "cancel_on_disconnect": 1})["error"].startswith("cancel_on_disconnect:")


def test_commands_meant_for_another_session_are_not_taken(client: Client) -> None:
    number = client.ask({"op": "hello", "format": "binary"})["session"]
    commands = times(2)
    commands["session"] = [number, number + 2]
    client.send(commands.tobytes(), times(1).tobytes())
    assert client.answer() == {"op": "hello", "session": number}
    found = np.concatenate([np.frombuffer(client.frame(), EVENT) for _ in range(2)])
    assert (found["type"] == EventType.TIME).all()


def test_what_finds_no_room_is_overloaded_at_once_and_the_rest_is_answered(running: Pipeline, client: Client) -> None:
    account = funded(client)
    running.released()
    with running.stopped("engine"):
        client.send(times(LANE).tobytes())
        client.send(place(account, 2, "buy", "1.00"))
        refused = client.answer()
        assert refused == {"type": "rejected", "account": account, "client_id": 2, "reason": "overloaded"}
        client.send(times(3).tobytes())
        records = np.frombuffer(client.frame(), EVENT)
        assert len(records) == 3 and (records["seq"] == 0).all() and (records["reason"] == Reason.OVERLOADED).all()
    answered = sum(len(client.frame()) // 128 for _ in range(LANE))
    assert answered == LANE
    assert client.ask(place(account, 2, "buy", "1.00"))["type"] == "accepted"  # its id was not used up


def test_a_restarted_entry_serves_on_and_gives_other_sessions(running: Pipeline, client: Client) -> None:
    number = client.ask({"op": "hello"})["session"]
    before = running.restarts("entry")
    os.kill(running.pid("entry"), signal.SIGKILL)
    eventually(lambda: running.restarts("entry") == before + 1, "entry works again")
    assert client.ask({"op": "hello"})["session"] != number
