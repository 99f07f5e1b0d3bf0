"""test: the test suite, by pytest. What is not an option of ours goes to pytest as it stands."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from ops.compiling import compile_kernels
from ops.output import print_json, say
from ops.processes import PROCESSES

WAITING = 1  # test processes more than cores: much of the time they wait for a pipeline to start or stop
ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--long, --servers and paths."""
    parser.add_argument("--long", action="store_true", help="also the tests that take minutes")
    parser.add_argument("--servers", action="store_true", help="those that start MariaDB, Kafka and others, alone")
    parser.add_argument("-k", dest="keyword", default=None, metavar="WORDS", help="only tests whose name has these")
    parser.add_argument("paths", nargs="*", help="files or folders (default: tests)")


def run(args: argparse.Namespace) -> int:
    """pytest's verdict: 0 when all passed, else 1."""
    command = [sys.executable, "-m", "pytest", "-q"]
    if not args.paths and not args.keyword:  # all of it: files side by side, each in one process
        compile_kernels(PROCESSES, say)
        command += ["-n", str(len(os.sched_getaffinity(0)) + WAITING), "--dist", "loadfile", "--no-loadscope-reorder"]
    if args.servers:
        command.append("--servers")
    elif not args.paths:
        say("without the tests on outside servers: test --servers runs them")
    if args.long:
        command += ["-m", "long or not long", "--timeout", "0"]
    if args.keyword:
        command += ["-k", args.keyword]
    command += args.paths
    output = sys.stderr if args.json else None
    ended = subprocess.run(command, cwd=ROOT, stdout=output, check=False)
    if args.json:
        print_json({"ok": ended.returncode == 0, "long": args.long})
    return 0 if ended.returncode == 0 else 1
