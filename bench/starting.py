"""How long a start takes: every kernel compiled anew, and loaded again from the cache that this left.

Each time in a fresh interpreter with a compile cache of its own, importing what the supervisor imports before it
forks, then an engine that answers its first command.
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
import json, time
begin, cpu = time.perf_counter(), time.process_time()
from ops.processes import present, warm
for spec in sorted(present(), key=lambda spec: spec.name != "engine"):
    warm(spec)
    if spec.name == "engine":
        engine = time.perf_counter()
loaded, loaded_cpu = time.perf_counter(), time.process_time()
from bench.standing import listings
from engine.core import Engine
Engine().run(listings(1).seed_commands())
answered = time.perf_counter()
print(json.dumps({"engine_s": engine - begin, "all_s": loaded - begin, "all_cpu_s": loaded_cpu - cpu,
                  "first_answer_s": answered - loaded}))
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
