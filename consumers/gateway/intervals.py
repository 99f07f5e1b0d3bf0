"""Binance's candle intervals, each made of the longest that the market data keeps: where a period begins and ends.

All are in UTC. Weeks begin on Monday, months on their first day; the others are cut from 1970 on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from consumers.marketdata.candles import INTERVALS as KEPT
from consumers.marketdata.candles import SECONDS

DAY_S = 86400
_MONDAY_S = 4 * DAY_S  # the first Monday of 1970


@dataclass(frozen=True)
class Interval:
    """One interval. `kept`: index of the kept candles that it is made of; `start` of the period that holds a second."""

    name: str
    kept: int
    seconds: int  # how long; of a month the longest
    start: Callable[[int], int]

    def next(self, start_s: int) -> int:
        """Where the period after the one that begins at `start_s` begins."""
        return self.start(start_s + self.seconds + (DAY_S if self.name == "1M" else 0))


def _even(seconds: int, first_s: int = 0) -> Callable[[int], int]:
    return lambda second: (second - first_s) // seconds * seconds + first_s


def _month(second: int) -> int:
    day = datetime.fromtimestamp(second, UTC)
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp())


def _interval(name: str, seconds: int) -> Interval:
    kept = max(at for at, length in enumerate(SECONDS) if seconds % length == 0)
    return Interval(name, kept, seconds, _even(seconds))


_MINUTE, _HOUR = 60, 3600
_EVEN = {
    "1s": 1, "1m": _MINUTE, "3m": 3 * _MINUTE, "5m": 5 * _MINUTE, "15m": 15 * _MINUTE, "30m": 30 * _MINUTE,
    "1h": _HOUR, "2h": 2 * _HOUR, "4h": 4 * _HOUR, "6h": 6 * _HOUR, "8h": 8 * _HOUR, "12h": 12 * _HOUR,
    "1d": DAY_S, "3d": 3 * DAY_S,
}  # fmt: skip
_DAILY = KEPT.index("1d")
INTERVALS: dict[str, Interval] = {name: _interval(name, seconds) for name, seconds in _EVEN.items()} | {
    "1w": Interval("1w", _DAILY, 7 * DAY_S, _even(7 * DAY_S, _MONDAY_S)),
    "1M": Interval("1M", _DAILY, 31 * DAY_S, _month),
}
