"""The Python client for asyncio against a real engine."""

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from itertools import count

import numpy as np
import pytest

from client.python.async_entry_client import AsyncEntryClient, EntryRefused, NoAnswer
from client.python.commands import cancel, mass_cancel, place
from client.python.credentials import Credentials
from config.api_keys import create_key, revoke_key
from config.local_secret import read_local_secret
from ringbuf.codes import NO_ID, EventType, Op, Reason, Side
from ringbuf.records import COMMAND
from tests.pipeline import Pipeline, eventually, free_port_base, pipeline

LANE = 64  # commands that find room in a lane: small, so that it can be filled
SILENT_S = 1.0  # a guarded client is heard four times in that
PATIENCE_S = 30.0
_account = count(100)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    config = f"[ring]\nlane_capacity = {LANE}\n[entry]\nkeys = true\nsilent_ms = {round(SILENT_S * 1000)}\n"
    with pipeline(tmp_path_factory.mktemp("async"), config=config) as made:
        made.start(["journal", "engine", "entry"])
        yield made


def run(work: Coroutine[None, None, None]) -> None:
    """Within the patience of a test."""

    async def patient() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await work

    asyncio.run(patient())


def host(running: Pipeline) -> AsyncEntryClient:
    """A client that may everything."""
    return AsyncEntryClient(running.endpoint, credentials=Credentials(local=read_local_secret(running.data)))


def trader(running: Pipeline, account: int, guard: int | None = None) -> tuple[AsyncEntryClient, str]:
    """A client with a new key of this account, and the key."""
    key, secret = create_key(running.data, account, ["trade"])
    return AsyncEntryClient(running.endpoint, guard=guard, credentials=Credentials(key.key, secret)), key.key


def deposit(account: int, asset: int, amount: int) -> np.ndarray:
    command = np.zeros(1, COMMAND)
    command["op"], command["account"], command["client_id"], command["symbol"] = Op.DEPOSIT, account, 1, asset
    command["qty_lots"], command["orig_client_id"] = amount, NO_ID
    return command


async def funded(running: Pipeline) -> int:
    """A new account with USDT and BTC."""
    account = next(_account)
    async with host(running) as client:
        usdt, btc = deposit(account, 0, 10**12), deposit(account, 1, 10**12)
        btc["client_id"] = 2
        events = await client.ask(np.concatenate([usdt, btc]))
        assert (events["type"] == EventType.DEPOSITED).all() and len(events) == 2
    return account


def test_each_ask_gets_its_own_answers_and_fills_come_beside(running: Pipeline) -> None:
    async def work() -> None:
        makers, takers = await funded(running), await funded(running)
        (maker, _), (taker, _) = trader(running, makers), trader(running, takers)
        async with maker, taker:
            asked = [maker.ask(place(makers, n, 0, Side.SELL, 1, price_ticks=5_000)) for n in range(3, 13)]
            answers = await asyncio.gather(*asked)
            assert [each["client_id"].tolist() for each in answers] == [[n] for n in range(3, 13)]
            bought = await taker.ask(place(takers, 3, 0, Side.BUY, 4, price_ticks=5_000))
            assert bought["type"].tolist() == [EventType.ACCEPTED, *[EventType.TRADE] * 4]
            fills = [await maker.others.get() for _ in range(4)]
            assert [int(fill["maker_order_id"][0]) for fill in fills] == [int(a["order_id"][0]) for a in answers[:4]]
            ended = await maker.ask(mass_cancel(makers, 13))
            assert len(ended) == 7 and ended["type"][-1] == EventType.MASS_CANCELLED
            assert maker.others.empty() and taker.others.empty()

    run(work())


def test_what_entry_refuses_overtakes_and_everything_else_is_still_answered(running: Pipeline) -> None:
    async def work() -> None:
        account = await funded(running)
        client, _ = trader(running, account)
        async with client:
            mine = place(account, 3, 0, Side.BUY, 1, price_ticks=100)
            others = place(account + 5_000, 4, 0, Side.BUY, 1, price_ticks=100)
            both, ended = await asyncio.gather(
                client.ask(np.concatenate([mine, others])), client.ask(cancel(account, 5, orig_client_id=3))
            )
            assert sorted(both["reason"].tolist()) == [Reason.NONE, Reason.NOT_PERMITTED]
            assert ended["type"].tolist() == [EventType.CANCELLED]

    run(work())


def test_overloaded_is_an_answer_and_asking_again_is_taken(running: Pipeline) -> None:
    async def work() -> None:
        account = await funded(running)
        client, _ = trader(running, account)
        async with client:
            flood = np.concatenate([place(account, n, 0, Side.BUY, 1, price_ticks=100) for n in range(3, 203)])
            running.released()
            with running.stopped("engine"):
                asked = asyncio.create_task(client.ask(flood))
                await asyncio.sleep(0)  # it has begun
                await client.ping()
            answers = await asked
            refused = answers[answers["seq"] == 0]
            assert len(answers) == 200 and len(refused) == 200 - LANE
            assert (refused["reason"] == Reason.OVERLOADED).all()
            again = flood[np.isin(flood["client_id"], refused["client_id"])][:LANE]
            assert ((await client.ask(again))["type"] == EventType.ACCEPTED).all()
            await client.ask(mass_cancel(account, 300))

    run(work())


def test_a_guard_is_kept_alive_by_itself(running: Pipeline) -> None:
    async def work() -> None:
        account = await funded(running)
        client, _ = trader(running, account, guard=account)
        pings = 0

        async def counted() -> asyncio.Future[None]:
            nonlocal pings
            pings += 1
            return await AsyncEntryClient._send_ping(client)

        client._send_ping = counted  # type: ignore[method-assign]
        async with client:
            await client.ask(place(account, 3, 0, Side.BUY, 1, price_ticks=100))
            while pings < 6:  # longer than a guard may be silent
                await asyncio.sleep(0.01)
            assert client.others.empty() and not client.notices

    run(work())


def test_who_is_not_let_in_and_whose_key_is_revoked_is_told(running: Pipeline) -> None:
    async def work() -> None:
        with pytest.raises(EntryRefused, match="expected both"):
            async with AsyncEntryClient(running.endpoint):
                pass
        account = await funded(running)
        client, key = trader(running, account)
        async with client:
            await client.ask(place(account, 3, 0, Side.BUY, 1, price_ticks=100))
            revoke_key(running.data, key)
            with pytest.raises(EntryRefused, match="key: revoked"):
                for client_id in count(4):
                    await client.ask(place(account, client_id, 0, Side.BUY, 1, price_ticks=100))

    run(work())


def test_nobody_there_is_no_answer() -> None:
    async def work() -> None:
        with pytest.raises(NoAnswer, match="no answer to hello"):
            async with AsyncEntryClient(f"tcp://127.0.0.1:{free_port_base()}", 0.05):
                pass

    run(work())


def test_a_restart_of_entry_ends_what_is_under_way(running: Pipeline) -> None:
    async def work() -> None:
        before = running.restarts("entry")
        async with host(running) as client:
            os.kill(running.pid("entry"), signal.SIGKILL)
            with pytest.raises((NoAnswer, EntryRefused)):
                while True:
                    await client.ask(deposit(next(_account), 0, 1))
        await asyncio.to_thread(eventually, lambda: running.restarts("entry") == before + 1, "entry works again")

    run(work())


def test_what_is_no_command_is_refused_before_it_is_sent(running: Pipeline) -> None:
    async def work() -> None:
        async with host(running) as client:
            with pytest.raises(ValueError, match="one at least"):
                await client.ask(np.zeros(0, COMMAND))

    run(work())
