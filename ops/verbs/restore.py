"""restore: bring a backup's history into a data directory; the next `up` makes every store from it."""

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from ops.locks import lock_data
from ops.output import print_json, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """restore DIR."""
    parser.add_argument("source", type=Path, metavar="DIR", help="what `backup` made")


def run(args: argparse.Namespace) -> int:
    """0 = the data directory holds that history; 1 = the backup is damaged, and where is said."""
    from ops.backups import BackupError, restore  # it loads kernels

    args.data.mkdir(parents=True, exist_ok=True)
    lock = lock_data(args.data, 0.5)
    try:
        found = restore(args.source, args.data)
    except (BackupError, OSError) as error:
        say(f"not restored: {error}")
        if args.json:
            print_json({"ok": False, "problem": str(error)})
        return 1
    finally:
        os.close(lock)
    say(f"{args.data}: events 1 to {found.last}, snapshot at {found.snapshot}; `up` goes on from there")
    if args.json:
        print_json({"ok": True, "dir": str(args.data), **asdict(found)})
    return 0
