"""One symbol's shown levels, kept in order of price."""

from bisect import bisect_left, insort

BID, ASK = 0, 1  # as Side
Level = tuple[int, int]  # price in ticks, total in lots


class Book:
    """Both sides; `set` takes a level's new total."""

    __slots__ = ("_prices", "_totals")

    def __init__(self) -> None:
        self._totals: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._prices: tuple[list[int], list[int]] = ([], [])  # rising

    def set(self, side: int, price_ticks: int, lots: int) -> None:
        """A level's total, 0 = gone."""
        totals, prices = self._totals[side], self._prices[side]
        if lots:
            if price_ticks not in totals:
                insort(prices, price_ticks)
            totals[price_ticks] = lots
        elif totals.pop(price_ticks, None) is not None:
            del prices[bisect_left(prices, price_ticks)]

    def lots(self, side: int, price_ticks: int) -> int:
        """A level's total, 0 where there is none."""
        return self._totals[side].get(price_ticks, 0)

    def fill(self, side: int, levels: list[Level]) -> None:
        """A whole side at once, in place of what was there."""
        self._totals[side].clear()
        self._totals[side].update(levels)
        self._prices[side][:] = sorted(self._totals[side])

    def best(self, side: int) -> Level | None:
        """The best level of a side."""
        prices = self._prices[side]
        if not prices:
            return None
        price = prices[-1] if side == BID else prices[0]
        return price, self._totals[side][price]

    def top(self, side: int, most: int) -> list[Level]:
        """The best levels of a side, best first."""
        totals, prices = self._totals[side], self._prices[side]
        chosen = prices[: -most - 1 : -1] if side == BID else prices[:most]
        return [(price, totals[price]) for price in chosen]

    def __len__(self) -> int:
        return len(self._prices[BID]) + len(self._prices[ASK])
