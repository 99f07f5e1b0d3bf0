"""One configuration of the budget, in a process of its own: `python -m bench.budget_part SETTINGS` (JSON), JSON out.

What is left out is replaced by nothing before the engine is imported, and so before it is compiled: the rest runs as
ever. Such a process needs its own MATCHLINE_CACHE, since what it compiles is not what the sources say.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from ringbuf.jit import inline


def leave_out(parts: list[str]) -> None:
    """Replace checksum and funds by nothing. Before anything of the engine is imported."""
    if "checksum" in parts:
        import ringbuf.checksum

        @inline
        def crc32c_record(address):  # type: ignore[no-untyped-def]
            return 0

        ringbuf.checksum.crc32c_record = crc32c_record
    if "funds" in parts:
        import engine.accounts
        import engine.checks

        @inline
        def move(state, account, asset, to_available, to_frozen):  # type: ignore[no-untyped-def]
            return

        @inline
        def lots_covered(state, account, symbol, side, price_ticks, freed):  # type: ignore[no-untyped-def]
            return 1 << 62

        engine.accounts.move = move
        engine.checks.lots_covered = lots_covered


def cpu_ns(work: Callable[[], None]) -> float:
    """Processor time of some work: others' load on the host does not count in it."""
    begin = time.process_time_ns()
    work()
    return float(time.process_time_ns() - begin)


def measure(scenario: str, orders: int, runs: int, parts: list[str]) -> dict[str, float]:
    """Nanoseconds a message, medians, of what this configuration tells about."""
    from bench.budget_times import Times
    from bench.yardstick import workload
    from bench.yardstick.measure import load_of

    times = Times(load_of(workload.make(workload.scenario(scenario), orders)), cpu_ns)
    works: dict[str, Callable[[], float]] = {"private": times.private}
    if not parts:
        works |= {"with_reader": times.with_reader, "ring": times.ring, "checksums": times.checksums}
    if "funds" in parts:
        works |= {"apply": times.apply, "ids": times.ids, "records": times.records}
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            found[name].append(work())
    return {name: round(statistics.median(values) / times.messages, 2) for name, values in found.items()}


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """All scenarios asked for."""
    leave_out(settings["parts"])
    return {
        scenario: measure(scenario, settings["orders"], settings["runs"], settings["parts"])
        for scenario in settings["scenarios"]
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
