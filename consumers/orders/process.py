"""Step 2 of nine: every order's status and fills, by order id and by account + client id."""

from typing import Any

from consumers.orders.fold import warm as warm
from consumers.orders.store import NAME, TABLES, OrderFold
from consumers.runtime import run
from consumers.store import Store
from consumers.stored import StoredConsumer


def consumer() -> StoredConsumer:
    """The orders consumer, not yet opened."""

    def fold_on(store: Store, context: Any) -> OrderFold:
        return OrderFold(store)

    return StoredConsumer(NAME, TABLES, fold_on)


def main(context: Any) -> int:
    """Run until told to stop; the exit code."""
    return run(consumer(), context)
