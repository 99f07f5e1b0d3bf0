"""reconcile: every store compared with the journal's history at one sequence; running or not."""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from consumers.store import StoreError, StoreView
from consumers.stored import store_path
from ops.evidence import TABLES
from ops.output import print_json, say
from ops.run_file import live_run, read_run
from ops.shards.layout import Shards, read_shards

if TYPE_CHECKING:
    from engine.state import Limits
    from ops.reconciliation import Check

PATIENCE_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long to wait for consumers to catch up."""
    parser.add_argument(
        "--wait",
        type=float,
        default=PATIENCE_S,
        metavar="SECONDS",
        help="for consumers of a running pipeline to catch up",
    )


def run(args: argparse.Namespace) -> int:
    """0 when everything agrees, 1 when something does not, 2 when there is nothing to compare."""
    from ops.reconciliation import Check, reconcile  # compiles the engine: not for `--help`

    shards = read_shards(args.data)
    if shards is not None:
        return _shards(args, shards)
    with JournalReader(args.data) as reader:
        if not reader.last:
            say(f"{args.data}: there is no journal there (has a pipeline run with this data directory?)")
            return 2
        running = live_run(args.data) is not None
        if running:
            wait_for_consumers(args.data, reader, args.wait)
    try:
        seq, checks = reconcile(args.data, limits_of(args.data), args.wait if running else 0.0)
    except JournalError as error:
        seq, checks = 0, [Check("journal", False, str(error))]
    if any((args.data / "sinks").glob("*.json")):
        from ops.sinks import check_sinks

        checks += check_sinks(args.data)
    return _tell(args, {"seq": seq}, checks)


def _shards(args: argparse.Namespace, shards: Shards) -> int:
    """Every shard, and what concerns all of them; `seq` is the sum of theirs."""
    from ops.shards.reconciliation import reconcile_shards

    running = live_run(args.data) is not None
    for folder in shards.folders:
        with JournalReader(folder) as reader:
            if not reader.last:
                say(f"{folder}: there is no journal there (has a pipeline run with this data directory?)")
                return 2
            if running:
                wait_for_consumers(folder, reader, args.wait)
    limits = [limits_of(folder) for folder in shards.folders]
    seqs, checks = reconcile_shards(shards, limits, args.wait if running else 0.0)
    return _tell(args, {"seq": sum(seqs.values()), "seqs": seqs}, checks)


def _tell(args: argparse.Namespace, said: dict[str, Any], checks: "list[Check]") -> int:
    ok = all(check.ok for check in checks)
    if args.json:
        print_json({**said, "ok": ok, "checks": [vars(check) for check in checks]})
    else:
        for check in checks:
            print(f"{'ok    ' if check.ok else 'WRONG '} {check.name:<14} {check.detail}")
        print(f"{'all agree' if ok else 'NOT reconciled'} at sequence {said['seq']}")
    for check in checks:
        if not check.ok:
            say(f"{check.name}: {check.detail}")
    return 0 if ok else 1


def limits_of(data: Path) -> "Limits":
    """At least those of the engine that last ran on this data, as run.json has them."""
    from engine.state import Limits

    run = read_run(data)
    configured = run.settings.get("engine", {}) if run is not None else {}
    limits = Limits()
    for name in vars(limits):
        if isinstance(configured.get(name), int):
            limits = replace(limits, **{name: max(getattr(limits, name), configured[name])})
    return limits


def wait_for_consumers(data: Path, reader: JournalReader, seconds: float) -> None:
    """Until every store stands where the journal ends; under constant flow it never does, and need not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        last = reader.last
        if all(_sequence(data, name) >= last for name in TABLES):
            return
        time.sleep(0.05)


def _sequence(data: Path, name: str) -> int:
    try:
        with StoreView(store_path(data, name)) as view:
            return view.sequence
    except StoreError:
        return 0
