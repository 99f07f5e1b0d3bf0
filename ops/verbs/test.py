"""test: the test suite, by pytest. What is not an option of ours goes to pytest as it stands."""

import argparse
import subprocess
import sys
from pathlib import Path

from ops.output import print_json

ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--long and paths."""
    parser.add_argument("--long", action="store_true", help="also the tests that take minutes")
    parser.add_argument("-k", dest="keyword", default=None, metavar="WORDS", help="only tests whose name has these")
    parser.add_argument("paths", nargs="*", help="files or folders (default: tests)")


def run(args: argparse.Namespace) -> int:
    """pytest's verdict: 0 when all passed, else 1."""
    command = [sys.executable, "-m", "pytest", "-q"]
    if args.long:
        command += ["-m", "long or not long"]
    if args.keyword:
        command += ["-k", args.keyword]
    command += args.paths
    output = sys.stderr if args.json else None
    ended = subprocess.run(command, cwd=ROOT, stdout=output, check=False)
    if args.json:
        print_json({"ok": ended.returncode == 0, "long": args.long})
    return 0 if ended.returncode == 0 else 1
