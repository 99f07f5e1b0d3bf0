"""Processes that live but do nothing: what waits, what goes on, who is replaced."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.engine.dealer import client_of, funded
from tests.pipeline import Pipeline, eventually, pipeline, standing_still

QUIET_MS = 700


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    config = "[supervisor]\nhung_s = 4\n"
    with pipeline(tmp_path_factory.mktemp("hung"), config=config) as made:
        made.up()
        yield made


def deposit(account: int, client_id: int) -> dict[str, object]:
    return {"op": "deposit", "account": account, "asset": "USDT", "amount": "1", "client_id": client_id}


def test_an_engine_that_hangs_is_killed_and_its_standby_answers(running: Pipeline) -> None:
    engine = running.pid("engine")
    with client_of(running) as client:
        account = funded(client)
        os.kill(engine, signal.SIGSTOP)
        client.send(deposit(account, 2))
        assert client.answer()["type"] == "deposited"
    why = running.run_file()["processes"]["engine"]["why"]
    assert why == "no life for 4 s, killed by SIGKILL; replica took over"


def test_while_the_journal_hangs_nothing_is_told_and_afterwards_all_of_it(running: Pipeline) -> None:
    running.settled()
    with client_of(running) as client:
        account = funded(client)
        with running.stopped("journal"):
            client.send(*[deposit(account, number) for number in range(2, 12)])
            assert not client.hears(QUIET_MS), "told before it was in the journal"
        assert [client.answer()["client_id"] for _ in range(10)] == list(range(2, 12))


def test_while_the_supervisor_stands_still_all_goes_on_and_then_it_does_its_work(running: Pipeline) -> None:
    running.settled()
    before = running.restarts("balances")
    with client_of(running) as client, standing_still(int(running.run_file()["supervisor"]["pid"])):
        os.kill(running.pid("balances"), signal.SIGKILL)
        account = funded(client)
        client.send(deposit(account, 2))
        assert client.answer()["type"] == "deposited"
        assert running.run_file()["processes"]["balances"]["restarts"] == before
    eventually(lambda: running.restarts("balances") == before + 1, "balances is at work again")
    running.settled()
    assert running.report("query", "balance", str(account))["USDT"]["available"] == "100001.000000"
