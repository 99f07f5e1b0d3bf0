"""Where verbs write: one JSON object to standard output, everything for people to standard error."""

import json
import sys
from typing import Any


def say(text: str) -> None:
    """A line for people."""
    print(f"matchline: {text}", file=sys.stderr, flush=True)


def print_json(report: dict[str, Any]) -> None:
    """The one JSON object of a verb that was given --json."""
    print(json.dumps(report), flush=True)
