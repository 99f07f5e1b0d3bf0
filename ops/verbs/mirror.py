"""mirror: market data, settlement and risk of another host's pipeline, from its Kafka topic, on this one."""

import argparse
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from ops.run_file import checked_name
from ops.verbs import up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """As of `up`, and where the events are."""
    up.add_start_arguments(parser)
    parser.add_argument(
        "--from", dest="source", metavar="URL", help="kafka://HOST:PORT?topic_prefix=NAME, as a sink writes it"
    )
    parser.add_argument(
        "--consumers", metavar="NAME,…", help="which run here (default: settlement,risk,marketdata,publisher)"
    )


def run(args: argparse.Namespace) -> int:
    """0 after a clean stop (detached: when all are ready), 1 when it can't start, 2 for configuration."""
    if args.source is None:
        raise ConfigError("--from", "expected kafka://HOST:PORT?topic_prefix=NAME")
    checked_name(args.name)
    return up.run_as(args, _work)


def _work(args: argparse.Namespace, name: str, data: Path, ready: Any) -> int:
    from ops.mirror import CONSUMERS, DEFAULT, mirror
    from ops.pipeline import plan_for

    wanted = args.consumers.split(",") if args.consumers else DEFAULT
    for one in wanted:
        if one not in CONSUMERS:
            raise ConfigError("--consumers", f"expected of {', '.join(CONSUMERS)}, not {one!r}")
    plan = plan_for(name, data, args.profile, args.config, args.instruments or up.DEFAULT_INSTRUMENTS, args.port_base)
    return mirror(plan, args.source, wanted, ready)
