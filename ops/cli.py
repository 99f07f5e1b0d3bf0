"""One table of verbs: `python -m ops.cli VERB …`. A verb's module is imported only when it is asked for.

Each `ops/verbs/VERB.py` has `add_arguments(parser)` and `run(args) -> int`. Exit codes: 0 all well, 1 ran and
found something wrong, 2 wrong usage or configuration.
"""

import argparse
import importlib
import importlib.util
import os
import sys
from pathlib import Path

from config.errors import ConfigError
from config.open_files import raise_open_files
from ops.output import say
from ops.shards.layout import read_shards

VERSION = "0.1.0"
DEFAULT_VERB = "up"

VERBS: dict[str, str] = {
    "up": "set up if needed, start every process and supervise them (the default)",
    "mirror": "consumers of another host's pipeline, from its Kafka topic",
    "standby": "follow another host's pipeline, ready to take over",
    "promote": "make the standby of a data directory the primary",
    "down": "stop a running pipeline cleanly",
    "status": "one look: processes, cursors, lag, rates",
    "top": "the same, live",
    "demo": "everything, on recorded order flow, through all nine steps",
    "match": "the engine alone, offline, deterministic",
    "send": "commands into a running pipeline; prints the events that answer them",
    "feed": "recorded flow into a running pipeline",
    "convert": "recorded market data to commands and instruments",
    "query": "orders, balances, ledger, trades, depth, ticker, candles, alerts",
    "trace": "one trade or order through all nine steps, with the evidence of each",
    "replay": "rebuild the state at a sequence, or resend to a consumer",
    "reconcile": "compare every store at one sequence",
    "report": "settlement reports and account statements",
    "key": "API keys: create, list, revoke",
    "journal": "verify, diff or repair the journal",
    "backup": "copy all state to a directory",
    "restore": "bring state back from a backup",
    "bench": "measurements",
    "doctor": "what this host does to latency and safety, with the line that mends it",
    "test": "the test suite (--long: with the tests that take minutes)",
    "check": "lint, format and types",
}

# Those that take all shards of a data directory together, or don't look into it; the others take one shard's directory.
OF_SHARDS = frozenset(
    ("up", "down", "status", "send", "feed", "query", "reconcile")
    + ("match", "convert", "demo", "bench", "doctor", "test", "check")
)

# Options that every verb takes and that have a value: they may stand before the verb too.
_GLOBAL_WITH_VALUE = ("--data", "--name")


def global_options() -> argparse.ArgumentParser:
    """The options that every verb takes."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("everywhere")
    group.add_argument("--data", type=Path, default=Path("var"), metavar="DIR", help="all state (default: ./var)")
    group.add_argument("--name", default=None, help="name of the shared memory (default: matchline)")
    group.add_argument("--json", action="store_true", help="exactly one JSON object on standard output")
    return parser


def split_verb(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The verb and everything else; None where only options stand. Global options may come before the verb."""
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        position += 2 if arguments[position] in _GLOBAL_WITH_VALUE else 1
    if position >= len(arguments):
        return None, arguments
    return arguments[position], arguments[:position] + arguments[position + 1 :]


def usage() -> str:
    """What `--help` without a verb prints."""
    width = max(map(len, VERBS))
    rows = "\n".join(f"  {verb:<{width}}  {text}" for verb, text in VERBS.items())
    return f"usage: ./run.sh [VERB] [options]      ./run.sh VERB --help says more\n\n{rows}\n"


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    verb, rest = split_verb(sys.argv[1:] if arguments is None else arguments)
    raise_open_files()
    try:
        return _run(verb, rest)
    except ConfigError as error:
        say(str(error))
        return 2
    except SystemExit as stop:  # argparse has said what was wrong
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:
        # The reader of our output has gone (… | head): nothing more to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _run(verb: str | None, rest: list[str]) -> int:
    wants_help = "-h" in rest or "--help" in rest
    if verb is None and wants_help:
        print(usage(), end="", flush=True)
        return 0
    if verb is None and "--version" in rest:
        print(f"matchline {VERSION}")
        return 0
    verb = verb or DEFAULT_VERB
    if verb not in VERBS:
        say(f"there is no verb {verb!r}: {', '.join(VERBS)}")
        return 2
    parser = argparse.ArgumentParser(prog=f"run.sh {verb}", description=VERBS[verb], parents=[global_options()])
    if importlib.util.find_spec(f"ops.verbs.{verb}") is None:
        if wants_help:
            print(f"{parser.format_help()}\n{verb} is not part of version {VERSION}.", flush=True)
            return 0
        say(f"{verb} is not part of version {VERSION}")
        return 2
    module = importlib.import_module(f"ops.verbs.{verb}")
    module.add_arguments(parser)
    args = parser.parse_args(rest)
    if verb not in OF_SHARDS:
        refuse_shards(verb, args.data)
    return int(module.run(args))


def refuse_shards(verb: str, data: Path) -> None:
    """ConfigError where a data directory has shards and the verb is about one pipeline's."""
    shards = read_shards(data)
    if shards is not None:
        raise ConfigError("--data", f"{verb} takes one of {shards.count} shards: --data {shards.folder(0)} and so on")


if __name__ == "__main__":
    sys.exit(main())
