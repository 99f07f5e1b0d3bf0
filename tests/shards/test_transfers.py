"""Funds between shards, whatever dies when: transfers at each side of each step, an engine, a shard, the entry."""

import json
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.shards.layout import read_shards
from ops.shards.transfer_log import Transfer, TransferLog
from ringbuf.codes import EventType
from tests.pipeline import eventually
from tests.shards.exchange import Exchange, TextClient, exchange, text_client

MOMENTS = [
    "before withdrawing",
    "after withdrawing",
    "sent withdrawing",
    "before depositing",
    "after depositing",
    "sent depositing",
    "before done",
    "after done",
]
WHOLE = Decimal(1_000_000)


@pytest.fixture(scope="module")
def dying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with exchange(tmp_path_factory.mktemp("transfers")) as made:
        made.start_dying()
        yield made


@pytest.fixture
def client(dying: Exchange) -> Iterator[TextClient]:
    with text_client(dying.endpoint) as made:
        yield made


def held(running: Exchange, account: int) -> dict[int, Decimal]:
    """USDT of an account on each shard."""
    found = {}
    for shard in range(running.shards):
        done = running.verb("query", "balance", str(account), "--json", "--data", str(running.folder(shard)))
        assert done.returncode == 0, done.stderr
        found[shard] = Decimal(json.loads(done.stdout).get("USDT", {"available": "0"})["available"])
    return found


def expect_held(running: Exchange, account: int, expected: dict[int, Decimal]) -> None:
    """The stores come to say so: the engines have answered, the consumers behind them may still be starting."""
    eventually(lambda: held(running, account) == expected, f"account {account} holds {expected}")


def deposit(client: TextClient, account: int, amount: str) -> None:
    """Asked again while order entry refuses it: a shard that has just come back is not on its line at once."""
    asked = {"op": "deposit", "account": account, "asset": "USDT", "amount": amount, "client_id": 1}
    eventually(lambda: client.ask(**asked)["type"] == "deposited", f"account {account} has its deposit")


