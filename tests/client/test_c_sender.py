"""The C order sender: its lane is its own as the rest of the pipeline understands it, and its orders are answered."""

import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from client.python.commands import mass_cancel, place
from client.python.lane_client import LaneClient
from ringbuf.codes import FLAG_LAST, NO_ID, EventType, Op, Reason, Side
from ringbuf.lanes import Lanes, Producer
from ringbuf.layout import LANE_LINES_AT, LANE_PRODUCED_AT, LANE_SIZE
from ringbuf.records import COMMAND
from ringbuf.ring_kernels import read_i64
from ringbuf.shm import SegmentBusy, SegmentError
from tests.client.subscribers import c_program
from tests.pipeline import Pipeline, eventually, pipeline

PRICE, LOTS = 5_000, 10
BUY, SELL = "0", "1"
_account = count(100)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("sender")) as made:
        made.start(["journal", "engine"])
        yield made


@pytest.fixture
def client(running: Pipeline) -> Iterator[LaneClient]:
    made = LaneClient(running.name, "python")
    yield made
    made.close()


def command(running: Pipeline, lane: str, *terms: object) -> list[str]:
    return [str(c_program("sender")), running.name, lane, *map(str, terms)]


def sent(running: Pipeline, lane: str, *terms: object) -> list[dict[str, int]]:
    """The answers that the sender prints."""
    done = subprocess.run(command(running, lane, *terms), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [
        {key: int(value) for key, _, value in (word.partition("=") for word in line.split())}
        for line in done.stdout.splitlines()
    ]


def answered(client: LaneClient, commands: np.ndarray) -> np.ndarray:
    """The events that answer these commands."""
    assert client.send(commands) == len(commands)
    parts: list[np.ndarray] = []

    def is_done() -> bool:
        parts.append(client.receive(500))
        return sum(client.own_answers(part) for part in parts) >= len(commands)

    eventually(is_done, "answers")
    return np.concatenate(parts)


def funded(client: LaneClient) -> int:
    """A new account with USDT and BTC."""
    account = next(_account)
    deposits = np.zeros(2, COMMAND)
    deposits["op"], deposits["account"], deposits["orig_client_id"] = Op.DEPOSIT, account, NO_ID
    deposits["client_id"], deposits["symbol"], deposits["qty_lots"] = (1, 2), (0, 1), 10**12
    assert (answered(client, deposits)["type"] == EventType.DEPOSITED).all()
    return account


def test_its_order_trades_and_it_prints_every_event_of_the_command(running: Pipeline, client: LaneClient) -> None:
    maker, taker = funded(client), funded(client)
    (rested,) = answered(client, place(maker, 3, 0, Side.SELL, LOTS, price_ticks=PRICE))
    accepted, trade = sent(running, "c", taker, 3, 0, BUY, PRICE, LOTS)
    assert (accepted["type"], trade["type"]) == (EventType.ACCEPTED, EventType.TRADE)
    assert accepted["order_id"] == trade["order_id"] == accepted["seq"] > int(rested["seq"])
    (refused,) = sent(running, "c", taker, 3, 0, BUY, PRICE, LOTS)
    assert (refused["type"], refused["reason"]) == (EventType.REJECTED, Reason.DUPLICATE_CLIENT_ID)


def test_its_lane_is_owned_while_it_lives_and_taken_over_afterwards(running: Pipeline, client: LaneClient) -> None:
    account = funded(client)
    lanes = Lanes.attach(f"/{running.name}.lanes")
    try:
        with running.stopped("engine"):
            waiting = subprocess.Popen(command(running, "killed", account, 3, 0, SELL, PRICE, LOTS))
            eventually(lambda: lanes.owner("killed") == waiting.pid, "the lane is the C program's")
            with pytest.raises(SegmentBusy, match=f"in use by live process {waiting.pid}"):
                lanes.producer("killed")
            second = subprocess.run(
                command(running, "killed", account, 4, 0, SELL, PRICE, LOTS),
                capture_output=True,
                text=True,
                check=False,
            )
            assert (second.returncode, second.stderr) == (1, "lane killed: in use\n")
            lane = lanes.names().index("killed")
            produced_at = lanes.address + LANE_LINES_AT + lane * LANE_SIZE + LANE_PRODUCED_AT
            eventually(lambda: read_i64(produced_at) == 1, "its order is in the lane")
            waiting.kill()
            waiting.wait()
        (answer,) = sent(running, "killed", account, 4, 0, SELL, PRICE + 1, LOTS)
        assert answer["type"] == EventType.ACCEPTED
        assert lanes.owner("killed") == 0
        ended = answered(client, mass_cancel(account, 5))
        assert ended["client_id"].tolist() == [3, 4, 5], "what the killed one had sent was taken"
        assert ended["flags"][-1] & FLAG_LAST
    finally:
        lanes.close()


def test_where_every_lane_is_taken_it_says_so(running: Pipeline, client: LaneClient) -> None:
    lanes = Lanes.attach(f"/{running.name}.lanes")
    taken: list[Producer] = []
    try:
        with pytest.raises(SegmentError, match="expected a free one"):
            while True:
                taken.append(lanes.producer(f"taken-{len(taken)}"))
        refused = subprocess.run(
            command(running, "late", 1, 1, 0, SELL, PRICE, LOTS), capture_output=True, text=True, check=False
        )
        assert (refused.returncode, refused.stderr) == (1, "lane late: all are taken\n")
        taken.pop().close()
        (answer,) = sent(running, "late", 1, 1, 0, SELL, PRICE, LOTS)
        assert answer["reason"] == Reason.UNKNOWN_ACCOUNT
    finally:
        for producer in taken:
            producer.close()
        lanes.close()


@pytest.mark.parametrize("name", ["", "n" * 65])
def test_a_lane_name_that_is_none_is_refused(running: Pipeline, name: str) -> None:
    assert subprocess.run(command(running, name, 1, 1, 0, SELL, 1, 1), capture_output=True, check=False).returncode == 1


def test_no_pipeline_is_said(tmp_path: Path) -> None:
    nothing = subprocess.run(
        [c_program("sender"), "nothing-here", "c", "1", "1", "0", "0", "1", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (nothing.returncode, nothing.stderr) == (2, "/nothing-here.events can't be used\n")
