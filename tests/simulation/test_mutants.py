"""The simulation finds what is broken on purpose; else its silence would say nothing."""

import pytest

from tests.simulation.campaign import one, workplace
from tests.simulation.mutants import MUTANTS, Mutant

QUICK = 5  # the first so many stand in the short form
WITHIN = 200  # histories
UNBROKEN = 8  # more than the quick ones take
FAULTS = (LookupError, ValueError, AssertionError)  # who finds nonsense in a store ends with a traceback: found, too

CASES = [pytest.param(m, id=m.says, marks=pytest.mark.long if at >= QUICK else ()) for at, m in enumerate(MUTANTS)]


@pytest.mark.parametrize("mutant", CASES)
def test_a_deliberate_breakage_is_found(mutant: Mutant) -> None:
    with workplace() as (root, name):
        for seed in range(1, WITHIN + 1):
            try:
                with mutant():
                    outcome = one(seed, root, name, only=mutant.mode)
            except FAULTS as fault:
                print(f"found in history {seed}: {fault!r}")
                return
            if outcome.failures:
                print(f"found in history {seed}: {outcome.failures[0]}")
                return
    pytest.fail(f"{mutant.says}: {WITHIN} histories have not found it")


@pytest.mark.parametrize("mode", ["memory", "journal", "fsync"])
def test_without_a_breakage_the_same_histories_find_nothing(mode: str) -> None:
    """What the mutants are found by is the breakage, not the harshness of these histories."""
    with workplace() as (root, name):
        for seed in range(1, UNBROKEN + 1):
            assert one(seed, root, name, only=mode).failures == [], seed


@pytest.mark.long
@pytest.mark.parametrize("mode", ["memory", "journal", "fsync"])
def test_without_a_breakage_all_histories_that_a_mutant_may_take_find_nothing(mode: str) -> None:
    with workplace() as (root, name):
        for seed in range(1, WITHIN + 1):
            assert one(seed, root, name, only=mode).failures == [], seed
