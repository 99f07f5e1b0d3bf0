"""What a gateway's connections come to, in `DATA/gateway/NAME.json` for `status`; written when a second changed it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

log = logging.getLogger(__name__)

FOLDER = "gateway"
TELL_S = 1.0


@dataclass(frozen=True)
class Counts:
    """connections, websockets: open now. The others since the gateway started: connections that were turned away,
    messages left out for a client that was behind, and clients dropped since they took or said nothing."""

    connections: int = 0
    websockets: int = 0
    turned_away: int = 0
    conflated: int = 0
    too_slow: int = 0
    silent: int = 0


def read_counts(data: Path, name: str) -> dict[str, int]:
    """As they were last told; {} where there are none."""
    try:
        found: dict[str, int] = orjson.loads(_path(data, name).read_bytes())
    except FileNotFoundError:
        return {}
    return found


async def keep_told(data: Path, name: str, counted: Callable[[], Counts]) -> None:
    """Until it is cancelled. What can't be written is said once: nothing rests on it."""
    told, is_failing = None, False
    while True:
        now = counted()
        if now != told:
            try:
                _write(_path(data, name), now)
                told, is_failing = now, False
            except OSError as error:
                if not is_failing:
                    log.warning("counts are not told: %s", error)
                is_failing = True
        await asyncio.sleep(TELL_S)


def _write(path: Path, counts: Counts) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unready = path.with_suffix(".next")
    unready.write_bytes(orjson.dumps(asdict(counts), option=orjson.OPT_APPEND_NEWLINE))
    unready.replace(path)


def _path(data: Path, name: str) -> Path:
    return data / FOLDER / f"{name}.json"
