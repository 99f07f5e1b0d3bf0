"""backup: copy the history of a data directory, while it runs or not."""

import argparse
from dataclasses import asdict
from pathlib import Path

from ops.output import print_json, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """backup DIR."""
    parser.add_argument("target", type=Path, metavar="DIR", help="a new or empty directory")


def run(args: argparse.Namespace) -> int:
    """0 = it is there, whole and on the disk; 1 = it is not, and why is said."""
    from ops.backups import BackupError, back_up  # it loads kernels

    try:
        made = back_up(args.data, args.target)
    except (BackupError, OSError) as error:
        say(f"no backup: {error}")
        if args.json:
            print_json({"ok": False, "problem": str(error)})
        return 1
    say(f"{args.target}: events 1 to {made.last}, snapshot at {made.snapshot}, {made.files} files, {made.bytes} bytes")
    if args.json:
        print_json({"ok": True, "dir": str(args.target), **asdict(made)})
    return 0
