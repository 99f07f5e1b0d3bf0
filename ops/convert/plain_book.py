"""A price-time book in plain Python: what the converter and the generator replay their own commands through.

It knows prices and quantities only: no accounts, no funds. Integers in ticks and lots.
"""

from heapq import heappop, heappush

BUY, SELL = 0, 1


class PlainBook:
    """One instrument. Orders are named by any integer id that the caller chooses."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}  # id -> [side, price_ticks, leaves_lots]
        # per side: price -> ids in time order (a dict keeps insertion order and removes anywhere). An emptied level
        # stays until its price surfaces in the heap: prices that come and go all day are there once
        self._levels: tuple[dict[int, dict[int, None]], ...] = ({}, {})
        # per side: the prices of _levels, best on top
        self._heaps: tuple[list[int], ...] = ([], [])

    def best(self, side: int) -> int | None:
        """Best price of a side, or None where it is empty."""
        heap, levels = self._heaps[side], self._levels[side]
        while heap:
            price = -heap[0] if side == BUY else heap[0]
            if levels[price]:
                return price
            heappop(heap)
            del levels[price]
        return None

    def first(self, side: int) -> int | None:
        """The order that a taker would meet first on this side, or None where it is empty."""
        price = self.best(side)
        return None if price is None else next(iter(self._levels[side][price]))

    def level(self, side: int, price: int) -> list[int]:
        """Ids at a price, oldest first."""
        return list(self._levels[side].get(price, ()))

    def prices(self, side: int) -> list[int]:
        """Prices where orders stand, in no order."""
        return [price for price, level in self._levels[side].items() if level]

    def would_cross(self, side: int, price: int) -> bool:
        """Whether a limit order at this price would trade at once."""
        against = self.best(1 - side)
        return against is not None and (price >= against if side == BUY else price <= against)

    def enter(self, order_id: int, side: int, price: int | None, qty: int) -> list[tuple[int, int, int]]:
        """Match a new order, market where price is None; what a limit order leaves rests.

        Returns (maker id, price, qty) of each trade, in order.
        """
        trades = []
        while qty > 0:
            at = self.best(1 - side)
            if at is None or (price is not None and (at > price if side == BUY else at < price)):
                break
            maker_id = next(iter(self._levels[1 - side][at]))
            maker = self.orders[maker_id]
            filled = min(qty, maker[2])
            trades.append((maker_id, at, filled))
            qty -= filled
            maker[2] -= filled
            if maker[2] == 0:
                self.remove(maker_id)
        if qty > 0 and price is not None:
            self.rest(order_id, side, price, qty)
        return trades

    def rest(self, order_id: int, side: int, price: int, qty: int) -> None:
        """Stand at the back of a price, crossed or not."""
        self.orders[order_id] = [side, price, qty]
        level = self._levels[side].get(price)
        if level is None:
            self._levels[side][price] = {order_id: None}
            heappush(self._heaps[side], -price if side == BUY else price)
        else:
            level[order_id] = None

    def remove(self, order_id: int) -> bool:
        """Take an order out; False where it doesn't rest."""
        order = self.orders.pop(order_id, None)
        if order is None:
            return False
        del self._levels[order[0]][order[1]][order_id]
        return True

    def reduce(self, order_id: int, qty: int) -> int:
        """Take `qty`, at most what is left, off a resting order, which keeps its place; returns what is left then."""
        order = self.orders[order_id]
        order[2] -= qty
        assert order[2] >= 0, f"order {order_id} reduced by {qty} below nothing"
        if order[2] == 0:
            self.remove(order_id)
        return order[2]

    def side(self, side: int) -> list[tuple[int, int, int]]:
        """(price, leaves, id) of all orders of a side, in priority."""
        levels = self._levels[side]
        return [(p, self.orders[i][2], i) for p in sorted(levels, reverse=side == BUY) for i in levels[p]]
