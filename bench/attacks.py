"""`bench attacks`: what the worst command costs that somebody can send on purpose.

Every flow of `bench.attack_flows` runs in a fresh engine, several times; of a command the shortest of its times counts,
so that what else the host does is left out as far as it can be, and its processor time where that is less. No ring, no
reader: the engine alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.attack_flows import FLOWS, Flow
from bench.attack_run import TURN, TimedEngine
from bench.conditions import conditions

COUNT, COUNT_QUICK = 100_000, 10_000
COUNTS = {
    "stop cascade": 10_000,
    "a queue cancelled from the middle": 1_000_000,
    "iceberg of one-lot slices": 1_000_000,
}
PASSES, PASSES_QUICK = 3, 2
BATCH = 50_000


def timed(flow: Flow) -> np.ndarray:
    """TURN rows of a flow's commands in a fresh engine."""
    engine = TimedEngine(flow.limits, flow.seed)
    engine.state.use_huge_pages()
    for at in range(0, len(flow.setup), BATCH):
        engine.run(flow.setup[at : at + BATCH])
    return engine.run_timed(flow.commands)


def shortest(turns: list[np.ndarray]) -> np.ndarray:
    """Of each command the shortest times; what it emitted is the same in every pass."""
    best = turns[0].copy()
    for name in TURN.names or ():
        if name.endswith("_ns"):
            best[name] = np.min([turn[name] for turn in turns], axis=0)
        else:
            assert all((turn[name] == best[name]).all() for turn in turns), f"{name} differs from pass to pass"
    return best


def figures(turns: np.ndarray) -> dict[str, int]:
    """What is told of a flow."""
    ns = turns["command_ns"]
    return {
        "commands": len(turns),
        "events": int(turns["command_events"].sum()),
        "median_ns": int(np.median(ns)),
        "p999_ns": int(np.quantile(ns, 0.999)),
        "worst_ns": int(ns.max()),
        "worst_events": int(turns["command_events"][ns.argmax()]),
        "steps": int(turns["steps"].sum()),
        "most_steps_of_a_command": int(turns["steps"].max()),
        "longest_step_ns": int(turns["longest_step_ns"].max()),
        "worst_steps_ns": int(turns["steps_ns"].max()),
    }


def run(quick: bool = False, tell: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Every flow, by name, and the conditions; `tell` gets a line as each is done."""
    found: dict[str, Any] = {}
    passes = PASSES_QUICK if quick else PASSES
    for name, make in FLOWS.items():
        flow = make(COUNT_QUICK if quick else COUNTS.get(name, COUNT))
        result = figures(shortest([timed(flow) for _ in range(passes)]))
        found[name.replace(",", "").replace(" ", "_")] = result
        line = f"{name:<38} {result['commands']:>8} commands  median {result['median_ns']:>7} ns"
        line += f"  p99.9 {result['p999_ns']:>9}  worst {result['worst_ns']:>9} ({result['worst_events']} events)"
        if result["steps"]:
            line += f"  {result['most_steps_of_a_command']} steps {result['worst_steps_ns']}"
            line += f", longest {result['longest_step_ns']}"
        tell(line)
    clock = f"round every command and step, by wall or processor, whichever is less; the shortest of {passes} passes"
    return {**found, "conditions": conditions(quick=quick, clock=clock)}
