"""`bench sinks`: how fast one sink's process can write into each kind of store, the server on the same host.

Servers are private ones, started as the tests start theirs; what is not here is named and left out.
"""

import importlib
from collections.abc import Callable
from typing import Any

from bench.conditions import conditions

KINDS = ("sql", "redis", "mongodb", "kafka")


def run(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Each kind's own figures; {"missing": why} where its server can't be had."""
    found: dict[str, Any] = {"conditions": conditions(server="on this host, private", clients=1)}
    for kind in KINDS:
        found[kind] = importlib.import_module(f"bench.sinks_{kind}").measure(quick, say)
    return found
