"""The price of an uncross by the words of docs/orders.md, tick by tick: what the compiled one is held against."""

Levels = dict[int, int]  # price -> lots, hidden ones included


def plain_indicative(bids: Levels, asks: Levels, reference_ticks: int) -> tuple[int, int, int, int]:
    """(price, volume, surplus, side of the surplus: 1 = sell); all 0 where nothing would trade. 0 = no reference."""
    if not bids or not asks or max(bids) < min(asks):
        return 0, 0, 0, 0
    best_bid, best_ask = max(bids), min(asks)
    aim = reference_ticks or (best_bid + best_ask) // 2
    ticks = range(best_ask, best_bid + 1)
    demand = {tick: sum(lots for price, lots in bids.items() if price >= tick) for tick in ticks}
    supply = {tick: sum(lots for price, lots in asks.items() if price <= tick) for tick in ticks}
    volume = max(min(demand[tick], supply[tick]) for tick in ticks)
    most = [tick for tick in ticks if min(demand[tick], supply[tick]) == volume]
    surplus = min(abs(demand[tick] - supply[tick]) for tick in most)
    least = [tick for tick in most if abs(demand[tick] - supply[tick]) == surplus]
    near = min(abs(tick - aim) for tick in least)
    price = max(tick for tick in least if abs(tick - aim) == near)
    return price, volume, surplus, int(supply[price] > demand[price])
