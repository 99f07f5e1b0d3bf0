"""`apply` alone: the events, folded, give the state of the engine that decided them."""

from dataclasses import replace

import numpy as np
import pytest

from bench.standing import Standing, workload
from engine.core import Engine
from engine.fold import HistoryError
from tests.engine.fast import FastEngine
from tests.engine.model import tables_of
from tests.reference.features import ALL
from tests.reference.limits import FEW_EVENTS, ROOMY, TIGHT, TableLimits
from tests.reference.run_case import answer
from tests.reference.stream import CommandStream, instruments


def follow(seed: int, count: int, limits: TableLimits) -> None:
    """After every command of a random stream: the same state in the engine and in one that only applies its events."""
    engine = FastEngine(instruments(ALL), tables_of(limits))
    folded, source = Engine(engine.engine.limits), CommandStream(seed, ALL)
    for number in range(count):
        command = source.next()
        source.saw(answer(engine, command))
        folded.apply(np.concatenate(engine.records))
        engine.records.clear()
        same = folded.state_hash() == engine.engine.state_hash()
        assert same, f"seed {seed}, command {number}, {command}: the events, folded, give another state"


@pytest.mark.parametrize(
    ("limits", "seed"), [(ROOMY, 50), (TIGHT, 51), (FEW_EVENTS, 52)], ids=["roomy", "tight", "few"]
)
def test_the_events_alone_give_the_state_after_every_command(limits: TableLimits, seed: int) -> None:
    follow(seed, 1_500, limits)


def test_a_history_with_a_gap_is_refused_at_the_first_event_behind_it() -> None:
    engine, source = FastEngine(instruments(ALL), tables_of(ROOMY)), CommandStream(53, ALL)
    for _ in range(50):
        source.saw(answer(engine, source.next()))
    events = np.concatenate(engine.records)
    folded = Engine(engine.engine.limits)
    with pytest.raises(HistoryError, match="^event 31 does not follow from the state at 29$"):
        folded.apply(np.delete(events, 29))
    assert folded.seq == 29
    with pytest.raises(HistoryError, match="^event 29 does not follow from the state at 29$"):
        folded.apply(events[28:])
    folded.apply(events[29:])
    assert folded.state_hash() == engine.engine.state_hash()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3000, 3010))
def test_the_events_alone_give_the_state_after_every_one_of_a_million_commands(seed: int) -> None:
    follow(seed, 100_000, (ROOMY, TIGHT, FEW_EVENTS)[seed % 5 % 3])


@pytest.mark.parametrize("name", ["max_orders", "max_levels", "max_accounts", "max_assets", "max_instruments"])
def test_a_history_that_needs_larger_tables_ends_with_their_name_and_writes_beyond_none(name: str) -> None:
    made = workload(Standing("small", symbols=40, accounts=3_000, orders=9_000, commands=2_100))
    events = Engine(made.limits).run(made.setup)
    few = {"max_accounts": 64, "max_assets": 20, "max_instruments": 20, "max_orders": 2_000, "max_levels": 300}
    smaller = replace(made.limits, **{name: few[name]})
    with pytest.raises(HistoryError, match=f"^event [0-9]+ finds no room: expected engine.{name} as large as"):
        Engine(smaller).apply(events)
