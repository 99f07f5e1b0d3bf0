"""Last ticker and depth of each symbol as keys of Redis: conflated, a few times a second, from the market data's store.

They say what that store said at their `seq`, which may be a little behind the streams, or before them: who needs every
change reads a stream.
"""

import time
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import orjson
from numpy.typing import NDArray

from config.catalog import Catalog
from consumers.marketdata.queries import depth, ticker
from consumers.sinks.redis_link import packed
from consumers.store import StoreError

EVERY_NS = 250_000_000
LEVELS = 100  # of each side of the book
SPENT_NS = 50_000_000  # of a turn, about; symbols that are left come with the next ones


class MarketKeys:
    """Which symbols have changed, and the commands that say so."""

    def __init__(self, data: Path, prefix: str) -> None:
        self._data = data
        self._prefix = prefix
        self._changed: dict[str, int] = {}  # symbol → the sequence that its keys must reach
        self._known = 0
        self._done_ns = 0

    def begin(self) -> None:
        """A server that may have none of the keys: all of them come once."""
        self._known = 0

    def changed(self, events: NDArray[np.void], catalog: Catalog) -> None:
        """These events have been written."""
        listed = catalog.instruments
        for instrument in listed[self._known :]:
            self._changed.setdefault(instrument.symbol, 0)
        self._known = len(listed)
        if len(events):
            seq = int(events["seq"][-1])
            for symbol in np.unique(events["symbol"][events["order_id"] != 0]).tolist():
                if symbol < len(listed):
                    self._changed[listed[symbol].symbol] = seq

    def due(self, now_ns: int) -> list[bytes]:
        """SET and PUBLISH of what has changed, if it is time for it."""
        if not self._changed or now_ns - self._done_ns < EVERY_NS:
            return []
        self._done_ns = now_ns
        commands, begun_ns = [], time.monotonic_ns()
        for symbol in list(self._changed):
            if time.monotonic_ns() - begun_ns > SPENT_NS:
                break
            wanted = self._changed.pop(symbol)
            try:
                said = {"ticker": ticker(self._data, symbol), "depth": _best(depth(self._data, symbol))}
            except (StoreError, KeyError, lmdb.Error):  # market data has not come so far, or begins anew
                self._changed[symbol] = wanted
                continue
            if said["depth"]["seq"] < wanted:
                self._changed[symbol] = wanted
            for kind, fields in said.items():
                text = orjson.dumps(fields)
                commands.append(packed("SET", f"{self._prefix}:{kind}:{symbol}", text))
                commands.append(packed("PUBLISH", f"{self._prefix}:{kind}/{symbol}/", text))
        return commands


def _best(book: dict[str, Any]) -> dict[str, Any]:
    return book | {side: book[side][:LEVELS] for side in ("bids", "asks")}
