"""The Python client through shared memory against a real engine."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from client.python.lane_client import LaneClient
from consumers.journal.reader import JournalReader
from ringbuf.codes import NO_ACCOUNT, NO_ID, Op
from ringbuf.reader import Lapped
from ringbuf.records import COMMAND
from ringbuf.shm import SegmentBusy, SegmentMissing
from tests.pipeline import Pipeline, eventually, pipeline

CAPACITY = 2048  # of the ring: small, so that a client that reads nothing is overtaken
LANE = 256
CONFIG = f"[ring]\ncapacity = {CAPACITY}\nlane_capacity = {LANE}\n[engine]\nmax_events = 512\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("lane"), config=CONFIG) as made:
        made.start(["journal", "engine"])
        yield made


@pytest.fixture
def client(running: Pipeline) -> Iterator[LaneClient]:
    made = LaneClient(running.name, "mine")
    yield made
    made.close()


def times(count: int) -> np.ndarray:
    commands = np.zeros(count, COMMAND)
    commands["op"], commands["client_id"], commands["account"] = Op.TIME, NO_ID, NO_ACCOUNT
    return commands


def send_all(client: LaneClient, commands: np.ndarray) -> None:
    sent = 0
    while sent < len(commands):
        sent += client.send(commands[sent:])


def receive_all(client: LaneClient, answers: int) -> np.ndarray:
    """Events until so many commands are answered."""
    parts: list[np.ndarray] = []

    def is_done() -> bool:
        parts.append(client.receive(500))
        return sum(client.own_answers(part) for part in parts) >= answers

    eventually(is_done, f"{answers} answers")
    return np.concatenate(parts)


def test_commands_are_answered_in_order_once_durable(running: Pipeline, client: LaneClient) -> None:
    assert client.send(times(200)) == 200
    events = receive_all(client, 200)
    assert len(events) == 200 and (np.diff(events["seq"]) > 0).all()
    with JournalReader(running.data) as journal:
        assert journal.last >= int(events["seq"][-1])


def test_a_full_lane_takes_what_fits(running: Pipeline, client: LaneClient) -> None:
    running.released()
    with running.stopped("engine"):
        assert client.send(times(LANE + 50)) == LANE
        assert client.send(times(1)) == 0
    assert len(receive_all(client, LANE)) == LANE


def test_a_lane_has_one_owner(running: Pipeline, client: LaneClient) -> None:
    with pytest.raises(SegmentBusy, match="mine"):
        LaneClient(running.name, "mine")


def test_the_next_owner_of_a_lane_hears_only_its_own_answers(running: Pipeline) -> None:
    first = LaneClient(running.name, "handed-on")
    first.send(times(100))
    first.close()
    second = LaneClient(running.name, "handed-on")
    try:
        second.send(times(3))
        events = receive_all(second, 3)
        assert len(events) == 3 and (events["session"] == second.session).all()
    finally:
        second.close()


def test_an_overtaken_client_reads_on_in_the_journal(running: Pipeline) -> None:
    with JournalReader(running.data) as journal:
        client = LaneClient(running.name, "slow", journal.read)
        try:
            send_all(client, times(3 * CAPACITY))
            events = receive_all(client, 3 * CAPACITY)
        finally:
            client.close()
    assert len(events) == 3 * CAPACITY and (np.diff(events["seq"]) > 0).all()


def test_without_a_journal_an_overtaken_client_is_told_so(running: Pipeline, client: LaneClient) -> None:
    send_all(client, times(3 * CAPACITY))
    with pytest.raises(Lapped):
        receive_all(client, 3 * CAPACITY)


def test_commands_that_a_killed_engine_left_are_answered_once_by_the_next(
    running: Pipeline, client: LaneClient
) -> None:
    client.receive(0)
    before = running.restarts("engine")
    send_all(client, times(100))
    os.kill(running.pid("engine"), signal.SIGKILL)
    send_all(client, times(100))
    events = receive_all(client, 200)
    assert len(events) == 200
    eventually(lambda: running.restarts("engine") == before + 1, "the engine works again")
    client.send(times(1))
    assert len(receive_all(client, 1)) == 1


def test_no_pipeline_of_that_name_is_an_error_that_names_it() -> None:
    with pytest.raises(SegmentMissing, match="nobody-here"):
        LaneClient("nobody-here", "mine")
