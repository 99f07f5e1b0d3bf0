"""A standby on a second data directory, as if on another host: told to take over, and left alone by a dead primary."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from client.python.entry_client import EntryClient, NoAnswer
from config.curve import keys_folder, server_keys
from config.guarded import FILE as GUARDED
from config.guarded import read_guarded
from config.settings import Settings
from consumers.journal.verify import diff, verify
from consumers.replication.status import standing
from consumers.replication.term import read_term
from engine.core import Engine
from engine.limits import limits_of
from ringbuf.codes import NO_ID, Op
from ringbuf.records import COMMAND, EVENT
from tests.e2e.flow import commands, differs_from_match, history, write_lines
from tests.pipeline import Pipeline, eventually, pipeline, standing_still

REQUIRED = '[engine]\ndurability = "fsync"\n[standby]\nhost = "127.0.0.1"\nrequired = true\n'
SERVED = '[standby]\nhost = "127.0.0.1"\n'
OWN = '[engine]\ndurability = "fsync"\n' + SERVED
COUNT = 6_000
RATE = 3_000


@pytest.fixture
def seed() -> int:
    found = int.from_bytes(os.urandom(4), "little")
    print(f"seed {found}")
    return found


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(tmp_path / "standby", config=OWN) as made:
        yield made


def caught_up(primary: Pipeline, standby: Pipeline) -> None:
    """The standby has, durably, what the primary has published."""

    def is_level() -> bool:
        found = standing(standby.data)
        return found is not None and found["state"] == "following" and found["seq"] == primary.published()

    eventually(is_level, "the standby is level with its primary")


def state_hash(data: Path, upto: int | None = None) -> str:
    """Hash of the state that a directory's history makes."""
    events, _ = history(data)
    engine = Engine(limits_of(Settings().engine))
    engine.apply(events if upto is None else events[:upto])
    return engine.state_hash()


def introduce(server: Pipeline, client: Pipeline) -> str:
    """Let a standby's key in, as an operator does; the primary's public key."""
    for host in (server, client):
        server_keys(host.data)
    shutil.copy(keys_folder(client.data) / "server.key", keys_folder(server.data) / "clients" / "standby.key")
    return str(keys_folder(server.data) / "server.key")


class Teller(threading.Thread):
    """A client that orders without a pause and keeps every event it is told, until its entry is gone."""

    def __init__(self, endpoint: str, account: int) -> None:
        super().__init__(daemon=True)
        self._endpoint = endpoint
        self._account = account
        self._over = threading.Event()
        self.told: list[bytes] = []
        self.start()

    def run(self) -> None:
        try:
            client = EntryClient(self._endpoint)
        except NoAnswer:
            return
        number = 0
        while not self._over.is_set():
            batch = np.zeros(16, COMMAND)
            batch["op"], batch["account"], batch["qty_lots"] = int(Op.DEPOSIT), self._account, 1
            batch["order_id"], batch["orig_client_id"], batch["client_id"] = 0, NO_ID, range(number + 1, number + 17)
            number += 16
            client.send(batch)
            events = client.receive(200)
            self.told += [event.tobytes() for event in events if event["seq"]]
        client.close()

    def end(self) -> np.ndarray:
        """All that it was told (EVENT)."""
        self._over.set()
        self.join(60)
        return np.frombuffer(b"".join(self.told), EVENT)


def is_in_history(told: np.ndarray, data: Path) -> bool:
    """Whether every event stands in the history at its sequence, byte for byte."""
    events, _ = history(data)
    if int(told["seq"].max()) > len(events):
        return False
    return told.tobytes() == events[told["seq"].astype(np.int64) - 1].tobytes()


