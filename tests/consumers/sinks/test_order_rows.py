"""Rows of orders that a sink keeps are those that the orders consumer keeps, and lose nothing on the way back."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from config.catalog import Catalog
from consumers.funds import InstrumentTable
from consumers.orders.fold import ORDER
from consumers.orders.store import TABLES, OrderFold, order
from consumers.sinks.columns import rows
from consumers.sinks.order_rows import OrderSpan, order_fields, order_of
from consumers.sinks.target import ORDERS
from consumers.store import Store
from ringbuf.codes import EventType
from ringbuf.cuts import cut_places
from tests.consumers.engine_flow import reference_history

EPOCH = 3
CHANGES = ("last_seq", "updated_ts_ns")  # a sink's row says when it was changed by a bust, or by a pair's other half


@pytest.mark.parametrize("seed", [4, 20261128])
def test_rows_are_those_of_the_orders_consumer(seed: int, tmp_path: Path) -> None:
    events = reference_history(seed, 1_500, tmp_path)
    catalog = Catalog.from_events(events)
    accepted = events[events["type"] == EventType.ACCEPTED]
    named = accepted[["account", "client_id", "order_id"]].tolist()
    span = OrderSpan(1, len(events), {(account, client_id): order_id for account, client_id, order_id in named})
    with Store(tmp_path / "orders", EPOCH, TABLES) as store:
        fold, instruments = OrderFold(store), InstrumentTable()
        ends = [int(end) for end in cut_places(events)[::7]] + [len(events)]
        for begin, end in zip([0, *ends], ends, strict=False):
            batch = events[begin:end].copy()
            instruments.fold(batch)
            store.commit(end, partial(fold.write, events=batch, instruments=instruments))
            if end > begin:
                span.take(batch)
        with store.read() as txn:
            kept = [order(txn, fold.tables, int(order_id)) for order_id in accepted["order_id"]]
    expected = order_fields(np.concatenate([row for row in kept if row is not None]), catalog)
    found = order_fields(span.all(), catalog)
    changed = 0
    for mine, theirs in zip(found, expected, strict=True):
        if "oco_order_id" in mine or mine["busted"].strip("0."):
            assert all(mine[name] >= theirs[name] for name in CHANGES)
            mine, theirs = ({k: v for k, v in row.items() if k not in CHANGES} for row in (mine, theirs))
            changed += 1
        assert mine == theirs, f"seed {seed}"
    assert len(found) > 200
    assert changed > 3, f"seed {seed} has too few pairs and busts"


def test_a_row_as_it_is_shown_gives_back_all_that_the_fold_goes_by(tmp_path: Path) -> None:
    events = reference_history(4, 1_000, tmp_path)
    catalog = Catalog.from_events(events)
    span = OrderSpan(1, len(events), {})
    span.take(events)
    shown = order_fields(span.all(), catalog)
    back = np.array([order_of(row, catalog) for row in rows(ORDERS, shown)], ORDER)
    assert order_fields(back, catalog) == shown
    lost = {name for name in ORDER.names or () if (back[name] != span.all()[name]).any()}
    assert lost <= {"fills", "last_fill", "stp", "order_flags", "stop_price_ticks", "trail_ticks", "price_ticks"}
