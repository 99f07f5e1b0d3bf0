"""Two gateways on one port: any of them takes any request, a name is one order, and one may die."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from consumers.gateway.claims import Claims
from tests.consumers.gateway.asking import Answer, Client, gateway_port
from tests.consumers.gateway.keys import OTHER, OWNER, client_of, fund
from tests.consumers.gateway.sockets import run, talk
from tests.pipeline import Pipeline, eventually, pipeline

GATEWAYS = ("gateway", "gateway-2")
CONFIG = "[gateway]\nprocesses = 2\nweight_per_minute = 1000000\norders_per_10s = 100000\nconnections_per_5m = 100000\n"
TERMS = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "100"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("several"), config=CONFIG, web=True) as made:
        made.up()
        fund(made, OWNER, OTHER)
        yield made


@pytest.fixture(scope="module")
def owner(running: Pipeline) -> Client:
    client = client_of(running, OWNER)
    for _ in range(20):  # each is asked by several of these, and knows the key
        eventually(lambda: client.signed("GET", "/api/v3/openOrders").status == 200, "the key is known")
    return client


def place(client: Client, name: str) -> Answer:
    return client.signed("POST", "/api/v3/order", **TERMS, newClientOrderId=name)


def opened(client: Client) -> list[str]:
    """Names of its open orders, as whichever gateway is asked says."""
    found = client.signed("GET", "/api/v3/openOrders")
    assert found.status == 200, found
    return sorted(order["clientOrderId"] for order in found.body)


def test_connections_come_to_each_of_them(running: Pipeline) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            done = asyncio.Event()

            async def hold() -> None:
                async with talk(gateway_port(running), "/ws/btcusdt@trade"):
                    await done.wait()

            for _ in range(40):
                group.create_task(hold())
            counts: list[int] = []
            while sum(counts) != 40:
                consumers = (await asyncio.to_thread(running.look))["consumers"]
                counts = [consumers[name].get("websockets", 0) for name in GATEWAYS]
                await asyncio.sleep(0.05)
            assert min(counts) > 0, counts
            done.set()

    run(main())


def test_a_name_is_one_order_however_many_ask_for_it_at_once(running: Pipeline, owner: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(30):
            answers = list(pool.map(lambda _, name=f"once-{number}": place(owner, name), range(4)))
            assert sorted(answer.status for answer in answers) == [200, 400, 400, 400], answers
            assert {answer.code for answer in answers if answer.status == 400} == {-2010}
            assert opened(owner) == sorted(f"once-{before}" for before in range(number + 1)), (
                "whoever is asked knows it"
            )
    running.settled()
    assert len(running.report("query", "orders", str(OWNER))["orders"]) == 30
    assert owner.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").status == 200


def test_a_listen_key_of_one_is_heard_with_at_any(running: Pipeline, owner: Client) -> None:
    token = owner.ask("POST", "/api/v3/userDataStream").body["listenKey"]

    async def main() -> None:
        for number in range(6):
            async with talk(gateway_port(running), f"/ws/{token}") as one:
                answer = await asyncio.to_thread(place, owner, f"heard-{number}")
                assert answer.status == 200, answer
                name = f"heard-{number}"
                await one.until(lambda name=name: [m for m in one.messages if m.get("c") == name], name)  # type: ignore[misc]

    run(main())
    assert owner.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").status == 200
    assert opened(owner) == []


def test_while_one_is_killed_again_and_again_each_name_stays_one_order(running: Pipeline, owner: Client) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    for number in range(8):
        victim = draw.choice(GATEWAYS)
        before = running.restarts(victim)
        os.kill(running.pid(victim), signal.SIGKILL)
        name = f"killed-{number}"
        eventually(lambda name=name: taken(owner, name), f"{name} is placed by one that lives")
        eventually(lambda victim=victim, before=before: running.restarts(victim) == before + 1, "it is back")
    expected = sorted(f"killed-{number}" for number in range(8))
    for _ in range(8):  # some by each
        assert opened(owner) == expected
    running.settled()
    found = running.report("reconcile")
    assert found["ok"], found["checks"]


def taken(owner: Client, name: str) -> bool:
    """Whether the order stands, as a client that asks again finds out."""
    try:
        answer = place(owner, name)
    except OSError:  # it was with the one that was killed
        return False
    return answer.status == 200 or answer.code == -2010


def test_a_claim_is_held_against_others_and_let_go_with_its_process(tmp_path: Path) -> None:
    mine = Claims(tmp_path)
    assert mine.take(7, ["a", "b"]) and not mine.take(7, ["b", "c"]) and not mine.take(7, ["d", "d"])
    read, write = os.pipe()
    child = os.fork()
    if not child:  # another process, that ends without giving anything back
        other = Claims(tmp_path)
        said: list[Any] = [other.take(7, ["a"]), other.take(8, ["a"]), other.take(7, ["c", "b"]), other.take(7, ["c"])]
        os.write(write, repr(said).encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(read, 100) == b"[False, True, False, True]"
    assert mine.take(8, ["a"]) and mine.take(7, ["c"])
    mine.give_back(7, ["a", "b"])
    assert mine.take(7, ["b", "a"])
    mine.close()
    for end in (read, write):
        os.close(end)
