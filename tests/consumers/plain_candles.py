"""Candles and the rolling 24 hours as plain objects: what the compiled ones are held against."""

from collections import deque
from dataclasses import dataclass

from consumers.marketdata.candles import NS, WINDOW_MINUTES


@dataclass(slots=True)
class Candle:
    """One period; `start` in its own unit (seconds since 1970 for candles, minutes in the 24 hours)."""

    start: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int = 0
    quote_volume: int = 0
    trades: int = 0
    closed: bool = False

    def add(self, price_ticks: int, lots: int, quote: int) -> None:
        """Take in a trade."""
        if price_ticks > self.high_ticks:
            self.high_ticks = price_ticks
        if price_ticks < self.low_ticks:
            self.low_ticks = price_ticks
        self.close_ticks = price_ticks
        self.volume_lots += lots
        self.quote_volume += quote
        self.trades += 1

    def take_back(self, lots: int, quote: int) -> None:
        """Undo a busted trade's volume."""
        self.volume_lots -= lots
        self.quote_volume -= quote
        self.trades -= 1


def begin(start: int, price_ticks: int) -> Candle:
    """A period whose first trade is at this price."""
    return Candle(start, price_ticks, price_ticks, price_ticks, price_ticks)


class Day:
    """The last 24 hours in minutes, rolling."""

    def __init__(self) -> None:
        self.minutes: deque[Candle] = deque()
        self.last_ticks = self.high_ticks = self.low_ticks = 0
        self.volume_lots = self.quote_volume = self.trades = 0

    def add(self, ts_ns: int, price_ticks: int, lots: int, quote: int) -> None:
        """Take in a trade."""
        minute = ts_ns // (60 * NS)
        first = not self.minutes
        if first or self.minutes[-1].start != minute:
            self.minutes.append(begin(minute, price_ticks))
        self.minutes[-1].add(price_ticks, lots, quote)
        self.high_ticks = price_ticks if first else max(self.high_ticks, price_ticks)
        self.low_ticks = price_ticks if first else min(self.low_ticks, price_ticks)
        self.last_ticks = price_ticks
        self._count(lots, quote, 1)

    def roll(self, minute: int) -> bool:
        """Drop what is older than 24 hours; whether anything was."""
        dropped = False
        while self.minutes and self.minutes[0].start <= minute - WINDOW_MINUTES:
            gone = self.minutes.popleft()
            self._count(-gone.volume_lots, -gone.quote_volume, -gone.trades)
            dropped = True
        if dropped and self.minutes:
            self.high_ticks = max(kept.high_ticks for kept in self.minutes)
            self.low_ticks = min(kept.low_ticks for kept in self.minutes)
        return dropped

    def _count(self, lots: int, quote: int, trades: int) -> None:
        self.volume_lots += lots
        self.quote_volume += quote
        self.trades += trades

    def take_back(self, ts_ns: int, lots: int, quote: int) -> bool:
        """Undo a busted trade's volume; False where its minute has gone."""
        minute = ts_ns // (60 * NS)
        for kept in reversed(self.minutes):
            if kept.start == minute:
                kept.take_back(lots, quote)
                self._count(-lots, -quote, -1)
                return True
        return False

    def total(self) -> Candle:
        """All of it as one candle; zeros where nothing traded."""
        if not self.minutes:
            return Candle(0, 0, 0, 0, self.last_ticks)
        first = self.minutes[0]
        return Candle(
            first.start,
            first.open_ticks,
            self.high_ticks,
            self.low_ticks,
            self.last_ticks,
            self.volume_lots,
            self.quote_volume,
            self.trades,
        )
