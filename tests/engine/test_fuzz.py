"""Whatever bytes a command is made of, it is answered once, nothing breaks and the money stays right."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A run in which one of these never happens has not looked at what it should.
EXPECTED = {
    "ACCEPTED NONE", "TRADE NONE", "AMENDED NONE", "AMENDED TRAILED", "AMENDED SELF_TRADE", "TRIGGERED NONE",
    "BUSTED NONE", "UNCROSSED NONE", "STATE NONE", "MASS_CANCELLED NONE", "CANCELLED USER", "CANCELLED OCO",
    "CANCELLED EXPIRED", "CANCELLED SELF_TRADE", "CANCELLED VOLATILITY", "CANCELLED RISK", "REJECTED BOOK_FULL",
    "REJECTED FOK_UNFILLED", "REJECTED MIN_QTY_UNFILLED", "REJECTED WOULD_CROSS", "REJECTED GROUP_REFUSED",
    "REJECTED DUPLICATE_CLIENT_ID", "REJECTED STATE_FORBIDS", "LISTED_INSTRUMENT NONE",
}  # fmt: skip


def fuzz(seed: int, count: int, *words: str) -> None:
    """Run it in a process of its own; what it said is in the failure."""
    command = [sys.executable, "-m", "tests.engine.fuzz", str(seed), str(count), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command[1:])} ended with {done.returncode}: {done.stderr[-4000:]}"
    seen = {" ".join(line.split()[1:]) for line in done.stdout.splitlines()}
    assert seen >= EXPECTED, f"seed {seed}: never seen: {sorted(EXPECTED - seen)}"


@pytest.mark.parametrize("words", [(), ("vet",)], ids=["trusted", "socket"])
def test_random_records_are_each_answered_once_and_keep_tables_and_money_right(words: tuple[str, ...]) -> None:
    fuzz(42, 6_000, *words)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("words", [(), ("vet",)], ids=["trusted", "socket"])
def test_many_random_records_are_each_answered_once(seed: int, words: tuple[str, ...]) -> None:
    fuzz(seed, 200_000, *words)
