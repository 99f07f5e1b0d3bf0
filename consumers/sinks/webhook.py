"""Alerts for operations as HTTP POSTs: what stops trading or somebody's account, and what risk has to say.

Each is sent at least once: the cursor moves when the other side has answered 2xx. A repeat has the same
`Idempotency-Key`.
"""

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.risk.queries import alerts_from
from consumers.sinks.own_cursor import CursorFile, moved
from consumers.sinks.status import FOLDER
from consumers.sinks.target import Batch, Target, TargetAway, TargetRefused
from consumers.store import StoreError

TELLING = ("suspended", "unsuspended", "halted", "resumed", "state", "busted", "changed", "delisted")
TIMEOUT_S = 5.0
LOOK_NS = 500_000_000  # how often risk's alert log is looked at
ALERTS_A_POST = 100
TRY_AGAIN = (408, 425, 429)  # of 4xx, which else say that it will never be taken


def check(settings: SinkSettings) -> None:
    """ConfigError where the URL is none of HTTP."""
    url = urlsplit(settings.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError("url", f"expected http://… or https://…, not {settings.url!r}")


def target(settings: SinkSettings, data: Path) -> Target:
    """The sink of these settings."""
    return Webhook(settings, data)


class Webhook(Target):
    """One address that is told."""

    batch_events = 8192
    commit_ms = 20

    def __init__(self, settings: SinkSettings, data: Path) -> None:
        self._url = settings.url
        self._data = data
        self._file = CursorFile(Path(data) / FOLDER / f"{settings.name}.cursor.json")
        self._looked_ns = 0

    def open(self, epoch: int) -> int:
        """Nothing is sent yet: whether somebody listens shows with the first alert."""
        return self.look(epoch)

    def look(self, epoch: int) -> int:
        """The cursor's sequence."""
        try:
            self._cursor = self._file.read(epoch)
        except OSError as error:
            raise TargetAway(f"{self._file.path}: {error.strerror}") from error
        return self._cursor.seq

    def write(self, batch: Batch) -> None:
        """Tell of those events that operators want to hear of, then move the cursor."""
        told = [event for event in batch.fields if event["type"] in TELLING]
        for event in told:
            self._post("event", event["seq"], event)
        self._move(batch.upto, self._cursor.more)

    def idle(self, now_ns: int) -> None:
        """Tell of what risk has logged since."""
        if now_ns - self._looked_ns < LOOK_NS:
            return
        self._looked_ns = now_ns
        try:
            found = alerts_from(self._data, self._cursor.more, ALERTS_A_POST)
        except StoreError:  # risk has not begun yet
            return
        for number, alert in found:
            self._post("alert", number, alert)
            self._move(self._cursor.seq, number + 1)

    def close(self) -> None:
        """Nothing is open."""

    def _move(self, seq: int, alerts: int) -> None:
        try:
            self._cursor = moved(self._cursor, seq, alerts)
            self._file.write(self._cursor)
        except OSError as error:
            raise TargetAway(f"{self._file.path}: {error.strerror}") from error

    def _post(self, kind: str, number: int, what: dict[str, Any]) -> None:
        """One POST, answered 2xx. Raises TargetAway, TargetRefused."""
        epoch = self._cursor.epoch
        body = orjson.dumps({"source": "matchline", "epoch": epoch, "kind": kind, "number": number, kind: what})
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"{epoch}-{kind}-{number}"}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):
                return
        except urllib.error.HTTPError as error:
            with error:
                for_good = 400 <= error.code < 500 and error.code not in TRY_AGAIN
            kind_of_error = TargetRefused if for_good else TargetAway
            raise kind_of_error(f"{self._place()}: answered {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            raise TargetAway(f"{self._place()}: {error}") from error

    def _place(self) -> str:
        """The address without what may be secret in it."""
        return urlsplit(self._url).hostname or ""
