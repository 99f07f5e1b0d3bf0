"""`bench pipeline`: a generated market through shared memory into a whole pipeline, as fast as it goes.

How fast commands are answered, how soon after the last answer every consumer has it all, and what each process uses of
the processors for an event. On a host with fewer cores than processes they take turns, so the sum is what bounds it.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.conditions import conditions
from bench.host import BASE, host
from ops.convert.generate import generate
from ops.feeding import Feed
from ringbuf.ring import Ring

SEED = 1
COMMANDS, COMMANDS_QUICK = 300_000, 30_000
ROUNDS, ROUNDS_QUICK = 3, 1
PATIENCE_S = 60.0
CONFIG = '[engine]\ndurability = "journal"\n'


def run(quick: bool, tell: Callable[[str], None], base: int = BASE) -> dict[str, Any]:
    """The median round's rates, and nanoseconds of each process for an event."""
    count, rounds = (COMMANDS_QUICK, ROUNDS_QUICK) if quick else (COMMANDS, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="matchline-bench-") as folder:
        generate(Path(folder), count, SEED)
        found = [_round(Path(folder), base) for _ in range(rounds)]
    figures: dict[str, Any] = {
        key: round(statistics.median(one[key] for one in found))
        for key in ("commands", "events", "commands_per_s", "events_per_s", "catch_up_ms")
    }
    names = found[0]["ns_per_event"]
    figures["ns_per_event"] = {
        name: round(statistics.median(one["ns_per_event"][name] for one in found)) for name in names
    }
    tell(
        f"pipeline {figures['commands_per_s']:,} commands/s answered, {figures['events_per_s']:,} events/s by every "
        f"consumer, {figures['catch_up_ms']} ms after the last answer"
    )
    return {**figures, "conditions": conditions(rounds=rounds, seed=SEED, via="shm", durability="journal")}


def _round(flow: Path, base: int) -> dict[str, Any]:
    with host(flow / "instruments.toml", config=CONFIG, base=base) as running:
        ring = Ring.attach(f"/{running.name}.events", "event")
        feed = Feed(running.data, "shm", None, PATIENCE_S)
        times: list[float] = []

        def fed() -> None:
            times.append(time.perf_counter())
            feed.run(flow / "commands.jsonl")
            times.append(time.perf_counter())
            while any(cursor.alive and cursor.sequence < ring.published for cursor in ring.cursors()):
                time.sleep(0.001)
            times.append(time.perf_counter())

        before = ring.published
        used = running.used(fed)
        events, answered = ring.published - before, feed.summary()["answered"]
        feed.close()
        ring.close()
    begin, last_answer, caught_up = times
    return {
        "commands": answered,
        "events": events,
        "commands_per_s": answered / (last_answer - begin),
        "events_per_s": events / (caught_up - begin),
        "catch_up_ms": (caught_up - last_answer) * 1e3,
        "ns_per_event": {name: ns / events for name, ns in used.items()},
    }
