"""``bench [NAME…]``: measurements, each with the conditions it was taken under."""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ops.output import print_json

# What this version measures, by name.
NAMES = (
    *("core", "ring", "hop", "latency", "pipeline", "balances", "publish", "recovery", "attacks", "standby", "scale"),
    *("sinks", "gateway", "flood"),
)
ASKED_FOR = ("sinks", "gateway", "flood")  # these only by name: they need outside servers, or the gateway
# Tables of `core`.
PARTS = ("yardstick", "flows", "standing", "starting", "budget")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments beside the common ones."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--peers", action="store_true", help="core: beside the matching engines that PyPI has")
    parser.add_argument(
        "--parts", metavar="PART,…", default=",".join(PARTS), help=f"core: only these of {', '.join(PARTS)}"
    )
    parser.add_argument(
        "--docs", type=Path, metavar="DIR", help="put what was measured into DIR/performance.{json,md,svg}"
    )


def run(args: argparse.Namespace) -> int:
    """Measure; 1 where a measurement proves something wrong (a yardstick hash that differs)."""
    names = _known("NAME", args.names, NAMES) or tuple(name for name in NAMES if name not in ASKED_FOR)
    parts = _known("--parts", args.parts.split(","), PARTS)
    if args.docs is not None and not (args.docs / "performance.md").is_file():
        raise ConfigError("--docs", f"expected a folder with performance.md, got {str(args.docs)!r}")
    report: dict[str, Any] = {}
    good = True
    for name in names:
        # by name: bench is no part of the installed packages, and its kernels are untyped
        measured = importlib.import_module(f"bench.{name}")
        if name == "core":
            report[name] = measured.run(args.quick, _tell, args.peers, parts)
            good = measured.good(report[name])
        else:
            report[name] = measured.run(args.quick, _tell)
    if "worst_messages_per_s" in report.get("core", {}):
        _tell(_worst(report["core"]))
    if args.docs is not None:
        importlib.import_module("bench.docs").write(args.docs, report)
    if args.json:
        print_json(report)
    return 0 if good else 1


def _known(what: str, asked: list[str], known: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise ConfigError(what, f"expected {', '.join(known)}, got {unknown[0]!r}")
    return tuple(asked)


def _worst(core: dict[str, Any]) -> str:
    conditions = core["conditions"]
    rate = f"{core['worst_messages_per_s'] / 1e6:.2f} M messages/s"
    return f"worst of five {rate} on {conditions['cpu']}, load average {conditions['load_average']}"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
