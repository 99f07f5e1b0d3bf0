"""What a client got, against the engine's own answers."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tests.consumers.gateway.asking import queried
from tests.pipeline import Pipeline

STATUS = {
    "open": ("NEW",),
    "partly_filled": ("PARTIALLY_FILLED",),
    "waiting": ("NEW",),
    "filled": ("FILLED",),
    "cancelled": ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"),
}
Book = dict[str, dict[Decimal, Decimal]]


def numbers(book: dict[str, dict[str, Any]]) -> Book:
    """A book whose prices and quantities are numbers, for clients that write them in their own way."""
    return {
        side: {Decimal(str(price)): Decimal(str(qty)) for price, qty in book[side].items()} for side in ("bids", "asks")
    }


def engines_order(running: Pipeline, order_id: int | str) -> dict[str, Any]:
    """The order as the engine's history has it, with the sums of its fills: `filled`, `paid`, `fees`."""
    found = queried(running, "order", str(order_id))
    fills = found["fills"]
    found["paid"] = sum((Decimal(fill["price"]) * Decimal(fill["qty"]) for fill in fills), Decimal(0))
    found["fees"] = sum((Decimal(fill["fee"]) for fill in fills), Decimal(0))
    assert Decimal(found["filled"]) == sum((Decimal(fill["qty"]) for fill in fills), Decimal(0))
    return found


def check_order(running: Pipeline, account: int, order: dict[str, Any]) -> dict[str, Any]:
    """An order in Binance's words, as it was last told: the engine's answer, for what more there is to compare."""
    found = engines_order(running, order["orderId"])
    assert found["account"] == account
    assert order["status"] in STATUS[found["status"]], (order, found)
    assert order["side"] == found["side"].upper()
    assert Decimal(order["origQty"]) == Decimal(found["qty"])
    assert Decimal(order["executedQty"]) == Decimal(found["filled"])
    assert Decimal(order["cummulativeQuoteQty"]) == found["paid"]
    if "price" in found:
        assert Decimal(order["price"]) == Decimal(found["price"])
    if "stop_price" in found and not found["triggered"]:
        assert Decimal(order["stopPrice"]) == Decimal(found["stop_price"])
    if "fills" in order:
        check_fills(found, [(row["price"], row["qty"], row["commission"]) for row in order["fills"]])
    return found


def check_fills(found: dict[str, Any], told: Iterable[tuple[Any, Any, Any]]) -> None:
    """(price, quantity, fee) of each fill, in order."""
    engines = [(Decimal(fill["price"]), Decimal(fill["qty"]), Decimal(fill["fee"])) for fill in found["fills"]]
    assert [tuple(Decimal(str(each)) for each in row) for row in told] == engines


def fills_by_order(trades: list[dict[str, Any]]) -> dict[int, list[tuple[Any, Any, Any]]]:
    """myTrades as (price, quantity, fee) of each order's fills."""
    found: dict[int, list[tuple[Any, Any, Any]]] = {}
    for trade in trades:
        found.setdefault(trade["orderId"], []).append((trade["price"], trade["qty"], trade["commission"]))
    return found


def check_balances(running: Pipeline, account: int, told: dict[str, tuple[Any, Any]]) -> None:
    """{asset: (free, locked)} of what the client knows: all that the account has. Of others it has nothing."""
    engines = {
        name: (Decimal(row["available"]), Decimal(row["frozen"]))
        for name, row in queried(running, "balance", str(account)).items()
    }
    known = {name: (Decimal(str(free)), Decimal(str(locked))) for name, (free, locked) in told.items()}
    nothing = dict.fromkeys(known.keys() - engines.keys(), (Decimal(0), Decimal(0)))
    assert known == engines | nothing
