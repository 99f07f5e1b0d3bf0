"""`python -m tests.servers`: fetch and build what can be, say what is missing; 1 when something is."""

import sys

from tests.servers.all import SERVERS


def main() -> int:
    """One line a server."""
    lacks = {name: module.missing() for name, module in SERVERS.items()}
    for name, why in lacks.items():
        print(f"{name}: {why or 'can be started'}")
    return int(any(lacks.values()))


sys.exit(main())
