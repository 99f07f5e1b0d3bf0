"""The real engine against the plain reference, event for event and balance for balance."""

from collections import Counter

import pytest

from tests.engine.model import run_stream
from tests.reference.limits import FEW_EVENTS, TIGHT, TableLimits


@pytest.mark.parametrize(
    ("limits", "first_seed", "what"),
    [(TIGHT, 20, "rejected book_full"), (FEW_EVENTS, 30, "cancelled too_many_fills")],
    ids=["tight", "few events"],
)
def test_agrees_with_the_reference_where_little_fits(limits: TableLimits, first_seed: int, what: str) -> None:
    seeds = range(first_seed, first_seed + 3)
    seen = sum((run_stream(seed, 2_500, state_every=100, limits=limits) for seed in seeds), Counter[str]())
    assert seen[what] > 0, f"seeds {seeds} never make a {what}"


@pytest.mark.parametrize("seed", range(10))
def test_agrees_with_the_reference_on_a_random_stream(seed: int) -> None:
    run_stream(seed, 2_000, state_every=100)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_agrees_with_the_reference_on_a_long_random_stream(seed: int) -> None:
    run_stream(seed, 100_000, state_every=1_000)


@pytest.mark.long
@pytest.mark.parametrize("limits", [TIGHT, FEW_EVENTS], ids=["tight", "few events"])
@pytest.mark.parametrize("seed", range(2000, 2003))
def test_agrees_with_the_reference_on_a_long_random_stream_where_little_fits(seed: int, limits: TableLimits) -> None:
    run_stream(seed, 50_000, state_every=1_000, limits=limits)
