"""What a handwritten case is, and short ways to write its commands and events."""

from typing import Any, NamedTuple

INSTRUMENTS: dict[str, Any] = {
    "asset": [{"name": "USD", "decimals": 2}, {"name": "ETH", "decimals": 3}],
    "instrument": [
        {
            "symbol": "ETH-USD", "base": "ETH", "quote": "USD", "tick_size": "0.1", "lot_size": "0.1",
            "price_min": "1", "price_max": "100", "maker_fee_ppm": 10_000, "taker_fee_ppm": 20_000,
        }
    ],
}  # fmt: skip

Command = dict[str, Any]
Event = dict[str, Any]


class Case(NamedTuple):
    """Commands, the events that must answer, "available frozen" of "account asset" after them."""

    name: str
    commands: list[Command]
    expected: list[Event]
    balances: dict[str, str]
    features: frozenset[str] = frozenset()
    instruments: dict[str, Any] = INSTRUMENTS


Row = tuple[str, list[Command], list[Event], dict[str, str]]

FIRST_SEQ = 8  # of a case's own events


def fund(account: int, asset: str, amount: str, client_id: int) -> Command:
    return {"op": "deposit", "account": account, "client_id": client_id, "asset": asset, "amount": amount}


BEGIN = [fund(1, "USD", "1000", 1), fund(1, "ETH", "10", 2), fund(2, "USD", "1000", 1), fund(2, "ETH", "10", 2)]


def place(account: int, client_id: int, side: str, qty: str | None, price: str | None = None, **more: Any) -> Command:
    """A limit order; a market order without price."""
    command = {"op": "place", "account": account, "client_id": client_id, "symbol": "ETH-USD", "side": side}
    command["type"] = "limit" if price else "market"
    given = {"qty": qty, "price": price, **more}
    return command | {name: value for name, value in given.items() if value is not None}


def about(kind: str, account: int, client_id: int, order_id: int | None = None, **more: Any) -> Event:
    """An event about an order (or an account's request) on ETH-USD."""
    event = {"type": kind, "symbol": "ETH-USD", "account": account, "client_id": client_id, "order_id": order_id}
    event.update(more)
    return {name: value for name, value in event.items() if value is not None}


def accepted(account: int, client_id: int, order_id: int, side: str, qty: str, price: str | None = None) -> Event:
    """Its `accepted`."""
    return about(
        "accepted", account, client_id, order_id, side=side, price=price, qty=qty,
        order_type="limit" if price else "market",
    )  # fmt: skip


def trade(taker: Event, maker: Event, price: str, qty: str, leaves: str, maker_leaves: str, fees: str) -> Event:
    """The trade of two accepted orders; fees is "taker's maker's"."""
    fee, maker_fee = fees.split()
    return about(
        "trade", taker["account"], taker["client_id"], taker["order_id"], side=taker["side"], price=price, qty=qty,
        leaves=leaves, maker_order_id=maker["order_id"], maker_account=maker["account"], maker_leaves=maker_leaves,
        fee=fee, maker_fee=maker_fee,
    )  # fmt: skip
