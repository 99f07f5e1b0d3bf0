"""The whole pipeline under a seeded scheduler: short here, for hours with `./run.sh test --long`.

    MATCHLINE_SIMULATION_MINUTES=240 ./run.sh test --long tests/simulation     half an hour without it

The short form begins at any seed and takes ten seconds; CI says from which one, and a minute. A failure prints the
seed and the command that runs that history again, exactly as it was.
"""

import os
import random

import pytest

from tests.simulation.campaign import Outcome, again, one, run, workplace

SECONDS = float(os.environ.get("MATCHLINE_SIMULATION_SECONDS", "10"))
SEED = os.environ.get("MATCHLINE_SIMULATION_SEED", "")
HISTORIES = 2000  # of the short form; the time ends it before
NOTHING = 1 << 40


def told(outcome: Outcome) -> str:
    """The failures, and how to see each again."""
    return "\n".join(f"seed {seed}: {promise}: {what}\n  {again(seed)}" for seed, promise, what in outcome.failures)


def test_whatever_dies_tears_or_fills_nothing_is_lost_and_nothing_happens_twice() -> None:
    first = int(SEED) if SEED else random.SystemRandom().randrange(1 << 31)
    outcome = run(first, HISTORIES, SECONDS)
    print(f"from seed {first}: {dict(outcome.counts)}")
    assert outcome.failures == [], told(outcome)
    assert outcome.counts["kills"] > 0 and outcome.counts["acknowledged"] > 0


def test_a_seed_replays_exactly() -> None:
    with workplace() as (root, name):
        counts = [one(seed, root, name).counts for seed in (7, 8, 9, 7, 8, 9)]
    assert counts[:3] == counts[3:]


@pytest.mark.long
def test_for_a_long_time_nothing_is_lost_and_nothing_happens_twice() -> None:
    minutes = float(os.environ.get("MATCHLINE_SIMULATION_MINUTES", "30"))
    first = random.SystemRandom().randrange(1 << 31)
    outcome = run(first, NOTHING, minutes * 60, jobs=os.cpu_count() or 1)
    print(f"from seed {first}: {dict(outcome.counts)}")
    assert outcome.failures == [], told(outcome)
