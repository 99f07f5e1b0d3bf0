"""Does the suite notice when the engine is broken?

    python -m tests.engine.mutants [--only NAME …] [--jobs N]

For each mutant (`tests.engine.mutants.listed`) a copy of the repository is broken in that one way, and the part of the
suite that is named in `tests.engine.mutants.judge` is run on the copy until something fails; before them all, on an
unbroken copy. Exit code 1 where a mutant survives, or is none: its text is not there, or the copy can't be imported.
"""

import argparse
import sys

from tests.engine.mutants.judge import judge_copy
from tests.engine.mutants.listed import listed


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="break copies of the engine; the suite has to notice")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these mutants")
    parser.add_argument("--jobs", type=int, default=2, help="so many at once (2)")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in listed() if arguments.only is None or mutant.name in arguments.only]
    if not chosen:
        parser.error(f"no such mutant: {arguments.only}")
    survivors = judge_copy(chosen, arguments.jobs)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
