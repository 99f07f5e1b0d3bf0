"""Measured figures by section, kept in docs/performance.json: what the tables and the plot are made of."""

import json
from pathlib import Path
from typing import Any

# Parts of `core` that are sections of their own; each other measurement is one.
_CORE = ("yardstick", "flows", "standing", "starting", "budget", "peers")
_FILE = "performance.json"

Sections = dict[str, dict[str, Any]]


def of_report(report: dict[str, Any]) -> Sections:
    """What a report (`bench --json`) measured, each section with its conditions."""
    found: Sections = {}
    for name, measured in report.items():
        conditions = measured["conditions"]
        if name == "core":
            for part in _CORE:
                if measured.get(part):
                    found[part] = {"figures": measured[part], "conditions": conditions}
        else:
            figures = {key: value for key, value in measured.items() if key != "conditions"}
            found[name] = {"figures": figures, "conditions": conditions}
    return found


def load(docs: Path) -> Sections:
    """The sections kept in a docs folder; none where nothing was measured yet."""
    path = docs / _FILE
    return json.loads(path.read_text()) if path.is_file() else {}


def save(docs: Path, sections: Sections) -> None:
    """Keep them there."""
    (docs / _FILE).write_text(json.dumps(sections, indent=1, ensure_ascii=False) + "\n")
