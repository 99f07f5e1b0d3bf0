"""doctor: what this host does to latency and safety, with the line that mends it."""

import argparse

from ops.host_checks import CHECKS, NEEDED
from ops.output import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--strict."""
    parser.add_argument("--strict", action="store_true", help="fail on warnings too")


def run(args: argparse.Namespace) -> int:
    """0 when what is needed is there (--strict: when all is well), else 1."""
    found = [check() for check in CHECKS]
    if args.json:
        print_json({"checks": [check.to_dict() for check in found]})
    else:
        for check in found:
            print(f"{'ok  ' if check.ok else 'WARN'} {check.name}: {check.value}")
            if not check.ok:
                print(f"     {check.why}\n     {check.mend}")
    return 0 if all(check.ok or (not args.strict and check.name not in NEEDED) for check in found) else 1
