"""kill -9 inside an LMDB commit, a segment roll, a snapshot's rename, a fork of the supervisor: nothing is lost."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.moments import InCommit, InFork, InRoll, InSnapshot, why_not
from tests.faults.nemesis import SUPERVISOR, Fault
from tests.faults.round import play

STORES = ("orders", "balances", "marketdata", "settlement", "risk")
ROLLS = ("listings", "segment", "opened")
RATE = 1_200.0


@pytest.fixture(autouse=True)
def strace() -> None:
    missing = why_not()
    if missing:
        pytest.skip(missing)


def test_kills_at_the_ugliest_moments_lose_nothing(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    commits: list[InCommit] = []

    def moments(rng: random.Random) -> Sequence[Fault]:
        first, second = rng.sample(STORES, 2)
        commits.extend((InCommit(first), InCommit(second, "fdatasync")))
        rolls = [InRoll(window) for window in ROLLS]
        found: list[Fault] = [*commits, *rolls, InSnapshot("rename"), InSnapshot("unlink")]
        found.append(InFork("child", rng.choice(STORES)))
        rng.shuffle(found)
        forks = [InFork(window, rng.choice(("engine", *STORES))) for window in ("behind", "orphan")]
        return [*found, *forks]

    played = play(tmp_path, seed, moments, "fsync", RATE)
    assert played.verdict.ok, [f"{one.promise}: {one.text}" for one in played.verdict.findings[:20]]
    assert played.down_ok, "the pipeline did not stop cleanly"
    assert len(played.strikes) == 10
    assert all(one.written[-1] > 0 for one in commits)  # each commit was broken in its middle
    assert sum(strike.victim == SUPERVISOR for strike in played.strikes) == 3


@pytest.mark.long
@pytest.mark.parametrize("durability", ["journal", "fsync"])
def test_every_moment_of_every_process_many_times(tmp_path: Path, durability: str) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")

    def moments(rng: random.Random) -> Sequence[Fault]:
        found: list[Fault] = [InCommit(store) for store in STORES for _ in range(5)]
        found += [InCommit(store, "fdatasync") for store in STORES if durability == "fsync"]
        found += [InRoll(window) for window in ROLLS for _ in range(5)]
        found += [InSnapshot(call) for call in ("rename", "unlink") for _ in range(5)]
        found += [InFork(window, rng.choice(STORES)) for window in ("before", "behind", "child", "orphan")]
        rng.shuffle(found)
        return found

    played = play(tmp_path, seed, moments, durability, RATE)
    assert played.verdict.ok, [f"{one.promise}: {one.text}" for one in played.verdict.findings[:20]]
    assert played.down_ok, "the pipeline did not stop cleanly"
