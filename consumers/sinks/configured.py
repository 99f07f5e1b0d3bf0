"""Which sinks a pipeline has, kept in `DATA/sinks/configured.json` for verbs while it does not run."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from config.settings import SINK_PREFIX, SinkSettings
from consumers.sinks.status import FOLDER, read_status

CONFIGURED = "configured.json"


def remember(data: Path, sinks: tuple[SinkSettings, ...]) -> None:
    """Keep which sinks a pipeline has, for verbs while it does not run. URLs hold passwords: for the owner alone."""
    path = Path(data) / FOLDER / CONFIGURED
    if not sinks and not path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unready = path.with_suffix(".next")
    with open(os.open(unready, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump([asdict(sink) for sink in sinks], file)
    unready.replace(path)


def configured(data: Path) -> tuple[SinkSettings, ...]:
    """The sinks of the last `up`."""
    path = Path(data) / FOLDER / CONFIGURED
    if not path.exists():
        return ()
    return tuple(SinkSettings(**row) for row in json.loads(path.read_text()))


def standing(data: Path) -> dict[str, int]:
    """The sequence that each sink's store has at least reached; 0 where it was never heard of."""
    return {SINK_PREFIX + sink.name: read_status(data, sink.name).seq for sink in configured(data)}
