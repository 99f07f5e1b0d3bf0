"""demo: recorded order flow through the whole running chain, then what happened, computed from the stores."""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ops.output import print_json, say

CATCH_UP_S = 120.0
STEPS = (
    ("1 match output", "engine"),
    ("2 order status", "orders"),
    ("3 asset transfer", "balances"),
    ("4 trade log", "journal"),
    ("5 push", "publisher"),
    ("6 market data", "marketdata"),
    ("7 settlement", "settlement"),
    ("8 risk and audit", "risk"),
    ("9 reconciliation", "reconcile"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the demo."""
    parser.add_argument("--keep", action="store_true", help="leave the pipeline running")
    parser.add_argument("--port-base", type=int, default=5550, metavar="N")
    parser.add_argument("--commands", type=int, default=200_000, metavar="N", help="of the generator, when offline")


class _Demo:
    """One run: its folder, its names, and the verbs it calls as a user would."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.data = (args.data / "demo").resolve()
        self.flow = self.data.parent / "flow"
        self.name = f"{args.name}-demo"
        self.options = ["--data", str(self.data), "--name", self.name]

    def verb(self, *words: str, check: bool = True) -> dict[str, Any]:
        """Run a verb of ours with --json; its object. Raises RuntimeError with its words where it failed."""
        done = subprocess.run(
            [sys.executable, "-m", "ops.cli", *words, *self.options, "--json"], stdout=subprocess.PIPE, check=False
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{words[0]} ended with {done.returncode}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def input(self) -> Any:
        """The recorded half hour as commands; a generator's where it can't be fetched, and says so."""
        from ops.convert import convert
        from ops.convert.fetch import FetchError, fetch
        from ops.convert.generate import generate

        self.flow.mkdir(parents=True, exist_ok=True)
        try:
            files = fetch(self.args.data.resolve() / "data")
        except FetchError as error:
            say(f"no recorded order flow ({error}): a seeded generator, calibrated to it, stands in")
            return generate(self.flow, self.args.commands, 1)
        return convert("bitstamp", files, self.flow)

    def wait_for_all(self) -> dict[str, Any]:
        """Status once every consumer is at the last published event."""
        deadline = time.monotonic() + CATCH_UP_S
        while True:
            status = self.verb("status")
            if all(row["lag"] == 0 for row in status["consumers"].values()):
                return status
            if time.monotonic() > deadline:
                raise RuntimeError(f"not caught up after {CATCH_UP_S:.0f} s: {status['consumers']}")
            time.sleep(0.2)


def run(args: argparse.Namespace) -> int:
    """0 when money is conserved, every store agrees and the venue's trades came out again."""
    demo = _Demo(args)
    summary = demo.input()
    shutil.rmtree(demo.data, ignore_errors=True)
    demo.data.mkdir(parents=True)
    up = [sys.executable, "-m", "ops.cli", "up", "--detach", *demo.options, "--port-base", str(args.port_base)]
    up += ["--instruments", str(summary.instruments_path)]
    if subprocess.run(up, stdout=sys.stderr, check=False).returncode != 0:
        return 1
    try:
        report = _drive(demo, summary)
    finally:
        if not args.keep:
            subprocess.run([sys.executable, "-m", "ops.cli", "down", *demo.options], stdout=sys.stderr, check=False)
    if args.json:
        print_json(report)
    else:
        _show(report, demo)
    venue = report["venue"]
    good = report["conserved"] and report["reconciled"] and venue["book_identical"]
    return 0 if good and venue["trades_reproduced"] == venue["trades_expected"] else 1


def _drive(demo: _Demo, summary: Any) -> dict[str, Any]:
    from consumers.metrics import read_metrics
    from ops.demo.venue import compare

    began = time.monotonic()
    feed = demo.verb("feed", str(summary.commands_path), "--rate", "max", "--via", "shm")
    status = demo.wait_for_all()
    seconds = time.monotonic() - began
    latency = {counts.name: counts.percentiles() for counts in read_metrics(demo.name)}
    checks = demo.verb("reconcile", check=False)
    venue = compare(demo.data, Path(summary.expected_path))
    trades = venue.pop("trades_found")
    return {
        "orders": feed.get("commands", 0),
        "events": status["published"],
        "trades": trades,
        "seconds": round(seconds, 3),
        "consumers": {name: {"seq": row["seq"], "lag": row["lag"]} for name, row in status["consumers"].items()},
        "latency_ns": latency,
        "conserved": all(check["ok"] for check in checks["checks"] if "money" in check["name"]),
        "reconciled": checks["ok"],
        "checks": checks["checks"],
        "venue": venue,
    }


def _show(report: dict[str, Any], demo: _Demo) -> None:
    """The closing table."""
    print(f"{report['orders']} commands, {report['events']} events, {report['trades']} trades in {report['seconds']} s")
    print(f"{'step':<20}{'who':<12}{'last seq':>10}{'lag':>6}{'p50 us':>10}{'p99 us':>10}{'max us':>10}")
    for step, who in STEPS:
        row = report["consumers"].get(who)
        times = report["latency_ns"].get(who, {})
        cells = "".join(f"{times[key] / 1000:>10.1f}" if key in times else f"{'':>10}" for key in ("p50", "p99", "max"))
        last, lag = (row["seq"], row["lag"]) if row else (report["events"], 0)
        print(f"{step:<20}{who:<12}{last:>10}{lag:>6}{cells}")
    for check in report["checks"]:
        print(f"{'ok ' if check['ok'] else 'BAD'} {check['name']}: {check['detail']}")
    venue = report["venue"]
    print(f"venue: {venue['trades_reproduced']} of {venue['trades_expected']} trades reproduced,", end=" ")
    print(f"ending book {'identical' if venue['book_identical'] else 'DIFFERENT'}")
    print(f"look further: ./run.sh query depth BTC-USD --data {demo.data}; reports lie in {demo.data / 'reports'}")
