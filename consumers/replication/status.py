"""What others may know of a standby without its sockets: DATA/standby.json on its side, a cursor on the primary's."""

import json
from pathlib import Path
from typing import Any

FILE = "standby.json"  # in DATA: how far the follower is; only while it follows
FEED_CURSOR = "standby"  # on the primary's event ring: RUNNING while a follower is heard, else CATCHING_UP


def standing(data: Path) -> dict[str, Any] | None:
    """What the follower of a data directory last wrote; None where none is at work."""
    try:
        found: dict[str, Any] = json.loads((Path(data) / FILE).read_text())
    except FileNotFoundError:
        return None
    return found


def write_standing(data: Path, report: dict[str, Any]) -> None:
    """Replace it in one rename; nothing of it need survive a crash."""
    fresh = Path(data) / f"{FILE}.new"
    fresh.write_text(json.dumps(report))
    fresh.replace(Path(data) / FILE)
