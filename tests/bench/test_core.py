"""The yardstick through the whole engine and the ring: the same reports as a plain book's."""

import pytest

from bench.yardstick import book, measure, text, workload
from bench.yardstick.workload import SCENARIOS


@pytest.mark.parametrize("name", ["static", "flash-crash"])
def test_the_whole_engine_reports_what_a_plain_book_reports(name: str) -> None:
    chosen = workload.scenario(name)
    expected = text.digest(book.replay(workload.make(chosen, orders=20_000)))
    assert measure.measure(chosen, runs=1, orders=20_000)["sha256"] == expected


def test_the_whole_engine_reproduces_the_published_hash_of_one_scenario_at_full_size() -> None:
    assert measure.measure(workload.scenario("normal"), runs=1)["sha256_ok"]


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[s.name for s in SCENARIOS])
def test_the_whole_engine_reproduces_every_published_hash(scenario: workload.Scenario) -> None:
    assert measure.measure(scenario, runs=1)["sha256_ok"], scenario.name
