"""The real engine against the plain reference, event for event and balance for balance."""

import pytest

from tests.engine.model import run_stream


@pytest.mark.parametrize("seed", range(10))
def test_agrees_with_the_reference_on_a_random_stream(seed: int) -> None:
    run_stream(seed, 2_000, state_every=100)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1010))
def test_agrees_with_the_reference_on_a_long_random_stream(seed: int) -> None:
    run_stream(seed, 100_000, state_every=1_000)
