"""The model suite in its long form: ten million random commands, by both engines.

    python -m tests.engine.long_model [--commands N] [--jobs N] [--first-seed N]

Streams of 50 000 commands, each with a seed of its own: on tables in which much, little, or few events fit, every third
one with all features, the others with about half of them (the fewer there are, the oftener each meets each other).
Events and frozen amounts are compared after every command; balances, books and the folded events after every thousand.
Exit code 1 where a stream finds a difference, which is printed with its seed and shrunk; the others go on.
"""

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from typing import NamedTuple

from tests.engine.model import run_stream
from tests.reference.features import some
from tests.reference.limits import FEW_EVENTS, ROOMY, TIGHT

STREAM = 50_000
LIMITS = (ROOMY, ROOMY, TIGHT, ROOMY, FEW_EVENTS)


class Result(NamedTuple):
    """What became of one stream."""

    seed: int
    seen: Counter[str]
    difference: str


def run_one(task: tuple[int, int]) -> Result:
    """One stream: its seed and how many commands."""
    seed, count = task
    try:
        seen = run_stream(seed, count, 1_000, LIMITS[seed % len(LIMITS)], some(seed))
    except AssertionError as error:
        return Result(seed, Counter(), str(error))
    return Result(seed, seen, "")


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="ten million random commands, by both engines")
    parser.add_argument("--commands", type=int, default=10_000_000, help="in all (10 000 000)")
    parser.add_argument("--jobs", type=int, default=2, help="streams at once (2)")
    parser.add_argument("--first-seed", type=int, default=100_000, help="the others count up from it (100 000)")
    arguments = parser.parse_args()
    whole, rest = divmod(arguments.commands, STREAM)
    sizes = [STREAM] * whole + [rest] * (rest > 0)
    began, done, seen, failed = time.perf_counter(), 0, Counter[str](), list[int]()
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        for result in pool.imap_unordered(run_one, enumerate(sizes, arguments.first_seed)):
            done += sizes[result.seed - arguments.first_seed]
            seen.update(result.seen)
            if result.difference:
                failed.append(result.seed)
                print(result.difference, flush=True)
            seconds = time.perf_counter() - began
            print(f"{done:>10} commands, {seconds:6.0f} s, {done / seconds:6.0f}/s, failed: {failed}", flush=True)
    for name, count in sorted(seen.items()):
        print(f"{count:>10} {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
