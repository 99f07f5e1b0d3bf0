"""Orders and levels as plain objects: what the compiled ones are held against."""

from bisect import bisect_left, insort
from dataclasses import dataclass

from ringbuf.codes import OrderType

BUY = 0
WAITING = (
    OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT, OrderType.TRAILING_STOP
)  # fmt: skip


@dataclass(slots=True)
class Order:
    """What is remembered of an open order. shown_lots is 0 while it doesn't stand in the book."""

    symbol: int
    side: int
    price_ticks: int
    leaves_lots: int
    display_lots: int
    waits: bool  # one of WAITING that has not triggered
    shown_lots: int = 0


class Book:
    """Totals by price of both sides; remembers which levels the current command touched."""

    def __init__(self) -> None:
        self.totals: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.prices: tuple[list[int], list[int]] = ([], [])  # ascending, both sides
        self.touched: dict[tuple[int, int], int] = {}  # (side, price) -> total before the command

    def change(self, side: int, price_ticks: int, lots: int) -> None:
        """Add `lots` (may be negative) to a level."""
        totals, prices = self.totals[side], self.prices[side]
        before = totals.get(price_ticks, 0)
        self.touched.setdefault((side, price_ticks), before)
        after = before + lots
        if after:
            totals[price_ticks] = after
            if not before:
                insort(prices, price_ticks)
        elif before:
            del totals[price_ticks]
            del prices[bisect_left(prices, price_ticks)]

    def best(self, side: int) -> tuple[int, int]:
        """(price, total) of the best level, (0, 0) where the side is empty."""
        prices = self.prices[side]
        if not prices:
            return 0, 0
        price = prices[-1] if side == BUY else prices[0]
        return price, self.totals[side][price]

    def changes(self) -> list[tuple[int, int, int]]:
        """(side, price, new total) of the levels that the command changed, and forget what was touched."""
        touched = self.touched
        changed = [
            (side, price, self.totals[side].get(price, 0))
            for (side, price), before in touched.items()
            if self.totals[side].get(price, 0) != before
        ]
        touched.clear()
        changed.sort()
        return changed

    def depth(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(bids, asks) as (price, total), best first."""
        bids = [(price, self.totals[0][price]) for price in reversed(self.prices[0])]
        return bids, [(price, self.totals[1][price]) for price in self.prices[1]]
