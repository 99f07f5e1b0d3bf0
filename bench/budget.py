"""Where the nanoseconds of a message go: the same run with parts left out, and parts run alone over its events.

Each row of `ROWS` is a difference or a time of its own; together they make up the whole. The engine is compiled anew
for each set of parts that is left out, in a process and a compile cache of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ringbuf.jit import ROOT

SCENARIOS = ("static", "swing-25")
ORDERS, ORDERS_QUICK = 1_000_000, 200_000
LEFT_OUT: tuple[tuple[str, ...], ...] = ((), ("checksum",), ("checksum", "funds"))
ROWS = {
    "second_reader": "the run with a second process reading, less the run that nobody reads",
    "publish": "the run into the ring, less the run into a private buffer: room, claim, publication every 16 commands",
    "checksum": "the run into the buffer, less the same compiled without checksums",
    "funds": "that run, less the same compiled without balances moved and without the funds check (fees are in rules)",
    "ids": "run alone: accounts found, client ids checked, orders entered, found and removed in both id tables and the"
    " account's chain",
    "book": "apply alone without funds, less ids: queues, levels, and reading the events",
    "record": "run alone: every record opened and filled again, without checksum",
    "rules": "what is left: commands read, refusals, matching loop, fees, events chosen",
}


def _environment(parts: tuple[str, ...]) -> dict[str, str]:
    """Its own compile cache: what it compiles is not what the sources say."""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    base = Path(environment.get("MATCHLINE_CACHE", ROOT / "var" / "cache"))
    environment["MATCHLINE_CACHE"] = str(base / "-".join(["bench-without", *(parts or ("nothing",))]))
    return environment


def times_without(parts: tuple[str, ...], orders: int, runs: int) -> dict[str, dict[str, float]]:
    """What `bench.budget_part` finds with these parts left out, by scenario. Raises RuntimeError."""
    settings = {"scenarios": SCENARIOS, "orders": orders, "runs": runs, "parts": parts}
    done = subprocess.run(
        [sys.executable, "-m", "bench.budget_part", json.dumps(settings)],
        cwd=ROOT,
        env=_environment(parts),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"budget without {', '.join(parts) or 'nothing'}: {done.stderr.strip()[-2_000:]}")
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def rows_of(whole: dict[str, float], unchecked: dict[str, float], unfunded: dict[str, float]) -> dict[str, float]:
    """ROWS of one scenario, nanoseconds a message; they sum up to the run with a reader."""
    rows = {
        "second_reader": whole["with_reader"] - whole["ring"],
        "publish": whole["ring"] - whole["private"],
        "checksum": whole["private"] - unchecked["private"],
        "funds": unchecked["private"] - unfunded["private"],
        "ids": unfunded["ids"],
        "book": unfunded["apply"] - unfunded["ids"],
        "record": unfunded["records"],
    }
    rows["rules"] = whole["with_reader"] - sum(rows.values())
    return {name: round(rows[name], 1) for name in ROWS}


def run(runs: int, quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """The budget of SCENARIOS, and the times that it was worked out from."""
    orders = ORDERS_QUICK if quick else ORDERS
    times = [times_without(parts, orders, runs) for parts in LEFT_OUT]
    found: dict[str, Any] = {"rows": {}, "total": {}, "times": {}, "how": ROWS, "runs": runs, "orders": orders}
    for scenario in SCENARIOS:
        rows = rows_of(*(part[scenario] for part in times))
        found["rows"][scenario] = rows
        found["total"][scenario] = round(times[0][scenario]["with_reader"], 1)
        found["times"][scenario] = dict(
            zip(("whole", "without_checksum", "without_funds"), (part[scenario] for part in times), strict=True)
        )
        tell(f"budget {scenario:<10} " + ", ".join(f"{name} {value}" for name, value in rows.items()) + " ns")
    return found
