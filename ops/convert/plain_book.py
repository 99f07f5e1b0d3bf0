"""A price-time book in plain Python: what the converter and the generator replay their own commands through.

It knows prices and quantities only: no accounts, no funds. Integers in ticks and lots.
"""

from heapq import heappop, heappush

BUY, SELL = 0, 1


class PlainBook:
    """One instrument. Orders are named by any integer id that the caller chooses."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}  # id -> [side, price_ticks, leaves_lots]
        # per side: price -> ids in time order (a dict keeps insertion order and removes anywhere)
        self._levels: tuple[dict[int, dict[int, None]], ...] = ({}, {})
        # per side: prices that have or had a level, best on top; stale ones go when they surface
        self._heaps: tuple[list[int], ...] = ([], [])

    def best(self, side: int) -> int | None:
        """Best price of a side, or None where it is empty."""
        heap, levels = self._heaps[side], self._levels[side]
        while heap:
            price = -heap[0] if side == BUY else heap[0]
            if price in levels:
                return price
            heappop(heap)
        return None

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
            self._rest(order_id, side, price, qty)
        return trades

    def _rest(self, order_id: int, side: int, price: int, qty: int) -> None:
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
        side, price, _ = order
        level = self._levels[side][price]
        del level[order_id]
        if not level:
            del self._levels[side][price]
        return True

    def side(self, side: int) -> list[tuple[int, int, int]]:
        """(price, leaves, id) of all orders of a side, in priority."""
        levels = self._levels[side]
        return [(p, self.orders[i][2], i) for p in sorted(levels, reverse=side == BUY) for i in levels[p]]
