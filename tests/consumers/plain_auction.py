"""What an uncross would give, by the reference engine's rule: what the compiled one is held against."""

from tests.reference.auction import Levels, clearing_price, offered, wanted


def plain_indicative(bids: Levels, asks: Levels, reference_ticks: int) -> tuple[int, int, int, int]:
    """(price, volume, surplus, side of the surplus: 1 = sell); all 0 where nothing would trade. 0 = no reference."""
    if not bids or not asks or max(bids) < min(asks):
        return 0, 0, 0, 0
    price = clearing_price(bids, asks, reference_ticks or None)
    demand, supply = wanted(bids, price), offered(asks, price)
    return price, min(demand, supply), abs(demand - supply), int(supply > demand)
