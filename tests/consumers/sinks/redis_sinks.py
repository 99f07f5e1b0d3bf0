"""What the tests of the Redis sink share."""

from pathlib import Path
from typing import Any

from config.settings import SinkSettings
from consumers.sinks.kinds import check_sinks, open_target
from consumers.sinks.redis import Redis
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.history import History


def sink(prefix: str, port: int, **more: Any) -> SinkSettings:
    """A sink with a prefix of its own."""
    url = f"redis://127.0.0.1:{port}/0"
    made = SinkSettings(**{"name": "out", "kind": "redis", "url": url, "prefix": prefix[:48], **more})
    check_sinks((made,))
    return made


def opened(settings: SinkSettings, data: Path) -> tuple[Redis, int]:
    """A target, and where it stands. To be closed."""
    made = open_target(settings, data)
    assert isinstance(made, Redis)
    return made, made.open(EPOCH)


def go_on(settings: SinkSettings, history: History, size: int = 100, upto: int | None = None) -> None:
    """Write what is not there yet."""
    target, at = opened(settings, history.data)
    try:
        for batch in history.batches(at, size, upto):
            target.write(batch)
    finally:
        target.close()


def expect_all(settings: SinkSettings, history: History) -> None:
    """The server has exactly this history, as far as it is to be held."""
    target = open_target(settings, history.data)
    try:
        history.expect_in(target)
    finally:
        target.close()
