"""``feed COMMANDS.jsonl``: recorded flow into a running pipeline; survives its restarts."""

import argparse
from pathlib import Path

from config.errors import ConfigError
from ops.feeding import Feed, FeedFailed
from ops.output import print_json, say
from ops.run_file import require_run
from ops.shards.layout import read_shards


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments beside the common ones."""
    parser.add_argument("commands", type=Path, metavar="COMMANDS.jsonl", help="one JSON command a line")
    parser.add_argument("--rate", default="max", metavar="N|max", help="commands a second (default: max)")
    parser.add_argument("--via", choices=("zmq", "shm"), default="zmq", help="order entry or shared memory")
    parser.add_argument("--patience", type=float, default=60.0, metavar="S", help="wait for a restart (default: 60)")


def run(args: argparse.Namespace) -> int:
    """0 when every command was answered; 1 where that failed; 2 where file or options can't be used."""
    rate = _rate(args.rate)
    if not args.commands.is_file():
        raise ConfigError("COMMANDS.jsonl", f"{args.commands} is no file")
    require_run(args.data)
    if args.via == "shm" and read_shards(args.data) is not None:
        raise ConfigError("--via", "expected zmq: shards have one order entry, but no memory in common")
    feed = Feed(args.data, args.via, rate, args.patience)
    failed = 0
    try:
        feed.run(args.commands)
    except FeedFailed as error:
        say(f"feed: {error}")
        failed = 1
    finally:
        summary = feed.summary()
        feed.close()
    say(
        f"feed: {summary['answered']:,} answered, {summary['rejected']:,} rejected, {summary['trades']:,} trades"
        f" in {summary['seconds']} s ({summary['commands_per_s']:,}/s via {args.via})"
    )
    if summary["unsure"]:
        say(f"feed: {summary['unsure']} commands without a client id lost their answers and were not repeated")
        failed = 1
    if args.json:
        print_json(summary)
    return failed


def _rate(text: str) -> int | None:
    if text == "max":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError("--rate", f"expected a whole number above 0 or max, not {text!r}")
    return int(text)
