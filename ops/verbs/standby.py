"""standby: follow another host's pipeline into this data directory, ready to take over in a fraction of a second."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ops.output import print_json, say
from ops.run_file import checked_name
from ops.verbs import up

LEAST_MS = 500  # below that a busy host looks dead


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """As of `up`: what the pipeline will be once it is promoted."""
    up.add_start_arguments(parser)
    parser.add_argument("--from", dest="source", metavar="tcp://HOST:PORT", help="the primary's standby port")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the primary's keys/curve/server.key")
    parser.add_argument(
        "--auto", type=int, default=0, metavar="MS", help="take over unasked when the primary is silent for so long"
    )
    parser.add_argument("--forget", action="store_true", help="on a primary: let another follower be the required one")


def run(args: argparse.Namespace) -> int:
    """0 after a clean stop (detached: when it follows), 1 when it is refused or can't start, 2 for configuration."""
    if args.forget:
        return _forget(args)
    if args.source is None or not args.source.startswith("tcp://") or not args.source.rpartition(":")[2].isdigit():
        raise ConfigError("--from", f"expected tcp://HOST:PORT, not {args.source!r}")
    if args.auto and args.auto < LEAST_MS:
        raise ConfigError("--auto", f"expected {LEAST_MS} milliseconds or more, not {args.auto}")
    checked_name(args.name)
    return up.run_as(args, _work)


def _work(args: argparse.Namespace, name: str, data: Path, ready: Any) -> int:
    from ops.pipeline import plan_for
    from ops.standby import follow

    instruments = args.instruments or up.DEFAULT_INSTRUMENTS
    plan = plan_for(name, data, args.profile, args.config, instruments, args.port_base)
    return follow(plan, args.source, args.key.resolve() if args.key else None, args.auto, ready)


def _forget(args: argparse.Namespace) -> int:
    from consumers.replication.term import update_term

    forgotten: list[str] = []

    def change(term: Any) -> Any:
        forgotten.append(term.follower)
        return dataclasses.replace(term, follower="")

    update_term(args.data, change)
    say(
        f"follower {forgotten[0]} is forgotten; the next one that comes is the required one"
        if forgotten[0]
        else "there was none"
    )
    if args.json:
        print_json({"forgotten": forgotten[0]})
    return 0
