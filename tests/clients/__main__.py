"""`python -m tests.clients`: run every client that can be had, and write docs/clients.md of what came of it.

Ends as pytest does: 0 where every check of every client holds.
"""

import sys
from pathlib import Path

import pytest

from tests.clients.page import PAGE, Collector, page
from tests.pipeline import ROOT

TESTS = Path(__file__).parent


def main() -> int:
    """Run, write, and say what pytest said."""
    collected = Collector()
    ended = pytest.main(["-q", "-p", "no:cacheprovider", f"{TESTS.relative_to(ROOT)}/", *sys.argv[1:]], [collected])
    PAGE.write_text(page(collected))
    print(f"{PAGE.relative_to(ROOT)} is written")
    return int(ended)


if __name__ == "__main__":
    sys.exit(main())
