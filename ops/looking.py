"""One look at a running pipeline: processes from run.json and /proc, sequences from shared memory."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from config.settings import SINK_PREFIX
from consumers.gateway.counts import read_counts
from consumers.gateway.process import NAME as GATEWAY
from consumers.replication.status import FEED_CURSOR, standing
from consumers.sinks.status import read_status
from ops.host import TICKS_PER_S, cpu_ticks, pss_bytes
from ops.run_file import RunFile, require_run
from ringbuf.cursor import CursorSource, CursorState, CursorView
from ringbuf.ring import Ring
from ringbuf.shm import SegmentMissing


@dataclass
class Sample:
    """Counters at one moment: from two of them come rates."""

    at_s: float
    published: int
    ticks: dict[str, int]
    sequences: dict[str, int]


class Look:
    """Looks at the pipeline of a data directory again and again; `close` lets go of its shared memory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        run = require_run(data)
        try:
            self.ring = Ring.attach(f"/{run.name}.events", "event")
        except SegmentMissing as error:
            raise ConfigError("--data", f"the pipeline on {data} is just starting or stopping: {error}") from error

    def sample(self, run: RunFile) -> Sample:
        """Counters now."""
        return Sample(
            at_s=time.monotonic(),
            published=self.ring.published,
            ticks={name: cpu_ticks(row.pid) for name, row in run.processes.items() if row.pid},
            sequences={cursor.name: cursor.sequence for cursor in self.ring.cursors()},
        )

    def report(self, before: Sample, memory: bool = True) -> tuple[dict[str, Any], Sample]:
        """The `status` object, with rates since `before`, and the sample to compare with next time.

        memory=False leaves pss_bytes 0: it costs the kernel milliseconds a process.
        """
        run = require_run(self.data)
        now = self.sample(run)
        seconds = max(now.at_s - before.at_s, 1e-3)
        processes = {name: self._process(run, name, before, now, seconds, memory) for name in run.processes}
        cursors = self.ring.cursors()
        published = self.ring.published  # after the cursors: none of them is ahead of it
        return {
            "name": run.name,
            "state": run.state,
            "epoch": run.epoch,
            "profile": run.profile,
            "ports": run.to_dict()["ports"],
            "processes": processes,
            "published": published,
            "durable": self.ring.durable,
            "standby": _followed(run, cursors),
            "events_per_s": round((now.published - before.published) / seconds),
            "consumers": {cursor.name: self._consumer(cursor, published, before, now, seconds) for cursor in cursors},
        }, now

    def close(self) -> None:
        """Let go of the shared memory."""
        self.ring.close()

    @staticmethod
    def _process(run: RunFile, name: str, before: Sample, now: Sample, seconds: float, memory: bool) -> dict[str, Any]:
        """pid (null while down), cpu (share of one core, 1 = all of it), state, restarts, memory."""
        row = run.processes[name]
        used = now.ticks.get(name, 0) - before.ticks.get(name, 0)
        alive = row.is_alive()
        return {
            "pid": row.pid if alive else None,
            "cpu": round(max(used, 0) / TICKS_PER_S / seconds, 3) if alive else 0.0,
            "state": row.state if alive or row.state == "backing_off" else "down",
            "restarts": row.restarts,
            "pss_bytes": pss_bytes(row.pid) if alive and memory else 0,
            "why": row.why,
        }

    def _consumer(
        self, cursor: CursorView, published: int, before: Sample, now: Sample, seconds: float
    ) -> dict[str, Any]:
        """seq, lag (0 = caught up, null = nobody owns the cursor), state, source, rate; a sink's errors, and what a
        gateway's connections come to."""
        moved = now.sequences.get(cursor.name, 0) - before.sequences.get(cursor.name, 0)
        is_sink = cursor.name.startswith(SINK_PREFIX)
        fares = asdict(read_status(self.data, cursor.name.removeprefix(SINK_PREFIX))) if is_sink else {}
        return {
            **{name: fares[name] for name in ("errors", "retries", "dead_letters", "why") if name in fares},
            **(read_counts(self.data, cursor.name) if cursor.name.startswith(GATEWAY) else {}),
            "seq": cursor.sequence,
            "lag": max(published - cursor.sequence, 0) if cursor.alive else None,
            "state": CursorState(cursor.state).name.lower() if cursor.alive else "down",
            "source": CursorSource(cursor.source).name.lower(),
            "events_per_s": round(moved / seconds),
        }


def standby_report(data: Path) -> dict[str, Any]:
    """The `status` object of a standby that follows another host: its follower's own words, and its row."""
    run = require_run(data)
    absent = {"state": "connecting", "from": "", "seq": 0, "lag": 0, "term": 0, "silent_ms": 0}
    return {
        "name": run.name,
        "state": run.state,
        "standby": standing(data) or absent,
        "processes": {name: {"pid": row.pid or None, **vars(row)} for name, row in run.processes.items()},
    }


def standby_line(report: dict[str, Any]) -> str:
    """The same as a line for people."""
    found = report["standby"]
    rows = [row["why"] for row in report["processes"].values()]
    why = "; ".join(text for text in (found.get("why", ""), *rows) if text)
    more = ", takes over unasked" if found.get("takes_over_unasked") else ""
    return (
        f"{report['name']}: standby, {found['state']} {found['from']} in term {found['term']}, at {found['seq']:,}, "
        f"{found['lag']:,} behind, silent for {found['silent_ms']} ms{more}" + (f" ({why})" if why else "")
    )


def _followed(run: RunFile, cursors: list[CursorView]) -> dict[str, Any] | None:
    """How a primary's followers are; None where it has no standby feed."""
    feed = next((cursor for cursor in cursors if cursor.name == FEED_CURSOR), None)
    if feed is None:
        return None
    required = run.settings["standby"]["required"]
    follows = feed.alive and feed.state == CursorState.RUNNING
    why = "" if follows or not required else "the required follower is missing: commands wait, nothing is acknowledged"
    return {"required": required, "follower": "following" if follows else "missing", "seq": feed.sequence, "why": why}


def table(report: dict[str, Any]) -> str:
    """A status report as lines for people: one a process."""
    lines = [
        f"{report['name']}: {report['state']}, published {report['published']:,}, durable {report['durable']:,}, "
        f"{report['events_per_s']:,} events/s",
        f"{'process':<12} {'pid':>8} {'cpu':>6} {'MB':>6} {'state':<12} {'restarts':>8} {'seq':>14} {'lag':>10} source",
    ]
    for name, row in report["processes"].items():
        cursor = report["consumers"].get(name)
        seq = f"{cursor['seq']:,}" if cursor else "-"
        lag = "-" if cursor is None or cursor["lag"] is None else f"{cursor['lag']:,}"
        source = (cursor["state"] if cursor["state"] == "away" else cursor["source"]) if cursor else ""
        said = row["why"] or (cursor["why"] if cursor and cursor.get("retries") else "")
        why = f"  ({said})" if said else ""
        lines.append(
            f"{name:<12} {row['pid'] or '-':>8} {row['cpu']:>6.1%} {row['pss_bytes'] / 1e6:>6.0f} {row['state']:<12} "
            f"{row['restarts']:>8} {seq:>14} {lag:>10} {source}{why}"
        )
    if report["standby"] is not None and report["standby"]["why"]:
        lines.append(report["standby"]["why"])
    return "\n".join(lines)