def transfers(running: Exchange, account: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.report("query", "transfers", str(account))["transfers"]
    return found


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_transfer_happens_once_wherever_its_process_is_killed(
    dying: Exchange, client: TextClient, moment: str
) -> None:
    account = 10 + 2 * MOMENTS.index(moment)  # its home is shard 0
    client.ask(op="deposit", account=account, asset="USDT", amount=str(WHOLE), client_id=1)
    died = dying.data / "died"
    died.unlink(missing_ok=True)
    (dying.data / "die").write_text(moment)
    asked = {"op": "transfer", "account": account, "asset": "USDT", "amount": "250000.5", "from": 0, "to": 1}
    answer = client.ask(**asked, client_id=2)
    assert answer["type"] == "transferred", answer
    assert died.read_text() == moment.split()[0], "it was killed at that moment"
    assert client.ask(**asked, client_id=2)["transfer"] == answer["transfer"], "asked again it is the same one"
    assert [one["state"] for one in transfers(dying, account)] == ["done"]
    expect_held(dying, account, {0: WHOLE - Decimal("250000.5"), 1: Decimal("250000.5")})
    dying.reconciled()


def test_a_transfer_of_what_is_not_there_is_refused_and_moves_nothing(dying: Exchange, client: TextClient) -> None:
    client.ask(op="deposit", account=40, asset="USDT", amount="10", client_id=1)
    asked = {"op": "transfer", "account": 40, "asset": "USDT", "from": 0, "to": 1}
    assert client.ask(**asked, amount="11", client_id=2)["reason"] == "insufficient_funds"
    assert client.ask(**asked, amount="5", client_id=2)["reason"] == "duplicate_client_id"
    assert client.ask(**asked, amount="0.0000001", client_id=3)["reason"] == "malformed"
    assert client.ask(**asked | {"to": 0}, amount="5", client_id=4)["reason"] == "malformed"
    assert client.ask(**asked | {"account": 4040}, amount="5", client_id=5)["reason"] == "unknown_account"
    expect_held(dying, 40, {0: Decimal(10), 1: Decimal(0)})
    dying.reconciled()


def test_a_transfer_whose_deposit_is_refused_gives_the_money_back(dying: Exchange, client: TextClient) -> None:
    """The target's supply of the asset is at its limit, 2^62 minor units, so nothing more can be deposited there."""
    most = f"{(1 << 62) // 10**8 - 1}"
    client.ask(op="deposit", account=43, asset="BTC", amount=most, client_id=1)
    client.ask(op="deposit", account=44, asset="BTC", amount="9", client_id=1)
    answer = client.ask(op="transfer", account=44, asset="BTC", amount="8", client_id=2, **{"from": 0, "to": 1})
    assert (answer["type"], answer["reason"]) == ("rejected", "supply_exceeded"), answer
    assert [one["state"] for one in transfers(dying, 44)] == ["returned"]
    assert Decimal(dying.report("query", "balance", "44")["BTC"]["available"]) == 9
    dying.reconciled()


def test_an_account_that_has_gone_far_beyond_the_id_still_gets_its_money(dying: Exchange, client: TextClient) -> None:
    """The id beside the request's is behind the window of 64 by then: other odd ids are tried until one is in it."""
    for shard in (0, 1):
        client.ask(op="deposit", account=46, asset="USDT", amount="100", client_id=1 + shard, shard=shard)
    for client_id in (2_000, 2_001):
        client.ask(op="withdraw", account=46, asset="USDT", amount="1", client_id=client_id, shard=client_id % 2)
    answer = client.ask(op="transfer", account=46, asset="USDT", amount="50", client_id=7, **{"from": 0, "to": 1})
    assert answer["type"] == "transferred", answer
    expect_held(dying, 46, {0: Decimal(49), 1: Decimal(149)})
    assert client.ask(op="withdraw", account=46, asset="USDT", amount="1", client_id=2_002)["type"] == "withdrawn"
    dying.reconciled()


@pytest.mark.parametrize("source", [0, 1])
def test_a_transfer_waits_for_a_shard_that_was_killed_whole(dying: Exchange, client: TextClient, source: int) -> None:
    account = 50 + source  # its home is the shard that the money comes from
    deposit(client, account, "100")
    asked = {"op": "transfer", "account": account, "asset": "USDT", "amount": "30", "from": source, "to": 1 - source}
    dying.kill_shard(1)
    answer = client.ask(**asked, client_id=2)
    assert answer["type"] == "transferred", answer
    expect_held(dying, account, {source: Decimal(70), 1 - source: Decimal(30)})
    dying.settled()
    dying.reconciled()


def test_a_transfer_survives_the_death_of_engines_and_of_the_entry(dying: Exchange, client: TextClient) -> None:
    deposit(client, 60, "100")
    asked = {"op": "transfer", "account": 60, "asset": "USDT", "amount": "40", "from": 0, "to": 1}
    for shard in (0, 1):
        os.kill(dying.pid_in(shard, "engine"), signal.SIGKILL)
    client.send(**asked, client_id=2)
    os.kill(dying.pid("entry"), signal.SIGKILL)

    def answered() -> bool:
        client.send(**asked, client_id=2)  # what entry had not passed on is lost with it: a client asks again
        client.listen(200)
        return any(one.get("type") == "transferred" for one in client.heard)

    eventually(answered, "the transfer's end")
    expect_held(dying, 60, {0: Decimal(60), 1: Decimal(40)})
    dying.settled()
    dying.reconciled()


def test_a_log_that_is_not_the_shards_is_found_by_reconcile(tmp_path: Path) -> None:
    """A leg that the log knows and the history does not: money of all would not be what was paid in."""
    with exchange(tmp_path) as running:
        running.up()
        with text_client(running.endpoint) as client:
            client.ask(op="deposit", account=2, asset="USDT", amount="100", client_id=1)
        running.settled()
        running.reconciled()
        assert running.verb("down").returncode == 0
        assert running.left() == []
        shards = read_shards(running.data)
        assert shards is not None
        log = TransferLog(running.data, shards.epoch, shards.count)
        with log.writing() as txn:
            log.ask(txn, Transfer(0, 2, 2, 0, 5_000_000, 0, 1))
            log.answer(txn, 0, EventType.WITHDRAWN, 5_000_000, "")
        log.close()
        done = running.verb("reconcile", "--json")
        assert done.returncode == 1
        assert "shard 0: its history has 0 legs" in done.stderr
        assert "money of all" in done.stderr
