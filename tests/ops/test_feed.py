"""`feed` as a user types it, with real processes."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ringbuf.codes import FLAG_LAST, EventType, Reason
from tests.e2e.flow import commands, differs_from_match, history, write_lines
from tests.pipeline import Pipeline, eventually, pipeline

LISTINGS = 5  # events of the default instruments


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(tmp_path) as made:
        made.start(["journal", "engine", "entry"])
        yield made


@pytest.fixture(params=["zmq", "shm"])
def via(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def flow(tmp_path: Path, count: int) -> Path:
    return write_lines(tmp_path / "commands.jsonl", commands(count, seed=count))


def summary(feed: Any) -> dict[str, Any]:
    said, complaints = feed.communicate(timeout=120)
    assert feed.returncode == 0, complaints
    found: dict[str, Any] = json.loads(said)
    return found


def test_every_command_is_answered_once(running: Pipeline, tmp_path: Path, via: str) -> None:
    path = flow(tmp_path, 5_000)
    total = path.read_bytes().count(b"\n")
    found = running.report("feed", str(path), "--via", via)
    assert (found["commands"], found["answered"], found["sent"], found["resumed"]) == (total, total, total, 0)
    assert found["trades"] > 500 and found["via"] == via
    assert differs_from_match(running.data, path, tmp_path / "match") == ""


def test_a_second_feed_of_the_same_file_changes_nothing(running: Pipeline, tmp_path: Path, via: str) -> None:
    path = flow(tmp_path, 500)
    first = running.report("feed", str(path), "--via", via)
    second = running.report("feed", str(path), "--via", via)
    assert second["rejected"] == second["answered"] == first["answered"]
    assert differs_from_match(running.data, path, tmp_path / "match") == ""


def test_listings_busts_blank_and_malformed_lines_go_their_way(running: Pipeline, tmp_path: Path, via: str) -> None:
    lines: list[dict[str, Any]] = [
        {"op": "list_asset", "name": "SOL", "decimals": 9},
        {"op": "deposit", "account": 1, "client_id": 1, "asset": "SOL", "amount": "5"},
        {"op": "deposit", "account": 2, "client_id": 1, "asset": "USDT", "amount": "500"},
        {
            "op": "list_instrument", "symbol": "SOL-USDT", "base": "SOL", "quote": "USDT", "tick_size": "0.001",
            "lot_size": "0.01", "price_min": "0.001", "price_max": "10000", "maker_fee_ppm": 0, "taker_fee_ppm": 77,
        },
        {"op": "place", "account": 1, "client_id": 2, "symbol": "SOL-USDT", "side": "sell", "type": "limit",
         "price": "20", "qty": "1"},
        {"op": "place", "account": 2, "client_id": 2, "symbol": "SOL-USDT", "side": "buy", "type": "market",
         "qty": "1"},
        {"op": "bust", "trade_seq": 12},
        {"op": "dance"},
        {"op": "time", "ts_ns": 1},
    ]  # fmt: skip
    path = write_lines(tmp_path / "commands.jsonl", ({**line, "ts_ns": 1} for line in lines))
    path.write_bytes(path.read_bytes() + b"\n\n{ nonsense\n")
    found = running.report("feed", str(path), "--via", via)
    assert (found["answered"], found["rejected"], found["trades"]) == (10, 2, 1)
    events, _ = history(running.data)
    assert np.count_nonzero(events["type"] == EventType.BUSTED) == 1


def test_groups_go_whole_through_a_lane_that_is_often_full(tmp_path: Path, via: str) -> None:
    lines: list[dict[str, Any]] = [
        {"op": "deposit", "account": 1, "client_id": 1, "asset": "USDT", "amount": "1000000", "ts_ns": 1},
    ]
    order: dict[str, Any] = {
        "op": "place",
        "symbol": "BTC-USDT",
        "side": "buy",
        "type": "limit",
        "price": "10",
        "qty": "0.01",
    }
    sizes = [1, 3, 16, 2, 5]
    client_id = 2
    for size in sizes * 12:
        members = [order | {"client_id": client_id + at} for at in range(size)]
        client_id += size
        lines.append({"op": "group", "account": 1, "commands": members, "ts_ns": 1})
        lines.append({**order, "account": 1, "client_id": client_id, "ts_ns": 1})
        client_id += 1
    path = write_lines(tmp_path / "commands.jsonl", iter(lines))
    with pipeline(tmp_path, config="[ring]\nlane_capacity = 64\n") as running:
        running.start(["journal", "engine", "entry"])
        found = running.report("feed", str(path), "--via", via)
        assert found["answered"] == client_id - 1 and found["resumed"] == 0
        assert differs_from_match(running.data, path, tmp_path / "match") == ""


def test_a_rate_is_kept_to(running: Pipeline, tmp_path: Path) -> None:
    path = flow(tmp_path, 1_000)
    found = running.report("feed", str(path), "--rate", "2000")
    assert found["commands_per_s"] <= 2_000


@pytest.mark.parametrize("victim", ["engine", "entry", "journal"])
def test_it_survives_a_restart_of_what_answers_it(running: Pipeline, tmp_path: Path, via: str, victim: str) -> None:
    path = flow(tmp_path, 6_000)
    feed = running.popen("feed", str(path), "--rate", "4000", "--via", via, "--json")
    eventually(lambda: running.published() > 2_000 or feed.poll() is not None, "2000 events")
    os.kill(running.pid(victim), signal.SIGKILL)
    found = summary(feed)
    assert found["answered"] == path.read_bytes().count(b"\n")
    assert found["resumed"] == (1 if (victim, via) == ("entry", "zmq") else 0)
    assert differs_from_match(running.data, path, tmp_path / "match") == ""


def test_feeds_that_together_overfill_a_lane_lose_nothing(tmp_path: Path) -> None:
    with pipeline(tmp_path, config="[ring]\nlane_capacity = 64\n") as running:
        running.start(["journal", "engine", "entry"])
        lines = flow(tmp_path, 3_000).read_bytes().splitlines(keepends=True)
        parts = [tmp_path / f"part-{number}.jsonl" for number in range(4)]
        for number, part in enumerate(parts):
            part.write_bytes(b"".join(line for line in lines if json.loads(line)["account"] % 4 == number))
        with running.stopped("engine"):
            feeds = [running.popen("feed", str(part), "--json") for part in parts]
            for feed in feeds:  # two fill the lane; each tells that it is under way
                assert feed.stderr is not None and "under way" in feed.stderr.readline()
        found = [summary(feed) for feed in feeds]
        assert [one["answered"] for one in found] == [one["commands"] for one in found]
        assert sum(one["sent"] for one in found) > len(lines)  # some found no room at first
        events, _ = history(running.data)
        assert np.count_nonzero(events["flags"] & FLAG_LAST) == len(lines) + LISTINGS
        assert not (events["reason"] == Reason.DUPLICATE_CLIENT_ID).any()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["none.jsonl"], "COMMANDS.jsonl"), (["FLOW", "--rate", "fast"], "--rate"), (["FLOW", "--rate", "0"], "--rate")],
)
def test_wrong_usage_is_2_and_named(tmp_path: Path, arguments: list[str], named: str) -> None:
    path = flow(tmp_path, 1)
    done = Pipeline(tmp_path).verb("feed", *(str(path) if word == "FLOW" else word for word in arguments))
    assert done.returncode == 2
    assert named in done.stderr


def test_no_pipeline_is_wrong_usage(tmp_path: Path) -> None:
    done = Pipeline(tmp_path).verb("feed", str(flow(tmp_path, 1)))
    assert done.returncode == 2
    assert "--data" in done.stderr


def test_without_an_answer_it_ends_with_1_and_says_how_far_it_came(running: Pipeline, tmp_path: Path) -> None:
    path = flow(tmp_path, 3_000)
    feed = running.popen("feed", str(path), "--rate", "2000", "--patience", "1")
    eventually(lambda: running.published() > 1_000 or feed.poll() is not None, "1000 events")
    os.kill(int(running.run_file()["supervisor"]["pid"]), signal.SIGTERM)
    _, complaints = feed.communicate(timeout=60)
    assert feed.returncode == 1
    assert "no pipeline is running" in complaints and "answered" in complaints
