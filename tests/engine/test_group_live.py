"""Groups through a lane of the running engine: whole ones, broken ones, and a producer or an engine that dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from client.python.commands import group, place
from client.python.lane_client import LaneClient
from consumers.journal.reader import JournalReader
from ringbuf.codes import CMD_GROUP, FLAG_LAST, GROUP_MAX, EventType, Op, Reason, Side
from ringbuf.records import COMMAND, EVENT
from tests.pipeline import ROOT, Pipeline, eventually, pipeline

LANE = 512
CONFIG = f"[ring]\nlane_capacity = {LANE}\n"
GROUP = np.uint8(CMD_GROUP)
ACCOUNT = 5
DYING = """
import os, signal, sys
import numpy as np
from client.python.lane_client import LaneClient
from ringbuf.records import COMMAND
client = LaneClient(sys.argv[1], "dying")
commands = np.frombuffer(sys.stdin.buffer.read(), COMMAND).copy()
assert client.send(commands) == len(commands)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("groups"), config=CONFIG) as made:
        made.start(["journal", "engine"])
        client = LaneClient(made.name, "mine")
        assert client.send(deposit()) == 1
        assert answers(client, 1)["type"].tolist() == [EventType.DEPOSITED]
        client.close()
        yield made


@pytest.fixture
def client(running: Pipeline) -> Iterator[LaneClient]:
    made = LaneClient(running.name, "mine")
    yield made
    made.close()


_ids = iter(range(10, 1 << 30))


def deposit() -> np.ndarray:
    command = np.zeros(1, COMMAND)
    command["op"], command["account"], command["client_id"], command["qty_lots"] = Op.DEPOSIT, ACCOUNT, 1, 10**15
    return command


def buys(number: int) -> np.ndarray:
    """Orders that rest, each with a new client id."""
    return np.concatenate([place(ACCOUNT, next(_ids), 0, Side.BUY, 1, price_ticks=100) for _ in range(number)])


def opened(number: int) -> np.ndarray:
    """Orders that all say that their group goes on."""
    commands = buys(number)
    commands["flags"] |= GROUP
    return commands


def answers(client: LaneClient, number: int) -> np.ndarray:
    """Events until so many commands of this session are answered, and no more of them."""
    parts = [np.empty(0, EVENT)]

    def is_done() -> bool:
        parts.append(client.receive(500))
        return sum(client.own_answers(part) for part in parts) >= number

    eventually(is_done, f"{number} answers")
    events = np.concatenate(parts)
    assert np.count_nonzero(events["flags"] & FLAG_LAST) == number
    return events


def test_whole_groups_enter_whatever_stands_around_them(client: LaneClient) -> None:
    commands = np.concatenate([group(*[buys(1) for _ in range(size)]) for size in (1, 2, GROUP_MAX, 3, GROUP_MAX)])
    assert client.send(commands) == len(commands)
    events = answers(client, len(commands))
    assert (events["type"] == EventType.ACCEPTED).all()
    assert events["client_id"].tolist() == commands["client_id"].tolist()


@pytest.mark.parametrize("number", [1, GROUP_MAX, GROUP_MAX + 1, 64, 65, 81, 200])
def test_a_group_without_its_end_is_answered_and_the_lane_goes_on(client: LaneClient, number: int) -> None:
    commands = opened(number)
    assert client.send(commands) == number
    assert (answers(client, number)["reason"] == Reason.MALFORMED).all()
    after = buys(2)
    assert client.send(after) == 2
    assert (answers(client, 2)["type"] == EventType.ACCEPTED).all()


def test_a_group_that_is_too_long_is_malformed_to_its_end_across_turns_of_the_lane(
    running: Pipeline, client: LaneClient
) -> None:
    singles, long, last = buys(50), opened(300), buys(1)
    long["flags"][-1] = 0
    commands = np.concatenate([singles, long, last])
    with running.stopped("engine"):
        assert client.send(commands) == len(commands)
    events = answers(client, len(commands))
    assert (events["type"][:50] == EventType.ACCEPTED).all() and events["type"][-1] == EventType.ACCEPTED
    assert (events["reason"][50:-1] == Reason.MALFORMED).all()


def test_a_group_across_the_end_of_the_lanes_memory_is_whole(client: LaneClient) -> None:
    for _ in range(LANE // 15 + 1):  # groups of 15 do not divide the lane
        commands = group(*[buys(1) for _ in range(15)])
        assert client.send(commands) == len(commands)
        assert (answers(client, len(commands))["type"] == EventType.ACCEPTED).all()


def test_a_producer_that_dies_inside_a_group_leaves_a_lane_that_goes_on(running: Pipeline) -> None:
    whole = group(*[buys(1) for _ in range(5)])
    dying = subprocess.run(
        [sys.executable, "-c", DYING, running.name], input=whole[:3].tobytes(), cwd=ROOT, check=False, timeout=120
    )
    assert dying.returncode == -signal.SIGKILL
    heir = LaneClient(running.name, "dying")
    try:
        assert heir.send(whole[3:]) == 2
        assert (answers(heir, 2)["type"] == EventType.ACCEPTED).all()  # by themselves: a group of two
    finally:
        heir.close()
    events = history(running)
    of_dead = events[np.isin(events["client_id"], whole["client_id"][:3])]
    assert (of_dead["reason"] == Reason.MALFORMED).all() and len(of_dead) == 3


def history(running: Pipeline) -> np.ndarray:
    with JournalReader(running.data) as journal:
        found: np.ndarray = journal.read(1, journal.last)
    return found


def test_an_engine_that_is_killed_leaves_no_part_of_a_group(running: Pipeline, client: LaneClient) -> None:
    groups = [group(*[buys(1) for _ in range(GROUP_MAX)]) for _ in range(400)]
    for number, commands in enumerate(groups):
        if number % 2:
            commands["price_ticks"][7] = 2**60  # none of these enters
        if number in (150, 300):
            before = running.restarts("engine")
            os.kill(running.pid("engine"), signal.SIGKILL)
            eventually(lambda before=before: running.restarts("engine") > before, "the engine is back")  # type: ignore[misc]
        eventually(lambda commands=commands: client.send(commands) == GROUP_MAX, "room")  # type: ignore[misc]
    answers(client, len(groups) * GROUP_MAX)
    events = history(running)
    first = int(np.flatnonzero(events["client_id"] == groups[0]["client_id"][0])[0])
    told = events[first : first + len(groups) * GROUP_MAX].reshape(-1, GROUP_MAX)
    assert (told["client_id"] == np.stack([commands["client_id"] for commands in groups])).all()
    assert (told["type"][::2] == EventType.ACCEPTED).all() and (told["type"][1::2] == EventType.REJECTED).all()
