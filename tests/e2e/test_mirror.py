"""Consumers of a pipeline on other hosts, out of its Kafka topic: what they hold equals what it holds itself."""

import os
import random
import signal
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from config.settings import SinkSettings
from consumers.sinks.status import read_status
from tests.consumers.sinks.matrix import sink_table, wanted
from tests.e2e.flow import commands, write_lines
from tests.hosts import host
from tests.pipeline import Pipeline, eventually, pipeline
from tests.servers import kafka

SEED = 23
COUNT, RATE = 5_000, 1_500
LIMITS = "[risk]\nmax_order_lots = 15000\n"
SYMBOLS = ("BTC-USDT", "ETH-USDT")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafka]:
    server = wanted(kafka).start(tmp_path_factory.mktemp("kafka"))
    yield server
    server.stop()


def url_of(broker: kafka.Kafka, prefix: str) -> str:
    return f"kafka://{broker.address}?topic_prefix={prefix}"


def to_topic(broker: kafka.Kafka, prefix: str) -> str:
    return LIMITS + sink_table(SinkSettings("bus", "kafka", url_of(broker, prefix), format="binary"))


def kill(pipe: Pipeline, process: str) -> None:
    if pid := pipe.pid(process):
        os.kill(pid, signal.SIGKILL)


def shown(pipe: Pipeline) -> dict[str, Any]:
    """What people ask of the three consumers."""
    found: dict[str, Any] = {}
    for symbol in SYMBOLS:
        found[f"depth {symbol}"] = pipe.report("query", "depth", symbol)
        found[f"ticker {symbol}"] = pipe.report("query", "ticker", symbol)
        found[f"candles {symbol}"] = pipe.report("query", "candles", symbol, "1m", "--last", "100")
    found["alerts"] = pipe.report("query", "alerts", "--last", "1000")["alerts"]
    found["day"] = pipe.report("report", "day", "2023-11-14")  # of the flow's own time
    found["account"] = pipe.report("report", "account", "3", "--day", "2023-11-14")
    return found


def expect_equal(primary: Pipeline, *mirrors: Pipeline) -> None:
    """Everything has arrived everywhere, and is the same."""
    primary.settled()
    expected = shown(primary)
    assert expected["alerts"], "the flow makes alerts"
    for mirror in mirrors:
        eventually(lambda mirror=mirror: mirror.published() == primary.published(), "the mirror has caught up")
        mirror.settled()
        assert shown(mirror) == expected
        assert mirror.report("journal", "diff", str(primary.data))["ok"]
        report = mirror.report("reconcile")
        assert {"settlement", *(f"depth {symbol}" for symbol in SYMBOLS)} <= {row["name"] for row in report["checks"]}


def feed(primary: Pipeline, folder: Path, begin: int = 0, end: int = COUNT) -> Any:
    """A part of one flow."""
    path = write_lines(folder / f"commands-{begin}.jsonl", islice(commands(COUNT, SEED), begin, end))
    return primary.popen("feed", str(path), "--rate", str(RATE))


def finish(process: Any) -> None:
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, f"feed: {err[-2000:]}{out[-500:]}"


def test_a_mirror_equals_the_pipeline_over_kills_of_everybody(tmp_path: Path, broker: kafka.Kafka) -> None:
    rng = random.Random(SEED)
    with (
        pipeline(tmp_path / "primary", config=to_topic(broker, "kills")) as primary,
        pipeline(tmp_path / "mirror", config=LIMITS) as mirror,
    ):
        primary.up()
        feeding = feed(primary, tmp_path)
        eventually(lambda: read_status(primary.data, "bus").seq > 500, "a flow, in the topic")
        mirror.mirror(url_of(broker, "kills"))
        for what in ("mirror", "settlement", "broker", "journal", "sink", "all", "mirror", "marketdata"):
            time.sleep(rng.uniform(0.1, 0.6))  # a moment of its own for each kill
            if what == "broker":
                broker.kill()
                broker.restart()
            elif what == "sink":
                kill(primary, "sink-bus")
            elif what == "all":
                mirror.kill_all()
                mirror.mirror(url_of(broker, "kills"))
            else:
                kill(mirror, what)
        finish(feeding)
        expect_equal(primary, mirror)
        assert mirror.verb("down").returncode == 0
        refused = mirror.verb("up", "--port-base", str(mirror.base))
        assert refused.returncode == 1 and "mirrors kafka://" in refused.stderr


def test_two_hosts_go_on_after_their_link_was_cut(tmp_path: Path, broker: kafka.Kafka) -> None:
    with (
        pipeline(tmp_path / "primary", config=to_topic(broker, "hosts")) as primary,
        host(1, [broker.port]) as one,
        host(2, [broker.port]) as two,
        pipeline(tmp_path / "one", config=LIMITS) as first,
        pipeline(tmp_path / "two", config=LIMITS) as second,
    ):
        first.within, second.within = one.within, two.within
        primary.up()
        feeding = feed(primary, tmp_path, 0, COUNT // 2)
        eventually(lambda: read_status(primary.data, "bus").seq > 0, "a flow, in the topic")
        first.mirror(url_of(broker, "hosts"), "--consumers", "settlement,risk,marketdata")
        finish(feeding)
        one.pull()
        cut_at = first.published()
        feeding = feed(primary, tmp_path, COUNT // 2)
        second.mirror(url_of(broker, "hosts"), "--consumers", "marketdata,risk,settlement,publisher")
        finish(feeding)
        assert first.published() < primary.published(), f"cut at {cut_at}, and it went on"
        one.plug()
        two.pull()
        time.sleep(0.5)
        two.plug()
        expect_equal(primary, first, second)
