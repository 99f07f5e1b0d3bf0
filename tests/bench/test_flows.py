"""Market flow and engines with much in them: the measured commands do what they are meant to do."""

from dataclasses import replace

import numpy as np
import pytest

from bench import flows, passes, standing
from bench.standing import ENGINES, Standing
from engine.core import Engine
from ringbuf.codes import EventType, Reason
from tests.ops.convert.recordings import bitstamp_files

SMALL = Standing("small", symbols=5, accounts=100, orders=1_000, commands=21_000)


def test_a_generated_flow_ends_as_the_generator_said() -> None:
    load = flows.generated(3_000)
    figures = flows.measure_flow(load, runs=1)
    assert figures["messages"] == len(load.commands) == 3_000
    assert figures["same_events_each_run"]
    assert figures["results"]["cancelled"] > 0
    assert set(figures["results"]) <= {"accepted", "rejected", "trade", "cancelled"}


def test_the_recorded_flow_makes_its_trades() -> None:
    cache = bitstamp_files()[0].parents[1]
    assert flows.measure_flow(flows.recorded(cache), runs=1)["results"]["trade"] == 284


def test_every_cancel_of_a_standing_market_finds_its_order_unless_that_was_traded_away() -> None:
    load = standing.workload(SMALL)
    events = Engine(load.limits).run(np.concatenate([load.setup, load.commands]))
    refused = events[events["type"] == EventType.REJECTED]
    assert set(refused["reason"].tolist()) <= {int(Reason.UNKNOWN_ORDER)}
    filled = events[(events["type"] == EventType.TRADE) & (events["maker_leaves_lots"] == 0)]
    assert len(refused) <= len(filled)
    assert np.count_nonzero(events["type"] == EventType.CANCELLED) >= len(load.commands) * 10 // 21 - len(filled)


def test_a_standing_market_keeps_its_size_and_can_be_rebuilt() -> None:
    figures = standing.measure(SMALL, runs=1)
    assert figures["open_orders"] == SMALL.orders
    assert figures["symbols"] == SMALL.symbols
    assert figures["same_events_each_run"]
    assert figures["state_mib"] > 0
    assert figures["results"]["trade"] >= 900


def test_the_same_seed_gives_the_same_standing_market_and_another_gives_another() -> None:
    first, again, other = (standing.workload(SMALL, seed).commands for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES, ids=[engine.name for engine in ENGINES])
def test_the_engines_that_are_reported_refuse_next_to_nothing(engine: Standing) -> None:
    load = standing.workload(replace(engine, commands=210_000))
    run = passes.run_once(load, keep=True)
    assert passes.counts_by_type(run).get("rejected", 0) < 1_000
