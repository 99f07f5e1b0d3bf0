"""``bench [NAME…]``: measurements, each with the conditions it was taken under."""

import argparse
import importlib
import sys
from typing import Any

from config.errors import ConfigError
from ops.output import print_json

# What this version measures, by name.
NAMES = ("core",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments beside the common ones."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer runs")


def run(args: argparse.Namespace) -> int:
    """Measure; 1 where a measurement proves something wrong (a yardstick hash that differs)."""
    unknown = [name for name in args.names if name not in NAMES]
    if unknown:
        raise ConfigError("NAME", f"expected {', '.join(NAMES)}, got {unknown[0]!r}")
    # by name: bench is no part of the installed packages, and its kernels are untyped
    core = importlib.import_module("bench.core")

    result = core.run(args.quick, tell=lambda line: print(line, file=sys.stderr, flush=True))
    report: dict[str, Any] = {"core": result}
    good = all(scenario["sha256_ok"] for scenario in result["yardstick"].values())
    print(
        f"worst of five {result['worst_messages_per_s'] / 1e6:.2f} M messages/s on {result['conditions']['cpu']},"
        f" load average {result['conditions']['load_average']}",
        file=sys.stderr,
    )
    if args.json:
        print_json(report)
    return 0 if good else 1
