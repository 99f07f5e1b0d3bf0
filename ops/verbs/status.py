"""status: one look at a running pipeline."""

import argparse
import time
from pathlib import Path
from typing import Any

from ops.looking import Look, standby_line, standby_report, table
from ops.output import print_json
from ops.run_file import require_run
from ops.shards.layout import read_shards

SAMPLE_S = 0.2  # CPU and rates are those of this moment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def _standby(args: argparse.Namespace) -> int:
    """0 when it follows, 1 when it does not reach its primary."""
    found = standby_report(args.data)
    if args.json:
        print_json(found)
    else:
        print(standby_line(found))
    return 0 if found["standby"]["state"] == "following" else 1


def report(data: Path, sample_s: float = SAMPLE_S) -> dict[str, Any]:
    """What --json prints of a pipeline or of shards that run."""
    shards = read_shards(data)
    if shards is not None:
        from ops.shards.looking import report as of_shards

        return of_shards(shards, sample_s)
    look = Look(data)
    before = look.sample(require_run(data))
    time.sleep(sample_s)
    found, _ = look.report(before)
    look.close()
    return found


def run(args: argparse.Namespace) -> int:
    """0 when every process runs, 1 when one is down, 2 when there is no pipeline."""
    if require_run(args.data).state == "standby":
        return _standby(args)
    found = report(args.data)
    if args.json:
        print_json(found)
    else:
        print(table(found))
    return 0 if all(row["pid"] for row in found["processes"].values()) else 1
