"""The real engine against the plain reference, event for event and balance for balance."""

import pytest

from tests.engine.model import run_stream
from tests.reference.limits import FEW_EVENTS, TIGHT, TableLimits


@pytest.mark.parametrize("seed", range(10))
def test_agrees_with_the_reference_on_a_random_stream(seed: int) -> None:
    run_stream(seed, 2_000, state_every=100)


@pytest.mark.parametrize("seed", range(20, 23))
def test_agrees_with_the_reference_where_little_fits(seed: int) -> None:
    seen = run_stream(seed, 2_000, state_every=100, limits=TIGHT)
    assert seen["rejected book_full"] > 0, f"seed {seed}"


@pytest.mark.parametrize("seed", range(30, 33))
def test_agrees_with_the_reference_where_a_command_may_say_little(seed: int) -> None:
    seen = run_stream(seed, 3_000, state_every=100, limits=FEW_EVENTS)
    assert seen["cancelled too_many_fills"] > 0, f"seed {seed}"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_agrees_with_the_reference_on_a_long_random_stream(seed: int) -> None:
    run_stream(seed, 100_000, state_every=1_000)


@pytest.mark.long
@pytest.mark.parametrize("limits", [TIGHT, FEW_EVENTS], ids=["tight", "few events"])
@pytest.mark.parametrize("seed", range(2000, 2003))
def test_agrees_with_the_reference_on_a_long_random_stream_where_little_fits(seed: int, limits: TableLimits) -> None:
    run_stream(seed, 50_000, state_every=1_000, limits=limits)
