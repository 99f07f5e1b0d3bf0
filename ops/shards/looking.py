"""`status` of all shards: one object of the same form, names with the shard's number before them."""

import time
from typing import Any

from config.errors import ConfigError
from ops.host import TICKS_PER_S, cpu_ticks, pss_bytes
from ops.looking import Look
from ops.run_file import ProcessRow, RunFile, require_run
from ops.shards.layout import Shards


def report(shards: Shards, seconds: float) -> dict[str, Any]:
    """What runs, over `seconds`. A shard that is away is null in `shards`; its row among the processes says why."""
    run = require_run(shards.data)
    looks = [_look(shards, shard) for shard in range(shards.count)]
    before = [None if look is None else look.sample(require_run(look.data)) for look in looks]
    ticks = {name: cpu_ticks(row.pid) for name, row in run.processes.items() if row.pid}
    time.sleep(seconds)
    found: list[dict[str, Any] | None] = []
    for look, sample in zip(looks, before, strict=True):
        found.append(_report(look, sample))
    return {
        "name": run.name,
        "state": run.state,
        "epoch": run.epoch,
        "profile": run.profile,
        "ports": run.to_dict()["ports"],
        "processes": _own_rows(run, ticks, seconds) | _prefixed(found, "processes"),
        "published": sum(one["published"] for one in found if one is not None),
        "durable": sum(one["durable"] for one in found if one is not None),
        "events_per_s": sum(one["events_per_s"] for one in found if one is not None),
        "standby": None,
        "consumers": _prefixed(found, "consumers"),
        "shards": {str(shard): one for shard, one in enumerate(found)},
    }


def _look(shards: Shards, shard: int) -> Look | None:
    try:
        return Look(shards.folder(shard))
    except ConfigError:  # it is just starting, stopping, or between two lives
        return None


def _report(look: Look | None, sample: Any) -> dict[str, Any] | None:
    if look is None:
        return None
    try:
        found, _ = look.report(sample)
        return found
    except ConfigError:
        return None
    finally:
        look.close()


def _prefixed(found: list[dict[str, Any] | None], key: str) -> dict[str, Any]:
    there = [(shard, one[key]) for shard, one in enumerate(found) if one is not None]
    return {f"{shard}/{name}": row for shard, rows in there for name, row in rows.items()}


def _own_rows(run: RunFile, before: dict[str, int], seconds: float) -> dict[str, Any]:
    """The processes of the outside, and each shard's supervisor."""
    return {name: _row(row, before.get(name, 0), seconds) for name, row in run.processes.items()}


def _row(row: ProcessRow, ticks: int, seconds: float) -> dict[str, Any]:
    alive = row.is_alive()
    used = max(cpu_ticks(row.pid) - ticks, 0) if alive else 0
    return {
        "pid": row.pid if alive else None,
        "cpu": round(used / TICKS_PER_S / seconds, 3),
        "state": row.state if alive or row.state == "backing_off" else "down",
        "restarts": row.restarts,
        "pss_bytes": pss_bytes(row.pid) if alive else 0,
        "why": row.why,
    }
