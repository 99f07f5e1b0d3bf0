"""``match COMMANDS.jsonl``: the engine alone, offline; the same commands give the same bytes."""

import argparse
import time
from pathlib import Path
from typing import Any

import orjson

from config.errors import ConfigError
from config.instruments import load_instruments
from ops.output import print_json, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments beside the common ones."""
    parser.add_argument("commands", type=Path, metavar="COMMANDS.jsonl", help="one JSON command a line")
    parser.add_argument("--instruments", type=Path, required=True, metavar="FILE.toml", help="assets and instruments")
    parser.add_argument("--events", type=Path, required=True, metavar="OUT.jsonl", help="where the events go")
    parser.add_argument("--balances", type=Path, required=True, metavar="OUT.json", help="where the balances go")
    parser.add_argument("--orders", type=Path, metavar="OUT.json", help="where the open orders go, in priority")


def run(args: argparse.Namespace) -> int:
    """Run the file; 0 whatever its lines say, 2 where a file or the instruments can't be used."""
    catalog = load_instruments(args.instruments)
    from ops.offline import OfflineRun  # compiles or loads the engine: not before the files are known to be good

    started = time.perf_counter()
    source = _open(args.commands, "rb", "COMMANDS.jsonl")
    with source, _open(args.events, "wb", "--events") as events:
        offline = OfflineRun(catalog)
        offline.feed_file(source, events)
    _write_json(args.balances, offline.balances(), "--balances")
    if args.orders is not None:
        _write_json(args.orders, offline.orders(), "--orders")
    summary = {
        "commands": offline.commands,
        "events": offline.events,
        "trades": offline.trades.count,
        "rejected": offline.rejected,
        "last_seq": offline.engine.seq,
        "state_hash": offline.engine.state_hash(),
        "seconds": round(time.perf_counter() - started, 3),
    }
    say(
        f"{offline.commands} commands, {offline.events} events, {offline.trades.count} trades,"
        f" {sum(offline.rejected.values())} rejected, {summary['seconds']} s"
    )
    if args.json:
        print_json(summary)
    return 0


def _open(path: Path, mode: str, argument: str) -> Any:
    try:
        return path.open(mode)
    except OSError as error:
        raise ConfigError(argument, f"{path} can't be opened: {error.strerror}") from error


def _write_json(path: Path, content: Any, argument: str) -> None:
    with _open(path, "wb", argument) as out:
        out.write(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
