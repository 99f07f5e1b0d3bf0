"""`bench core`: the whole engine, its events read by a second process inside the clock. PARTS are its tables."""

from collections.abc import Callable
from typing import Any

from bench import budget, flows, passes, standing, starting
from bench.conditions import conditions
from bench.peers import compare
from bench.yardstick import measure
from bench.yardstick.workload import SCENARIOS

RUNS, RUNS_QUICK = 10, 3
RUNS_LARGE, RUNS_LARGE_QUICK = 5, 1
PARTS = ("yardstick", "flows", "standing", "starting", "budget")

Tell = Callable[[str], None]


def run_yardstick(runs: int, tell: Tell) -> dict[str, Any]:
    """All five scenarios; `tell` gets a line as each is done."""
    found: dict[str, Any] = {}
    for scenario in SCENARIOS:
        found[scenario.name] = result = measure.measure(scenario, runs)
        tell(
            f"{scenario.name:<16} {result['messages_per_s'] / 1e6:6.2f} M messages/s"
            f"   sha256 {'as published' if result['sha256_ok'] else 'WRONG'}"
        )
    return found


def run(
    quick: bool = False,
    tell: Tell = lambda line: None,
    peers: bool = False,
    parts: tuple[str, ...] = PARTS,
) -> dict[str, Any]:
    """The parts asked for, and the peers where they are asked for."""
    runs, runs_large = (RUNS_QUICK, RUNS_LARGE_QUICK) if quick else (RUNS, RUNS_LARGE)
    found: dict[str, Any] = {"conditions": conditions(**passes.HOW, quick=quick)}
    if "yardstick" in parts:
        found["yardstick"] = run_yardstick(runs, tell)
        found["worst_messages_per_s"] = min(result["messages_per_s"] for result in found["yardstick"].values())
    if "flows" in parts:
        found["flows"] = flows.run(runs, quick, tell)
    if "standing" in parts:
        found["standing"] = standing.run(runs_large, tell)
    if "starting" in parts:
        found["starting"] = starting.run(quick, tell)
    if "budget" in parts:
        found["budget"] = budget.run(runs_large, quick, tell)
    found["peers"] = compare.run(quick, tell) if peers else {}
    return found


def good(found: dict[str, Any]) -> bool:
    """Whether everything that can be proved of matchline was: hashes as published, each run with the same events."""
    hashes = all(result["sha256_ok"] for result in found.get("yardstick", {}).values())
    runs = [*found.get("flows", {}).values(), *found.get("standing", {}).values()]
    return hashes and all(result.get("same_events_each_run", True) for result in runs)
