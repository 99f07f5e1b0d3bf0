"""python -m tests.faults: kill and stop the processes of real pipelines under load, and judge what is left.

Prints the numbers; with --json one JSON object. 0 = nothing was lost, nothing came twice; 1 = something is wrong.
"""

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from tests.faults.campaign import run


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="kill -9 of each process (default 20)")
    parser.add_argument("--stops", type=int, default=1, metavar="N", help="SIGSTOP of each process (default 1)")
    parser.add_argument("--stop-seconds", type=float, default=10.0, metavar="S", help="how long each stop is")
    parser.add_argument("--seed", type=int, default=None, metavar="S", help="of the whole campaign (default: any)")
    parser.add_argument("--rate", type=float, default=3000.0, metavar="N", help="commands a second (default 3000)")
    parser.add_argument("--minutes", type=float, default=0.0, metavar="M", help="begin no round after so long")
    parser.add_argument(
        "--folder", type=Path, default=None, metavar="DIR", help="where rounds run; bad ones stay there"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if args.seed is None else args.seed
    folder = args.folder or Path(tempfile.mkdtemp(prefix="matchline-faults-"))
    print(f"seed {seed}, in {folder}", file=sys.stderr, flush=True)
    campaign = run(args.kills, args.stops, seed, folder, args.stop_seconds, args.rate, args.minutes)
    if campaign.ok and args.folder is None:
        folder.rmdir()  # each round has taken its own away
    report = campaign.report()
    if args.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:<22} {value}")
    return 0 if campaign.ok else 1


if __name__ == "__main__":
    sys.exit(main())
