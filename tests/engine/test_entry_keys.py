"""Order entry that asks for keys: who is let in, what a key allows, and that nobody sees or touches another's."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import orjson
import pytest
import zmq

from client.python.commands import cancel as cancel_record
from client.python.commands import group
from client.python.commands import place as place_record
from client.python.credentials import Credentials
from client.python.entry_client import EntryClient, EntryRefused
from config.api_keys import create_key, revoke_key
from config.local_secret import read_local_secret
from consumers.journal.checks import fill_checksums
from engine.entry.access import CHOSEN_ID, EXPECTED_HELLO, REFUSED, REVOKED
from ringbuf.codes import NO_ACCOUNT, EventType, Reason, Side
from ringbuf.records import EVENT
from tests.engine.dealer import Client, client_of, new_account, place, times
from tests.pipeline import Pipeline, eventually, pipeline

NOT_PERMITTED = "not_permitted"
SCOPES = ("read", "trade")
DEPOSIT = {"op": "deposit", "asset": "USDT", "amount": "100000", "client_id": 1}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("keys"), config="[entry]\nkeys = true\n") as made:
        made.start(["journal", "engine", "entry"])
        yield made


@pytest.fixture(scope="module")
def host(running: Pipeline) -> Iterator[Client]:
    """A client with the secret of this host, which may everything."""
    with client_of(running) as client:
        assert client.ask({"op": "hello", "local": read_local_secret(running.data)})["op"] == "hello"
        yield client


@pytest.fixture
def join(running: Pipeline) -> Iterator[Callable[..., tuple[Client, int]]]:
    """Makes a client with a key of an account."""
    made: list[Any] = []

    def joined(account: int, *scopes: str) -> tuple[Client, int]:
        key, secret = create_key(running.data, account, scopes or SCOPES)
        context = client_of(running)
        client = context.__enter__()
        made.append(context)
        assert client.ask({"op": "hello", "key": key.key, "secret": secret})["op"] == "hello"
        return client, account

    yield joined
    for context in made:
        context.__exit__(None, None, None)


def funded(host: Client, asset: str = "USDT") -> int:
    account = new_account()
    assert host.ask({**DEPOSIT, "account": account, "asset": asset})["type"] == "deposited"
    return account


def reason_of(client: Client, *frames: Any) -> str:
    """Why entry itself refused."""
    answer = client.ask(*frames)
    assert answer["type"] == "rejected" and "seq" not in answer, answer
    return str(answer["reason"])


# --- who is let in ----------------------------------------------------------------------------------------------------


def test_nothing_is_taken_before_a_hello_with_key_and_secret(running: Pipeline, client: Client) -> None:
    before = running.published()
    frames: list[Any] = [
        {**DEPOSIT, "account": 1}, times(1).tobytes(), {"op": "ping"}, b"nonsense", b"{", b"", b"{" + b" " * 5000,
        {"op": "hello"}, {"op": "hello", "account": 7},
    ]  # fmt: skip
    for frame in frames:
        assert client.ask(frame)["error"] in (EXPECTED_HELLO, "key, secret: expected both, as text")
    assert client.is_silent_stranger()
    assert running.published() == before


def test_every_wrong_pair_is_answered_alike(running: Pipeline, client: Client) -> None:
    (one, one_secret), (two, two_secret) = (create_key(running.data, new_account(), SCOPES) for _ in range(2))
    gone, gone_secret = create_key(running.data, new_account(), SCOPES)
    far, far_secret = create_key(running.data, new_account(), SCOPES, ["192.0.2.0/24"])
    revoke_key(running.data, gone.key)
    for key, secret in (
        (one.key, two_secret), (two.key, one_secret), (one.key, ""), ("", one_secret), ("nobody", one_secret),
        (one.key, one_secret.upper()), (gone.key, gone_secret), (far.key, far_secret), (one.key, "é"),
    ):  # fmt: skip
        answer = client.ask({"op": "hello", "key": key, "secret": secret})
        assert answer == {"op": "hello", "error": REFUSED}
    for wrong in ({"key": one.key}, {"secret": one_secret}, {"key": 1, "secret": 2}, {"local": 7}, {"local": "0" * 64}):
        assert "expected" in client.ask({"op": "hello", **wrong})["error"]
    assert client.ask({"op": "time"})["error"] == EXPECTED_HELLO
    assert client.ask({"op": "hello", "key": one.key, "secret": one_secret})["session"] > 0


def test_a_key_is_good_from_the_addresses_it_was_made_for(running: Pipeline, client: Client) -> None:
    near, secret = create_key(running.data, new_account(), SCOPES, ["127.0.0.0/8"])
    assert "error" not in client.ask({"op": "hello", "key": near.key, "secret": secret})


def test_a_routing_id_that_a_client_chose_is_not_let_in(running: Pipeline) -> None:
    key, secret = create_key(running.data, new_account(), SCOPES)
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.IDENTITY, b"me")
        socket.connect(running.endpoint)
        socket.send(orjson.dumps({"op": "hello", "key": key.key, "secret": secret}))
        assert orjson.loads(socket.recv())["error"] == CHOSEN_ID


def test_a_session_stays_with_its_account(running: Pipeline, client: Client) -> None:
    account = new_account()
    (one, one_secret), (two, two_secret) = (create_key(running.data, who, SCOPES) for who in (account, account + 5000))
    assert "error" in client.ask({"op": "hello", "key": one.key, "secret": one_secret, "account": account + 1})
    assert "error" not in client.ask({"op": "hello", "key": one.key, "secret": one_secret, "account": account})
    assert "error" not in client.ask({"op": "hello", "format": "binary"})  # what it has stays
    assert "error" in client.ask({"op": "hello", "account": account + 1})
    answer = client.ask({"op": "hello", "key": two.key, "secret": two_secret})
    assert answer["error"] == "key: expected one of the account that this session began with"


# --- what a key allows ------------------------------------------------------------------------------------------------


def test_a_trader_places_amends_and_cancels_its_own(host: Client, join: Callable[..., tuple[Client, int]]) -> None:
    client, account = join(funded(host))
    assert client.ask(place(account, 2, "buy", "10.00"))["type"] == "accepted"
    amend = {"op": "amend", "account": account, "client_id": 3, "orig_client_id": 2, "qty": "0.5"}
    assert client.ask(amend)["type"] == "amended"
    assert client.ask({"op": "cancel", "account": account, "client_id": 4, "orig_client_id": 2})["type"] == "cancelled"
    assert client.ask({"op": "mass_cancel", "account": account, "client_id": 5})["type"] == "mass_cancelled"
    assert host.is_silent()


@pytest.mark.parametrize(
    "command",
    [
        {"op": "deposit", "asset": "USDT", "amount": "1", "client_id": 90},
        {"op": "withdraw", "asset": "USDT", "amount": "1", "client_id": 91},
        {"op": "halt", "symbol": "BTC-USDT"},
        {"op": "resume", "symbol": "BTC-USDT"},
        {"op": "suspend"},
        {"op": "unsuspend"},
        {"op": "bust", "trade_seq": 1},
        {"op": "time", "ts_ns": 1},
        {"op": "list_asset", "name": "EVIL", "decimals": 2},
        {"op": "state", "symbol": "BTC-USDT", "state": "halted"},
    ],
    ids=lambda command: command["op"],
)
def test_what_is_no_traders_needs_another_scope(
    running: Pipeline, host: Client, join: Callable[..., tuple[Client, int]], command: dict[str, Any]
) -> None:
    client, account = join(funded(host))
    before = running.published()
    assert reason_of(client, {**command, "account": account}) == NOT_PERMITTED
    assert running.published() == before


def test_another_accounts_order_can_not_be_touched_in_either_form(
    host: Client, join: Callable[..., tuple[Client, int]]
) -> None:
    victim, theirs = join(funded(host))
    client, account = join(funded(host))
    order_id = victim.ask(place(theirs, 2, "buy", "10.00"))["order_id"]
    for command in (
        place(theirs, 50, "buy", "1.00"),
        {"op": "cancel", "account": theirs, "client_id": 51, "order_id": order_id},
        {"op": "cancel", "account": theirs, "client_id": 51, "orig_client_id": 2},
        {"op": "amend", "account": theirs, "client_id": 52, "order_id": order_id, "qty": "0.1"},
        {"op": "mass_cancel", "account": theirs, "client_id": 53},
        {"op": "place", "account": theirs, "client_id": 54, "symbol": "no such"},  # malformed: would use up the id
    ):
        client.send(command)
        answers = [client.answer()]
        while answers[-1].get("reason") != NOT_PERMITTED:
            assert answers[-1].keys() == {"error"}
            answers.append(client.answer())
    client.send(cancel_record(theirs, 55, order_id=order_id).tobytes())
    (refused,) = np.frombuffer(client.frame(), EVENT)
    assert (refused["seq"], refused["type"], refused["reason"]) == (0, EventType.REJECTED, Reason.NOT_PERMITTED)
    # With an account of one's own and another's order, the engine knows no such order.
    answer = client.ask({"op": "cancel", "account": account, "client_id": 56, "order_id": order_id})
    assert (answer["type"], answer["reason"]) == ("rejected", "unknown_order")
    assert victim.ask({"op": "cancel", "account": theirs, "client_id": 3, "orig_client_id": 2})["type"] == "cancelled"


def test_the_venues_clock_is_not_a_traders_to_set(host: Client, join: Callable[..., tuple[Client, int]]) -> None:
    client, account = join(funded(host))
    far = 4_000_000_000_000_000_000
    assert reason_of(client, {**place(account, 2, "buy", "1.00"), "ts_ns": far}) == NOT_PERMITTED
    record = place_record(account, 2, 0, Side.BUY, 1, price_ticks=100)
    record["ts_ns"] = far
    client.send(record.tobytes())
    assert np.frombuffer(client.frame(), EVENT)["reason"][0] == Reason.NOT_PERMITTED
    assert client.ask(place(account, 2, "buy", "1.00"))["ts_ns"] < far


def test_of_a_frame_only_what_is_permitted_is_taken_and_a_group_whole_or_not_at_all(
    host: Client, join: Callable[..., tuple[Client, int]]
) -> None:
    client, account = join(funded(host))
    mine, others = (
        lambda client_id: place_record(account, client_id, 0, Side.BUY, 1, price_ticks=100),
        lambda client_id: place_record(account + 5000, client_id, 0, Side.BUY, 1, price_ticks=100),
    )
    frame = np.concatenate([mine(2), others(3), mine(4), group(mine(5), others(6)), group(mine(7), mine(8))])
    client.send(frame.tobytes())
    answers = np.concatenate([np.frombuffer(client.frame(), EVENT) for _ in range(5)])
    refused = answers[answers["seq"] == 0]
    assert sorted(refused["client_id"].tolist()) == [3, 5, 6]
    assert (refused["reason"] == Reason.NOT_PERMITTED).all()
    assert answers[answers["seq"] > 0]["client_id"].tolist() == [2, 4, 7, 8]


def test_scopes_add_up(host: Client, join: Callable[..., tuple[Client, int]]) -> None:
    account = funded(host)
    withdraw = {"op": "withdraw", "account": account, "asset": "USDT", "amount": "1"}
    reader, _ = join(account, "read")
    assert reason_of(reader, place(account, 2, "buy", "1.00")) == NOT_PERMITTED
    drawer, _ = join(account, "withdraw")
    assert drawer.ask({**withdraw, "client_id": 3})["type"] == "withdrawn"
    assert reason_of(drawer, place(account, 4, "buy", "1.00")) == NOT_PERMITTED
    other = funded(host)
    assert reason_of(drawer, {**withdraw, "account": other, "client_id": 5}) == NOT_PERMITTED
    admin, _ = join(account, "admin")
    assert admin.ask({**DEPOSIT, "account": other, "client_id": 6})["type"] == "deposited"
    assert reason_of(admin, place(other, 7, "buy", "1.00")) == NOT_PERMITTED  # it may all accounts', but not trade
    both, _ = join(account, "admin", "trade")
    assert both.ask(place(other, 8, "buy", "1.00"))["type"] == "accepted"


# --- what is seen -----------------------------------------------------------------------------------------------------


def test_of_a_trade_each_side_sees_its_own(host: Client, join: Callable[..., tuple[Client, int]]) -> None:
    maker, makers = join(funded(host, "BTC"))
    taker, takers = join(funded(host))
    maker.ask(place(makers, 2, "sell", "20.00", "1"))
    taker.send(place(takers, 2, "buy", "20.00", "1"))
    accepted, trade = taker.answer(), taker.answer()
    assert (accepted["type"], trade["type"]) == ("accepted", "trade")
    assert trade["account"] == takers and "fee" in trade and trade["leaves"] == "0.0000"
    assert not [name for name in trade if name.startswith("maker")]
    trade = maker.answer()
    assert (trade["type"], trade["maker_account"], trade["maker_leaves"]) == ("trade", makers, "0.0000")
    assert not {"account", "client_id", "order_id", "leaves", "fee", "request_id"} & trade.keys()
    assert taker.is_silent() and maker.is_silent() and host.is_silent()


def test_the_same_in_binary_with_a_checksum_that_fits(host: Client, join: Callable[..., tuple[Client, int]]) -> None:
    maker, makers = join(funded(host, "BTC"))
    taker, takers = join(funded(host))
    maker.send(place_record(makers, 2, 0, Side.SELL, 1, price_ticks=3000).tobytes())
    maker.frame()
    taker.send(place_record(takers, 2, 0, Side.BUY, 1, price_ticks=3000).tobytes())
    taker.frame()
    for client, hidden in ((taker, "maker_account"), (maker, "account")):
        trade = np.frombuffer(client.frame(), EVENT).copy()
        assert trade["type"][0] == EventType.TRADE and trade[hidden][0] == NO_ACCOUNT
        found = int(trade["crc"][0])
        fill_checksums(trade)
        assert int(trade["crc"][0]) == found


def test_an_admin_sees_both_sides(host: Client, join: Callable[..., tuple[Client, int]]) -> None:
    maker, makers = join(funded(host, "BTC"))
    maker.ask(place(makers, 2, "sell", "40.00", "1"))
    admin, account = join(funded(host), "admin", "trade")
    admin.send(place(account, 2, "buy", "40.00", "1"))
    assert [admin.answer()["type"], admin.answer()["maker_account"]] == ["accepted", makers]


# --- revocation -------------------------------------------------------------------------------------------------------


def test_a_revoked_key_is_told_so_and_nothing_of_it_is_taken(running: Pipeline, host: Client, client: Client) -> None:
    account = funded(host)
    key, secret = create_key(running.data, account, SCOPES)
    hello = {"op": "hello", "key": key.key, "secret": secret, "cancel_on_disconnect": True}
    assert client.ask(hello)["account"] == account  # the key's, where it names none
    assert client.ask(place(account, 2, "buy", "10.00"))["type"] == "accepted"
    revoke_key(running.data, key.key)
    assert client.answer()["error"] == REVOKED
    assert client.ask(place(account, 3, "buy", "10.00"))["error"] == EXPECTED_HELLO
    assert client.ask(hello)["error"] == REFUSED
    # Whose session is gone, their orders are ended: it had asked for that. A cancel would end them too: an amend.
    client_ids = iter(range(900, 1 << 30))
    query = {"op": "amend", "account": account, "orig_client_id": 2, "qty": "1"}
    eventually(lambda: host.ask({**query, "client_id": next(client_ids)}).get("reason") == "unknown_order", "its end")


def test_the_python_client_shows_its_key_and_hears_why_it_is_refused(running: Pipeline, host: Client) -> None:
    account = funded(host)
    key, secret = create_key(running.data, account, SCOPES)
    shown = Credentials(key.key, secret)
    assert secret not in repr(shown)
    client = EntryClient(running.endpoint, credentials=shown)
    try:
        client.send(place_record(account, 2, 0, Side.BUY, 1, price_ticks=100))
        eventually(lambda: client.own_answers(client.receive(1000)), "an answer")
        revoke_key(running.data, key.key)
        with pytest.raises(EntryRefused, match="key: revoked"):
            eventually(lambda: len(client.receive(100)) > 0 or client.answered_session(), "a refusal")
    finally:
        client.close()
    with pytest.raises(EntryRefused, match="key: expected a key that is not revoked"):
        EntryClient(running.endpoint, credentials=shown)
    with pytest.raises(EntryRefused, match="key, secret: expected both"):
        EntryClient(running.endpoint)


def test_send_and_feed_on_the_same_host_need_no_key(running: Pipeline, tmp_path: Any) -> None:
    account = new_account()
    (event,) = running.report("send", orjson.dumps({**DEPOSIT, "account": account}).decode())["events"]
    assert event["type"] == "deposited"
    flow = tmp_path / "commands.jsonl"
    flow.write_bytes(orjson.dumps({**DEPOSIT, "account": account, "client_id": 2, "ts_ns": 5}) + b"\n")
    for via in ("zmq", "shm"):
        assert running.report("feed", str(flow), "--via", via)["answered"] == 1
