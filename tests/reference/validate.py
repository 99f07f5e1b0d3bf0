"""What must hold after every command."""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine


def validate(engine: "ReferenceEngine") -> None:
    """Raise AssertionError where the books, the orders and the money disagree."""
    _check_books(engine)
    _check_frozen(engine)
    _check_supply(engine)


def _check_books(engine: "ReferenceEngine") -> None:
    resting = [order for book in engine.books.values() for order in book.orders()]
    assert sorted(order.order_id for order in resting) == sorted(engine.open), "the book is not the open orders"
    for book in engine.books.values():
        for side in book.sides.values():
            for ahead, behind in zip(side, side[1:], strict=False):
                assert ahead.price is not None and behind.price is not None
                better = ahead.price > behind.price if ahead.side == "buy" else ahead.price < behind.price
                assert better or (ahead.price == behind.price and ahead.age < behind.age), "not in priority"
        if book.sides["buy"] and book.sides["sell"]:
            assert not book.sides["buy"][0].crosses(book.sides["sell"][0]), "crossed book"


def _check_frozen(engine: "ReferenceEngine") -> None:
    frozen: Counter[tuple[int, str]] = Counter()
    for order in engine.open.values():
        assert order.leaves > 0
        assert order.price is not None
        instrument = order.instrument
        if order.side == "buy":
            assert order.frozen == order.price * order.leaves * instrument.tick_lot_quote_units
        else:
            assert order.frozen == order.leaves * instrument.lot_base_units
        frozen[order.account, order.pays_with] += order.frozen
        assert not engine.accounts[order.account].suspended
    for number, account in engine.accounts.items():
        for name, balance in account.balances.items():
            assert balance.frozen == frozen[number, name], f"account {number} {name}: frozen is not its orders'"
            assert balance.available >= 0 or account.suspended, f"account {number} {name}: below zero"


def _check_supply(engine: "ReferenceEngine") -> None:
    for asset in engine.assets.values():
        held = sum(
            account.balances[asset.name].available + account.balances[asset.name].frozen
            for account in engine.accounts.values()
            if asset.name in account.balances
        )
        assert held + asset.fees == asset.deposited, f"{asset.name}: held + fees is not deposits - withdrawals"
        assert asset.fees >= 0 and 0 <= asset.deposited <= 2**62
