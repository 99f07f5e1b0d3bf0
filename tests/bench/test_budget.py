"""The budget's pieces: what is run alone does the same work as the engine, and the rows add up to the whole."""

import time

import numpy as np
import pytest

from bench import budget
from bench.budget_kernels import ids_alone, records_alone
from bench.budget_times import Times
from bench.yardstick import workload
from bench.yardstick.measure import load_of
from engine.compose import OUT
from engine.fold import apply_events
from engine.state import State
from ringbuf.records import EVENT


def clock(work: object) -> float:
    begin = time.perf_counter_ns()
    work()  # type: ignore[operator]
    return float(time.perf_counter_ns() - begin)


@pytest.fixture(scope="module")
def times() -> Times:
    return Times(load_of(workload.make(workload.scenario("swing-25"), 5_000)), clock)


def begun(times: Times) -> State:
    state = State(times.load.limits)
    apply_events(state.address, times.history.ctypes.data, times.setup_events)
    return state


def test_ids_run_alone_leave_the_id_tables_as_the_engine_does(times: Times) -> None:
    whole, alone = begun(times), begun(times)
    events = times.history[times.setup_events :]
    assert apply_events(whole.address, events.ctypes.data, len(events)) == len(events)
    ids_alone(alone.address, events.ctypes.data, len(events))
    for table in ("ids", "clients"):
        cells = [np.count_nonzero(state.tables[table].view(np.int64)) for state in (whole, alone)]
        assert cells[0] == cells[1] == int(whole.record["order_count"])


def test_records_composed_alone_are_the_recorded_ones(times: Times) -> None:
    state, events = begun(times), times.history[times.setup_events :]
    slots = np.zeros(1 << 16, EVENT)
    out = np.zeros(1, OUT)
    out[0]["slots"], out[0]["mask"] = slots.ctypes.data, len(slots) - 1
    records_alone(state.address, out.ctypes.data, events.ctypes.data, len(events))
    composed = slots[events["seq"][0] : events["seq"][0] + len(events)]
    for field in ("seq", "type", "order_id", "price_ticks", "qty_lots", "leaves_lots", "maker_order_id", "released"):
        assert np.array_equal(composed[field], events[field]), field


def test_every_piece_can_be_timed(times: Times) -> None:
    for piece in (times.with_reader, times.ring, times.private, times.apply, times.ids, times.records, times.checksums):
        assert piece() > 0, piece.__name__


def test_the_rows_add_up_to_the_run_with_a_reader() -> None:
    whole = {"with_reader": 100.0, "ring": 95.0, "private": 90.0}
    rows = budget.rows_of(whole, {"private": 85.0}, {"private": 70.0, "apply": 40.0, "ids": 25.0, "records": 8.0})
    assert list(rows) == list(budget.ROWS)
    assert rows["funds"] == 15.0 and rows["book"] == 15.0
    assert sum(rows.values()) == pytest.approx(100.0)


@pytest.mark.long
def test_an_engine_without_checksum_and_funds_gives_times_of_its_own() -> None:
    found = budget.times_without(("checksum", "funds"), orders=2_000, runs=1)
    for scenario in budget.SCENARIOS:
        assert set(found[scenario]) == {"private", "apply", "ids", "records"}
