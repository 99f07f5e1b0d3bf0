"""What must hold after every command."""

from collections import Counter
from typing import TYPE_CHECKING

from tests.reference.auction import is_crossed
from tests.reference.book import Order
from tests.reference.waiting import is_reached_already

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine


def validate(engine: "ReferenceEngine") -> None:
    """Raise AssertionError where the books, the waiting orders, the orders and the money disagree."""
    _check_places(engine)
    _check_books(engine)
    _check_waiting(engine)
    _check_frozen(engine)
    _check_supply(engine)


def _check_places(engine: "ReferenceEngine") -> None:
    """Every open order stands in exactly one place, and none else does."""
    resting = [order for book in engine.books.values() for order in book.orders()]
    waiting = [order for orders in engine.waiting.values() for order in orders]
    standing = [order.order_id for order in resting + waiting + engine.hits]
    assert sorted(standing) == sorted(engine.open), "what stands somewhere is not the open orders"
    assert not any(order.waits for order in resting) and all(order.waits for order in waiting + engine.hits)
    assert all(order.expire is None or order.expire > engine.now for order in engine.open.values()), "expired"
    assert len({order.age for order in engine.open.values()}) == len(engine.open), "two of one age"


def _check_books(engine: "ReferenceEngine") -> None:
    for book in engine.books.values():
        for side in book.sides.values():
            for order in side:
                most = order.leaves if order.display is None else min(order.display, order.leaves)
                assert 0 < order.shown <= most, "a slice of nothing, or more than a slice"
                assert order.display is not None or order.shown == order.leaves
            for ahead, behind in zip(side, side[1:], strict=False):
                assert ahead.price is not None and behind.price is not None
                better = ahead.price > behind.price if ahead.side == "buy" else ahead.price < behind.price
                assert better or ahead.price == behind.price, "not in priority"
    for instrument in engine.instruments.values():
        if instrument.state in ("open", "post_only"):
            assert not is_crossed(engine.books[instrument.symbol]), "crossed book"


def _check_waiting(engine: "ReferenceEngine") -> None:
    assert all(order.instrument.state != "open" for order in engine.hits), "hit, and not triggered"
    for orders in engine.waiting.values():
        for order in orders:
            assert not is_reached_already(engine, order), "reached, and not hit"
        assert [order.age for order in orders] == sorted(order.age for order in orders)


def alone(order: Order) -> int:
    """What an open order freezes by itself, from its terms."""
    instrument = order.instrument
    if order.side == "sell":
        return order.leaves * instrument.lot_base_units
    price = order.stop_price if order.price is None else order.price
    assert price is not None
    return price * order.leaves * instrument.tick_lot_quote_units


def _check_pair(engine: "ReferenceEngine", order: Order, other: Order) -> None:
    assert engine.open.get(other.order_id) is other and other.partner is order and other is not order
    assert (order.account, order.side, order.instrument) == (other.account, other.side, other.instrument)
    assert order.hold is other.hold and (order.waits or other.waits)


def _check_frozen(engine: "ReferenceEngine") -> None:
    frozen: Counter[tuple[int, str]] = Counter()
    for order in engine.open.values():
        assert order.leaves > 0
        assert (order.price is not None) or order.waits
        assert not engine.accounts[order.account].suspended
        other, needed = order.partner, alone(order)
        if other is not None:
            _check_pair(engine, order, other)
            needed = max(needed, alone(other))
        assert order.frozen == needed
        if other is None or order.order_id < other.order_id:  # of a pair, once
            frozen[order.account, order.pays_with] += needed
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
