"""The Python client over ZeroMQ against a real engine."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from client.python.entry_client import EntryClient, NoAnswer, count_answers
from ringbuf.codes import FLAG_LAST, NO_ACCOUNT, NO_ID, EventType, Op
from ringbuf.records import COMMAND, EVENT
from tests.pipeline import Pipeline, eventually, free_port_base, pipeline


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("client")) as made:
        made.start(["journal", "engine", "entry"])
        yield made


@pytest.fixture
def client(running: Pipeline) -> Iterator[EntryClient]:
    made = EntryClient(running.endpoint)
    yield made
    made.close()


def times(count: int) -> np.ndarray:
    commands = np.zeros(count, COMMAND)
    commands["op"], commands["client_id"], commands["account"] = Op.TIME, NO_ID, NO_ACCOUNT
    return commands


def receive_all(client: EntryClient, answers: int) -> np.ndarray:
    """Events until so many commands are answered."""
    parts: list[np.ndarray] = []

    def is_done() -> bool:
        parts.append(client.receive(1_000))
        return sum(client.own_answers(part) for part in parts) >= answers

    eventually(is_done, f"{answers} answers")
    return np.concatenate(parts)


def test_every_command_of_a_message_is_answered_once_and_in_order(client: EntryClient) -> None:
    commands = times(500)
    commands["ts_ns"] = np.arange(1, 501)
    assert client.send(commands) == 500
    events = receive_all(client, 500)
    assert len(events) == 500 and (np.diff(events["seq"]) > 0).all()
    assert (events["session"] == client.session).all()
    assert (commands["session"] == 0).all()  # the caller's own array stays as it is


def test_two_clients_have_sessions_of_their_own(running: Pipeline, client: EntryClient) -> None:
    other = EntryClient(running.endpoint)
    try:
        assert other.session != client.session
        client.send(times(3))
        other.send(times(5))
        assert len(receive_all(other, 5)) == 5
        assert len(receive_all(client, 3)) == 3
    finally:
        other.close()


def test_nobody_there_is_no_answer_and_says_who_was_asked() -> None:
    endpoint = f"tcp://127.0.0.1:{free_port_base()}"
    with pytest.raises(NoAnswer, match=endpoint):
        EntryClient(endpoint, 0.05)


def test_records_of_another_size_are_refused(client: EntryClient) -> None:
    with pytest.raises(ValueError, match="128 bytes"):
        client.send(np.zeros(3, np.int64))


def test_nothing_to_send_sends_nothing(client: EntryClient) -> None:
    assert client.send(times(0)) == 0
    assert len(client.receive(1)) == 0


def test_after_a_restart_of_entry_commands_of_the_old_session_are_not_taken(
    running: Pipeline, client: EntryClient
) -> None:
    before = running.restarts("entry")
    os.kill(running.pid("entry"), signal.SIGKILL)
    eventually(lambda: running.restarts("entry") == before + 1, "entry works again")
    found: list[int] = []

    def is_told() -> bool:
        client.send(times(4))
        events = client.receive(100)
        assert not (events["type"] == EventType.TIME).any()
        answered = client.answered_session()
        found.extend([] if answered is None else [answered])
        return bool(found)

    eventually(is_told, "told of the new session")
    assert found[-1] != client.session


def test_overloaded_is_no_end_of_a_command() -> None:
    events = np.zeros(3, EVENT)
    events["session"], events["flags"], events["seq"] = 7, FLAG_LAST, (5, 0, 6)
    assert count_answers(events, 7) == 2
    assert count_answers(events, 8) == 0


def test_a_full_queue_to_an_entry_that_stands_still_takes_nothing_and_does_not_wait(running: Pipeline) -> None:
    client = EntryClient(running.endpoint)
    try:
        with running.stopped("entry"):
            one, sent = times(1), 0
            while client.send(one):
                sent += 1
                assert sent < 1_000_000, "the queue takes ever more"
    finally:
        client.close()
