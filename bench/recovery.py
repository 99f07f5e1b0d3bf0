"""`bench recovery`: how long until it goes on, and what safety costs.

PARTS: a restart on a large history, the start of a whole pipeline and the takeover of a killed engine, the journal.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import recovery_history, recovery_journal, recovery_live
from bench.conditions import conditions

RUNS, RUNS_QUICK = 5, 1
KILLS, KILLS_QUICK = 20, 3
PORT_BASE = 29_550


def run(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """{restart, live, journal, conditions}."""
    runs, name = RUNS_QUICK if quick else RUNS, f"mlbench-{os.getpid()}"
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="matchline-bench-") as place:
        folder = Path(place)
        disk = os.statvfs(folder)
        found["journal"] = journal = recovery_journal.measure(folder, name, runs, quick)
        rates = ", ".join(f"{mode} {journal[mode]['events_per_s'] / 1e6:.2f}" for mode in ("journal", "fsync"))
        tell(f"journal: M events/s safe: {rates}")
        found["live"] = live = recovery_live.measure(folder, name, PORT_BASE, runs, KILLS_QUICK if quick else KILLS)
        tell(f"warm start {live['warm_start_s']} s; engine killed: answer after {live['take_over_ms']} ms")
        found["restart"] = restart = recovery_history.measure(folder, name, PORT_BASE, runs, quick)
        for which in ("tenth", "all"):
            one = restart[which]
            tell(
                f"restart ({which}) with {one['open_orders']:,} open orders and {one['events_after']:,} events after "
                f"the snapshot: ready in {one['ready_s']} s, the engine in {one['engine_s']} s"
            )
        found["conditions"] = conditions(quick=quick, disk=_disk_of(folder), block_bytes=disk.f_bsize)
    return found


def _disk_of(folder: Path) -> str:
    """File system under a folder, as /proc/mounts names it."""
    mounts = [line.split()[:3] for line in Path("/proc/mounts").read_text().splitlines()]
    under = [(len(at), kind) for _, at, kind in mounts if str(folder).startswith(at.rstrip("/") + "/")]
    return max(under)[1] if under else "unknown"
