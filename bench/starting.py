"""How long a start takes: every kernel compiled anew, and loaded again from the cache that this left.

Each time in a fresh interpreter with a compile cache of its own, doing what the supervisor does before it forks:
kernels compiled in processes side by side where the cache lacks them, then loaded; then an engine that answers its
first command.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from ringbuf.jit import ROOT

WARM_RUNS = 5
_CHILD = """
import json, resource, time
begin = time.perf_counter()
from ops.compiling import compile_kernels
from ops.processes import present, warm
specs = sorted(present(), key=lambda spec: spec.name != "engine")
compile_kernels(specs, lambda line: None)
for spec in specs:
    warm(spec)
    if spec.name == "engine":
        engine = time.perf_counter()
loaded = time.perf_counter()
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
from bench.standing import listings
from engine.core import Engine
Engine().run(listings(1).seed_commands())
print(json.dumps({"engine_s": engine - begin, "all_s": loaded - begin,
                  "all_cpu_s": sum(one.ru_utime + one.ru_stime for one in used),
                  "first_answer_s": time.perf_counter() - loaded}))
"""


def start_once(cache: str) -> dict[str, float]:
    """Seconds of one start with that compile cache. Raises RuntimeError."""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment["MATCHLINE_CACHE"] = cache
    command = [sys.executable, "-c", _CHILD]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"a start failed: {done.stderr.strip()[-2_000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """One start that compiles, then WARM_RUNS that load: medians."""
    with tempfile.TemporaryDirectory() as cache:
        fresh = start_once(cache)
        warm = [start_once(cache) for _ in range(2 if quick else WARM_RUNS)]
    found = {"fresh": fresh, "warm": {name: statistics.median(run[name] for run in warm) for name in fresh}}
    rounded = {how: {name: round(value, 2) for name, value in times.items()} for how, times in found.items()}
    tell(f"start: compiled anew {rounded['fresh']['all_s']} s, from the cache {rounded['warm']['all_s']} s")
    return {**rounded, "warm_runs": len(warm)}
