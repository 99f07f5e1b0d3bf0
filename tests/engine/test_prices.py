"""A book holds every price that an instrument may have: up to one lot at 63 bits."""

from tests.engine.fast import FastEngine, check_frozen

TOP = 2**63 - 1
INSTRUMENTS = {
    "asset": [{"name": "A", "decimals": 0}, {"name": "B", "decimals": 0}],
    "instrument": [
        {
            "symbol": "A-B", "base": "A", "quote": "B", "tick_size": "1", "lot_size": "1", "price_min": "1",
            "price_max": str(TOP), "maker_fee_ppm": 0, "taker_fee_ppm": 0,
        }
    ],
}  # fmt: skip


def place(client_id: int, side: str, price: int, qty: int = 1) -> dict[str, object]:
    return {
        "op": "place", "account": 1, "client_id": client_id, "symbol": "A-B", "side": side, "type": "limit",
        "price": price, "qty": qty, "stp": "none",
    }  # fmt: skip


def begun() -> FastEngine:
    engine = FastEngine(INSTRUMENTS)
    for client_id, asset in enumerate(("A", "B"), 1):
        engine.run({"op": "deposit", "account": 1, "client_id": client_id, "asset": asset, "amount": 2**62})
    return engine


def test_asks_over_the_whole_range_stand_in_order_and_trade_from_the_lowest() -> None:
    engine = begun()
    prices = [1, 2, 63, 64, 65, 4095, 2**30, 2**59, 2**60 - 1, 2**60, 2**60 + 1, 2**61 + 5, TOP - 1, TOP]
    for client_id, price in enumerate(reversed(prices), 3):
        assert engine.run(place(client_id, "sell", price))[0]["type"] == "accepted"
    assert [order["price"] for order in engine.orders()] == [str(price) for price in prices]
    events = engine.run(place(99, "buy", 2**58, 9))
    assert [event["price"] for event in events if event["type"] == "trade"] == [str(price) for price in prices[:7]]
    check_frozen(engine.engine)


def test_bids_over_the_range_of_funds_stand_in_order_and_leave_no_page_behind() -> None:
    engine = begun()
    prices = [2**60 + 7, 2**60, 2**60 - 1, 2**50, 77, 5, 1]
    for client_id, price in enumerate(reversed(prices), 3):
        assert engine.run(place(client_id, "buy", price))[0]["type"] == "accepted"
    assert [order["price"] for order in engine.orders()] == [str(price) for price in prices]
    check_frozen(engine.engine)
    engine.run({"op": "mass_cancel", "account": 1, "client_id": 99})
    assert engine.engine.header()["node_count"] == 0
