"""top: status, live, until Ctrl-C or until the pipeline ends."""

import argparse
import time

from config.errors import ConfigError
from ops.looking import Look, table
from ops.output import print_json, say
from ops.run_file import require_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--interval and --count."""
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="seconds between looks (default: 1)")
    parser.add_argument("--count", type=int, default=0, metavar="N", help="end after N looks (default: never)")


def run(args: argparse.Namespace) -> int:
    """0 on Ctrl-C, after --count looks, or when the pipeline stops. With --json: only the last look."""
    if args.interval <= 0:
        raise ConfigError("--interval", f"expected more than 0 seconds, not {args.interval}")
    look = Look(args.data)
    report = None
    before = look.sample(require_run(args.data))
    try:
        report = _watch(look, before, args)
    except KeyboardInterrupt:
        pass
    finally:
        look.close()
    if args.json and report is not None:
        print_json(report)
    return 0


def _watch(look: Look, before: object, args: argparse.Namespace) -> dict[str, object] | None:
    from rich.live import Live
    from rich.text import Text

    report, looks = None, 0
    with Live(auto_refresh=False, screen=False) as live:
        while not args.count or looks < args.count:
            time.sleep(args.interval)
            try:
                report, before = look.report(before)  # type: ignore[arg-type]
            except ConfigError:
                say("the pipeline has stopped")
                break
            if not args.json:
                live.update(Text(table(report), no_wrap=True), refresh=True)
            looks += 1
    return report
