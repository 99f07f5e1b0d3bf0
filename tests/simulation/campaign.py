"""Many histories, one seed each, in as many processes as are asked for; what happened in all of them together."""

import gc
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from ops.leftover import unlink_all
from tests.simulation.flows import seeds
from tests.simulation.history import History
from tests.simulation.oracle import judge
from tests.simulation.promises import Violation

SHM = Path("/dev/shm")
FAILURES_SHOWN = 5
# Of what is counted, what people ask about; the others stand beside it in the JSON.
COUNTS = (
    "histories", "steps", "operations", "kills", "crashes", "stops", "tears", "power_losses", "torn_sectors",
    "stores_rolled_back", "disk_full", "failed_syncs", "maps_full", "named_ends", "duplicates", "acknowledged",
    "records",
)  # fmt: skip


@dataclass
class Outcome:
    """`failures`: (seed, promise, what is wrong)."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Put another's beside it."""
        self.counts.update(other.counts)
        self.failures += other.failures

    def report(self, first: int, seconds: float) -> dict[str, Any]:
        """For `--json`."""
        promises = [promise for _, promise, _ in self.failures]
        return {
            "ok": not self.failures,
            "first_seed": first,
            "seconds": round(seconds, 1),
            "histories_a_minute": round(self.counts["histories"] / max(seconds, 1e-6) * 60),
            **{name: self.counts[name] for name in COUNTS},
            "acknowledgements_lost": promises.count("told"),
            "effects_lost_or_twice": promises.count("once") + promises.count("intended"),
            "stores_that_differ": promises.count("stores") + promises.count("market") + promises.count("risk"),
            "failures": [
                {"seed": seed, "promise": promise, "what": what, "again": again(seed)}
                for seed, promise, what in self.failures
            ],
        }


def again(seed: int) -> str:
    """The command that runs a history again, as it was."""
    return f"python -m tests.simulation --replay {seed}"


@contextmanager
def workplace() -> Iterator[tuple[Path, str]]:
    """A folder in memory and a name for segments; both are gone after it, also where it is interrupted."""
    name = f"mlsim{os.getpid()}"
    root = SHM / f"{name}-files"
    root.mkdir()
    try:
        yield root, name
    finally:
        shutil.rmtree(root, ignore_errors=True)
        unlink_all(name)


@contextmanager
def rare_collections() -> Iterator[None]:
    """What is there stays, so the collector need not look at it again; of what comes it looks for cycles seldom."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def one(seed: int, root: Path, name: str, loud: bool = False, only: str = "") -> Outcome:
    """One history, and its verdict; see plan_of for `only`."""
    outcome = Outcome()
    history = History(seed, root, name, loud, only)
    try:
        history.run()
        judge(history)
    except Violation as broken:
        outcome.failures.append((seed, broken.promise, str(broken)))
    except BaseException as error:
        error.add_note(f"in the history of seed {seed}: {again(seed)}")
        raise
    outcome.counts = history.counts
    outcome.counts["histories"] = 1
    return outcome


def some(first: int, step: int, histories: int, seconds: float) -> Outcome:
    """Seeds first, first + step, … until there were so many, or the time is up, or enough has failed."""
    outcome = Outcome()
    ends = time.monotonic() + seconds
    with workplace() as (root, name), rare_collections():
        for seed in range(first, first + step * histories, step):
            outcome.add(one(seed, root, name))
            if len(outcome.failures) >= FAILURES_SHOWN or time.monotonic() > ends:
                break
    return outcome


def run(first: int, histories: int, seconds: float = float("inf"), jobs: int = 1) -> Outcome:
    """All of them, in so many processes. What is no broken promise but an exception goes to the caller."""
    seeds()
    if jobs == 1:
        return some(first, 1, histories, seconds)
    whole = Outcome()
    shares = [(first + at, jobs, (histories - at + jobs - 1) // jobs, seconds) for at in range(jobs)]
    with multiprocessing.get_context("fork").Pool(jobs, initializer=ends_by_exception) as pool:
        for outcome in pool.starmap(some, shares, chunksize=1):
            whole.add(outcome)
        pool.close()
        pool.join()
    return whole


def ends_by_exception() -> None:
    """SIGTERM ends as Ctrl-C does: what was opened is closed."""
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
