"""check: ruff (lint and format) and mypy, all three even if one complains."""

import argparse
import subprocess
import sys
from pathlib import Path

from ops.output import print_json, say

ROOT = Path(__file__).resolve().parents[2]
CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(args: argparse.Namespace) -> int:
    """0 when all three are content."""
    results = {}
    for name, command in CHECKS.items():
        say(" ".join(command))
        ended = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, stdout=sys.stderr, check=False)
        results[name] = ended.returncode == 0
    if args.json:
        print_json({"checks": [{"name": name, "ok": ok} for name, ok in results.items()]})
    for name, ok in results.items():
        say(f"{name}: {'ok' if ok else 'FAILED'}")
    return 0 if all(results.values()) else 1
