"""python -m tests.simulation: histories by number or by time, or one again."""

import argparse
import sys
import time

from ops.output import print_json
from tests.simulation.campaign import again, ends_by_exception, one, run, workplace
from tests.simulation.flows import seeds

UNBOUNDED = 1 << 40


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument(
        "--histories", type=int, default=None, help="how many (default: 1000, or as many as there is time)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first; the next ones follow it")
    parser.add_argument("--minutes", type=float, default=None, help="end after so long")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--replay", type=int, default=None, metavar="SEED", help="one history again, told as it goes")
    parser.add_argument("--json", action="store_true", help="the numbers as one JSON object on standard output")
    return parser.parse_args()


def main() -> int:
    """0 where every promise held, else 1."""
    args = _arguments()
    ends_by_exception()
    began = time.monotonic()
    if args.replay is not None:
        seeds()
        with workplace() as (root, name):
            outcome = one(args.replay, root, name, loud=True)
        first = args.replay
    else:
        histories = args.histories or (UNBOUNDED if args.minutes is not None else 1000)
        seconds = float("inf") if args.minutes is None else args.minutes * 60
        outcome = run(args.seed, histories, seconds, args.jobs)
        first = args.seed
    report = outcome.report(first, time.monotonic() - began)
    if args.json:
        print_json(report)
    else:
        for key, value in report.items():
            if key != "failures":
                print(f"{key.replace('_', ' '):24} {value}")
    for seed, promise, what in outcome.failures:
        print(f"seed {seed}: {promise}: {what}\n  again: {again(seed)}", file=sys.stderr)
    return 0 if not outcome.failures else 1


if __name__ == "__main__":
    sys.exit(main())
