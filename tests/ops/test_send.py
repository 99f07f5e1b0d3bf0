"""`send` as a user types it, with real processes."""

import json
from collections.abc import Iterator

import pytest

from tests.pipeline import Pipeline, pipeline

DEPOSIT = '{"op":"deposit","account":1,"asset":"USDT","amount":"1000","client_id":%d}'
BUY = (
    '{"op":"place","account":1,"client_id":%d,"symbol":"BTC-USDT","side":"buy","type":"limit","price":"%s","qty":"0.1"}'
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("send")) as made:
        made.start(["journal", "engine", "entry"])
        yield made


def test_events_are_printed_one_a_line_in_the_order_of_the_commands(running: Pipeline) -> None:
    done = running.verb("send", DEPOSIT % 1, BUY % (2, "100"), '{"op":"mass_cancel","account":1,"client_id":3}')
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["type"] for event in events] == ["deposited", "accepted", "cancelled", "mass_cancelled"]
    assert events[2]["request_id"] == 3


def test_json_is_one_object(running: Pipeline) -> None:
    (event,) = running.report("send", DEPOSIT % 11)["events"]
    assert (event["type"], event["client_id"]) == ("deposited", 11)
    (event,) = running.report("send", DEPOSIT % 11)["events"]
    assert (event["type"], event["reason"]) == ("rejected", "duplicate_client_id")


def test_what_is_malformed_is_answered_and_named(running: Pipeline) -> None:
    done = running.verb("send", "nonsense", BUY.replace("buy", "up") % (20, "1"), DEPOSIT % 21)
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event.get("reason") for event in events] == ["malformed", "malformed", None]
    assert "side: expected one of buy, sell" in done.stderr


def test_a_listing_is_known_to_the_next_command(running: Pipeline) -> None:
    listed, deposited = running.report(
        "send",
        '{"op":"list_asset","name":"SOL","decimals":9}',
        '{"op":"deposit","account":1,"asset":"SOL","amount":"1.5","client_id":31}',
    )["events"]
    assert (listed["type"], listed["name"]) == ("listed", "SOL")
    assert (deposited["type"], deposited["amount"]) == ("deposited", "1.500000000")


def test_no_pipeline_is_wrong_usage(running: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> None:
    done = Pipeline(tmp_path_factory.mktemp("none")).verb("send", DEPOSIT % 1)
    assert done.returncode == 2
    assert "--data" in done.stderr


@pytest.mark.parametrize("command", ["entry", "engine"])
def test_a_process_that_stands_still_is_no_answer_and_exit_code_1(running: Pipeline, command: str) -> None:
    with running.stopped(command):
        done = running.verb("send", "--timeout", "0.3", '{"op":"time","ts_ns":1}')
    assert done.returncode == 1
    assert "no answer" in done.stderr
