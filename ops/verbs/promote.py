"""promote: make the standby of a data directory the primary, or (--local) a pipeline's replica its engine.

Either way it says how long that took.
"""

import argparse
import os
import signal
import time
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ops.output import print_json, say
from ops.run_file import RunFile, live_run, require_run

PATIENCE_S = 60.0
LOOK_S = 0.002


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--local."""
    parser.add_argument(
        "--local", action="store_true", help="within a running pipeline: the replica goes on in the engine's place"
    )


def run(args: argparse.Namespace) -> int:
    """0 when the pipeline runs (or, where nothing ran, `up` may start it), 1 when it doesn't, 2 where it is one."""
    if args.local:
        return _within(args)
    found = live_run(args.data)
    if found is None:
        return _at_rest(args)
    if found.state != "standby":
        raise ConfigError("--data", f"the pipeline on {args.data} is a primary already")
    began = time.monotonic()
    os.kill(found.supervisor.pid, signal.SIGUSR1)
    while not _is_up(args.data):
        if not found.supervisor.is_alive() or time.monotonic() - began > PATIENCE_S:
            say(f"the standby on {args.data} did not take over: see {args.data}/logs/supervisor.log")
            return 1
        time.sleep(LOOK_S)
    report = _report(args.data, require_run(args.data), time.monotonic() - began)
    say(f"term {report['term']} runs after {report['running_ms']} ms, order entry on {report['ports']['entry']}")
    if args.json:
        print_json(report)
    return 0


def _within(args: argparse.Namespace) -> int:
    """The engine is ended, its standby on this host goes on."""
    found = require_run(args.data)
    engine, replica = found.processes["engine"].pid, found.processes["replica"].pid
    if found.state != "running" or not engine or found.processes["replica"].state != "running":
        raise ConfigError("--local", f"expected an engine and a replica at work on {args.data}, see `status`")
    began = time.monotonic()
    os.kill(found.supervisor.pid, signal.SIGUSR1)
    while (row := require_run(args.data).processes["engine"]).pid == engine or row.state != "running":
        if time.monotonic() - began > PATIENCE_S:
            say(f"no engine is at work: see {args.data}/logs/supervisor.log")
            return 1
        time.sleep(LOOK_S)
    took_ms = round((time.monotonic() - began) * 1000)
    say(f"engine {row.pid} is at work after {took_ms} ms" + ("" if row.pid == replica else ", not the replica"))
    if args.json:
        print_json({"engine": row.pid, "was_replica": row.pid == replica, "running_ms": took_ms})
    return 0 if row.pid == replica else 1


def _is_up(data: Path) -> bool:
    found = live_run(data)
    return found is not None and found.state == "running"


def _report(data: Path, run_file: RunFile, seconds: float) -> dict[str, Any]:
    from consumers.replication.term import read_term

    term = read_term(data)
    return {
        "term": term.number,
        "after": term.history[-1][1],
        "running_ms": round(seconds * 1000),
        "ports": run_file.to_dict()["ports"],
    }


def _at_rest(args: argparse.Namespace) -> int:
    """Nothing runs: the directory is marked as the primary of the next term, and `up` will start it."""
    from ops.locks import lock_data
    from ops.standby import promote_directory

    if not (args.data / "journal").is_dir():
        raise ConfigError("--data", f"expected a directory with a journal, not {args.data}")
    lock = lock_data(args.data, 0.5)
    try:
        number = promote_directory(args.data)
    finally:
        os.close(lock)
    say("nothing runs on it: start it with `up`")
    if args.json:
        print_json({"term": number, "running_ms": None})
    return 0
