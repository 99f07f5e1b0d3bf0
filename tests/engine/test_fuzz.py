"""Whatever bytes a command is made of, it is answered once, and the money stays right."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def fuzz(seed: int, count: int, *words: str) -> None:
    """Run it in a process of its own; what it said is in the failure."""
    command = [sys.executable, "-m", "tests.engine.fuzz", str(seed), str(count), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command[1:])} ended with {done.returncode}: {done.stderr[-4000:]}"
    print(done.stdout)


@pytest.mark.parametrize("words", [(), ("vet",)], ids=["trusted", "socket"])
def test_random_records_are_each_answered_once_and_keep_the_money_right(words: tuple[str, ...]) -> None:
    fuzz(41, 6_000, *words)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("words", [(), ("vet",)], ids=["trusted", "socket"])
def test_many_random_records_are_each_answered_once(seed: int, words: tuple[str, ...]) -> None:
    fuzz(seed, 100_000, *words)