def test_told_to_take_over_the_standby_goes_on_where_the_primary_ended(
    tmp_path: Path, standby: Pipeline, seed: int
) -> None:
    flow = write_lines(tmp_path / "commands.jsonl", commands(COUNT, seed))
    with pipeline(tmp_path / "primary", config=SERVED) as primary:
        key = introduce(primary, standby)
        primary.up()
        standby.follow(primary, "--key", key)
        feed = primary.popen("feed", str(flow), "--rate", str(RATE), "--json")
        eventually(lambda: primary.published() > COUNT // 2 or feed.poll() is not None, "half of the flow")
        done = standby.report("promote")
        print(f"took over in {done['running_ms']} ms")
        feed.kill()
        feed.communicate()
        assert done["term"] == 2
        eventually(lambda: not (primary.data / "run.json").exists(), "the primary has stopped")
        # Nothing of the primary's is missing, and nothing came after: in no durability mode.
        ended = verify(primary.data).last
        assert ended == done["after"]
        assert state_hash(primary.data) == state_hash(standby.data, ended)
        # The same flow again: what was in acts once, the rest follows. Open orders have kept their priority.
        assert standby.report("feed", str(flow))["resumed"] == 0
        standby.settled()
        assert differs_from_match(standby.data, flow, tmp_path / "match") == ""
        assert standby.report("reconcile")["ok"]
        refused = primary.verb("up", "--detach")
        assert refused.returncode == 1 and "deposed: term 2 is at tcp://" in refused.stderr


def test_every_event_that_was_told_survives_the_whole_primary_under_load(
    tmp_path: Path, standby: Pipeline, seed: int
) -> None:
    flow = write_lines(tmp_path / "commands.jsonl", commands(COUNT, seed))
    with pipeline(tmp_path / "primary", config=REQUIRED) as primary:
        primary.up()
        standby.follow(primary, "--auto", "500")
        teller = Teller(primary.endpoint, 77)
        feed = primary.popen("feed", str(flow), "--rate", str(RATE), "--json")
        eventually(lambda: primary.published() > COUNT // 2 or feed.poll() is not None, "half of the flow")
        primary.kill_all()
        feed.kill()
        feed.communicate()
        told = teller.end()
        eventually(lambda: standby.run_file()["state"] == "running", "the standby has taken over unasked")
        assert len(told) > 100
        assert is_in_history(told, standby.data)
        assert standby.report("feed", str(flow))["resumed"] == 0
        standby.settled()
        assert standby.report("reconcile")["ok"]
        goes_back_as_follower(primary, standby)


def goes_back_as_follower(primary: Pipeline, standby: Pipeline) -> None:
    """The old primary comes up again, hears of the term and ends; then it follows, in the same history."""
    assert read_term(primary.data).role == "primary"
    up = primary.popen("up", "--port-base", str(primary.base), "--config", str(primary.config))
    _, complaints = up.communicate(timeout=120)
    assert up.returncode == 1 and "deposed: term 2 is at tcp://" in complaints
    primary.follow(standby)
    caught_up(standby, primary)
    primary.report("down")
    standby.report("down")
    assert diff(standby.data, primary.data).seq == 0
    assert state_hash(standby.data) == state_hash(primary.data)


def test_what_a_deposed_primary_has_alone_is_cut_and_kept_aside(tmp_path: Path, standby: Pipeline) -> None:
    with pipeline(tmp_path / "primary", config=SERVED) as primary:
        primary.up()
        standby.follow(primary)
        primary.report("send", deposit(1))
        caught_up(primary, standby)
        shared = primary.published()
        os.kill(primary.pid("standby-feed"), signal.SIGSTOP)  # the network is cut
        primary.report("send", deposit(2))
        with ExitStack() as stopped:
            for name in primary.run_file()["processes"]:
                stopped.enter_context(primary.stopped(name))  # the host hangs
            assert standby.report("promote")["after"] == shared
            standby.report("send", deposit(3))
        eventually(lambda: not (primary.data / "run.json").exists(), "the old primary hears of it, and ends")
        assert read_term(primary.data).role == "deposed"
        primary.follow(standby)
        caught_up(standby, primary)
        (aside,) = (primary.data / "aside").iterdir()
        assert verify(aside).last == shared + 1
        assert primary.verb("journal", "diff", str(aside)).returncode == 1
        assert diff(primary.data, aside).seq == shared + 1
        # And back again: told, nothing is lost, and the one that was deposed is the primary of term 3.
        assert primary.report("promote")["term"] == 3
        eventually(lambda: not (standby.data / "run.json").exists(), "the standby has handed over")
        answers = [primary.report("send", deposit(number))["events"][0] for number in (2, 3)]
        assert [answer["type"] for answer in answers] == ["deposited", "rejected"]
        primary.settled()
        assert primary.report("reconcile")["ok"]
        primary.report("down")
        assert diff(primary.data, standby.data).seq == verify(standby.data).last + 1  # the one goes on, that is all


def deposit(client_id: int) -> str:
    """A command for `send`."""
    return json.dumps({"op": "deposit", "account": 9, "asset": "USDT", "amount": "5", "client_id": client_id})


def test_without_its_required_follower_nothing_is_acknowledged_and_no_other_will_do(
    tmp_path: Path, standby: Pipeline
) -> None:
    with pipeline(tmp_path / "primary", config=REQUIRED) as primary:
        primary.up()
        lonely = primary.report("status")["standby"]
        assert lonely["follower"] == "missing" and "nothing is acknowledged" in lonely["why"]
        standby.follow(primary)
        client = EntryClient(primary.endpoint)
        deposit = np.zeros(1, COMMAND)
        deposit["op"], deposit["account"], deposit["qty_lots"] = int(Op.DEPOSIT), 5, 1
        deposit["client_id"], deposit["orig_client_id"] = 1, NO_ID
        client.send(deposit)
        assert client.receive(60_000)["client_id"].tolist() == [1]
        before = primary.published()
        follower = standby.run_file()["processes"]["follower"]["pid"]
        with standing_still(follower):
            deposit["client_id"] = 2
            client.send(deposit)
            eventually(lambda: primary.published() == before + 1, "the engine has it")
            assert len(client.receive(1500)) == 0
            eventually(lambda: primary.report("status")["standby"]["follower"] == "missing", "status says so")
            assert primary.report("status")["durable"] == before
        assert client.receive(60_000)["client_id"].tolist() == [2]
        caught_up(primary, standby)
        assert standing(standby.data)["state"] == "following"  # type: ignore[index]
        client.close()
        guarding = EntryClient(primary.endpoint, guard=5)
        eventually(lambda: read_guarded(standby.data / GUARDED) == [5], "the standby knows of the guarded account")
        guarding.close()
        with pipeline(tmp_path / "second", config=OWN) as second:
            refused_by_name(primary, standby, second)


def refused_by_name(primary: Pipeline, standby: Pipeline, second: Pipeline) -> None:
    """Everything that can't be: other limits, `up` on a standby, a second follower where one is required."""
    standby.report("down")
    up = standby.verb("up", "--detach", "--port-base", str(standby.base))
    assert up.returncode == 1 and "this directory follows tcp://127.0.0.1" in up.stderr
    standby.config.write_text(OWN.replace("[standby]", "max_orders = 1000\n[standby]"))
    other = standby.verb("standby", "--detach", *following(primary, standby))
    assert other.returncode == 1
    assert f"engine.max_orders: expected {Settings().engine.max_orders}" in other.stderr
    other = second.verb("standby", "--detach", *following(primary, second))
    assert other.returncode == 1
    assert f"expected {read_term(standby.data).id}, the one follower" in other.stderr
    assert primary.report("standby", "--forget")["forgotten"] == read_term(standby.data).id
    second.follow(primary)
    caught_up(primary, second)
    assert primary.report("status")["processes"]["standby-feed"]["restarts"] == 0


def following(primary: Pipeline, standby: Pipeline) -> list[str]:
    """Arguments of `standby`."""
    source = f"tcp://127.0.0.1:{primary.base + 4}"
    return ["--port-base", str(standby.base), "--from", source, "--config", str(standby.config)]
