"""The three stores agree with a plain fold of the same random story, however it is cut into batches."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from config.settings import Settings
from consumers.balances import store as balances
from consumers.funds import FEES
from consumers.orders import store as orders
from consumers.settlement import store as settlement
from consumers.store import Store
from consumers.stored import StoredConsumer
from ringbuf.codes import EventType
from tests.consumers.synthetic import Story, batches

SEEDS = (1, 2, 3)


def feed(
    consumer: StoredConsumer, story: Story, folder: Path, seed: int, cut: list[np.ndarray] | None = None
) -> StoredConsumer:
    """Run the story through a consumer, in random batches or as `cut`, reopening it now and then as after a crash."""
    context = SimpleNamespace(data=folder, epoch=1, settings=Settings())
    consumer.open(context)
    for i, batch in enumerate(cut or batches(story.events, seed)):
        consumer.apply(batch)
        if i % 3 == 0:
            consumer.commit(int(batch["seq"][-1]))
        if i % 12 == 0:
            consumer.close()
            assert consumer.open(context) == batch["seq"][-1]
    consumer.commit(len(story.events))
    return consumer


def story_of(seed: int) -> Story:
    story = Story(seed)
    story.run(3000)
    return story


@pytest.mark.parametrize("seed", SEEDS)
def test_balances_and_ledger_are_what_a_plain_fold_says(seed: int, tmp_path: Path) -> None:
    story = story_of(seed)
    made = StoredConsumer("balances", balances.TABLES, lambda s, c: balances.BalanceFold(s, lambda trade: True))
    store: Store = feed(made, story, tmp_path, seed).store
    tables = balances.BalanceTables(store)
    with store.read() as txn:
        found = balances.all_balances(txn, tables)
        plain = {key: tuple(row) for key, row in story.plain.balances.items() if any(row)}
        assert {(a, asset): b for a, row in found.items() for asset, b in row.items()} == plain, f"seed {seed}"
        assert balances.ledger_sums(txn, tables) == found
        for account in {line[1] for line in story.plain.lines}:
            lines = balances.ledger_of(txn, tables, account, 10**6)
            own = [line for line in story.plain.lines if line[1] == account]
            columns = ("seq", "account", "asset", "d_available", "d_frozen", "available", "frozen")
            assert [tuple(int(line[c]) for c in columns) for line in lines] == own, f"seed {seed}"
        by_seq: dict[int, int] = {}
        for line in story.plain.lines:
            by_seq[line[0]] = by_seq.get(line[0], 0) + 1
        for seq in range(1, len(story.events) + 1, 7):
            assert len(tables.ledger.of_sequence(txn, seq)) == by_seq.get(seq, 0), f"seed {seed} seq {seq}"
        last = balances.ledger_of(txn, tables, FEES, 3)
        assert last["seq"].tolist() == [line[0] for line in story.plain.lines if line[1] == FEES][-3:]
    made.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_orders_fills_and_client_ids_are_what_a_plain_fold_says(seed: int, tmp_path: Path) -> None:
    story = story_of(seed)
    made = StoredConsumer("orders", orders.TABLES, lambda s, c: orders.OrderFold(s))
    store = feed(made, story, tmp_path, seed).store
    tables = orders.OrderTables(store)
    names = {
        "account": "account",
        "symbol": "symbol",
        "side": "side",
        "price": "price_ticks",
        "busted": "busted_lots",
        "leaves": "leaves_lots",
        "filled": "filled_lots",
        "status": "status",
        "reason": "reason",
        "stop": "stop_price_ticks",
        "trail": "trail_ticks",
        "display": "display_lots",
        "expires": "expire_ts_ns",
        "pair": "pair_order_id",
        "triggered": "triggered",
    }
    with store.read() as txn:
        for order_id, plain in story.plain.orders.items():
            row = orders.order(txn, tables, order_id)
            assert row is not None
            for name, column in names.items():
                assert int(row[column][0]) == plain[name], f"seed {seed}: {name} of order {order_id}"
            fills = orders.fills_of(txn, tables, row)
            found = [[int(f["seq"]), int(f["busted"]), int(f["maker"])] for f in fills]
            assert found == plain["fills"], f"seed {seed}"
        still_open = sorted(i for i, order in story.plain.orders.items() if order["status"] in (1, 2, 5))
        assert sorted(orders.open_orders(txn, tables)["order_id"].tolist()) == still_open
        for account in (1, 2, 64):
            own = [i for i in still_open if story.plain.orders[i]["account"] == account]
            assert orders.open_orders(txn, tables, account)["order_id"].tolist() == own
        for (account, client_id), ref in story.plain.clients.items():
            row, refusal = orders.by_client_id(txn, tables, account, client_id)
            found = (
                -int(refusal["seq"][0]) if refusal is not None else int(row["order_id"][0]) if row is not None else 0
            )
            assert found == ref, f"seed {seed}: account {account} client id {client_id}"
        assert orders.order(txn, tables, 10**9) is None
        assert orders.by_client_id(txn, tables, 1, 10**9) == (None, None)
    made.close()


def test_busts_that_come_alone_mark_their_fills(tmp_path: Path) -> None:
    seed = SEEDS[0]
    story = story_of(seed)
    busts = np.flatnonzero(story.events["type"] == EventType.BUSTED)
    cut = [part for part in np.split(story.events, np.unique(np.concatenate((busts, busts + 1)))) if len(part)]
    assert sum(len(part) == 1 and part["type"][0] == EventType.BUSTED for part in cut) == len(busts) > 5
    made = StoredConsumer("orders", orders.TABLES, lambda s, c: orders.OrderFold(s))
    store = feed(made, story, tmp_path, seed, cut).store
    tables = orders.OrderTables(store)
    with store.read() as txn:
        for order_id, plain in story.plain.orders.items():
            row = orders.order(txn, tables, order_id)
            assert row is not None and int(row["busted_lots"][0]) == plain["busted"]
            found = [[int(f["seq"]), int(f["busted"]), int(f["maker"])] for f in orders.fills_of(txn, tables, row)]
            assert found == plain["fills"], f"seed {seed}, order {order_id}"
    made.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_settlement_of_each_day_is_what_a_plain_fold_says(seed: int, tmp_path: Path) -> None:
    story = story_of(seed)
    made = StoredConsumer("settlement", settlement.TABLES, lambda s, c: settlement.SettlementFold(s))
    store = feed(made, story, tmp_path, seed).store
    tables = settlement.SettlementTables(store)
    with store.read() as txn:
        days = sorted({key[0] for key in story.plain.days})
        running: dict[tuple[int, int], int] = {}
        for day in days:
            found = settlement.statements_of_day(txn, tables, day)
            plain = {key[1:]: line for key, line in story.plain.days.items() if key[0] == day}
            assert {(line.account, line.asset) for line in found} == set(plain)
            for line in found:
                key = (line.account, line.asset)
                assert {name: getattr(line, name) for name in plain[key]} == plain[key], f"seed {seed} day {day} {key}"
                assert line.opening == running.get(key, 0)
                running[key] = line.closing
            assert set(settlement.trial_balance(found).values()) == {0}
            volumes = {s: tuple(v) for (d, s), v in story.plain.volumes.items() if d == day and any(v)}
            assert settlement.volumes_of_day(txn, tables, day) == volumes
        now = {
            (a, asset): amount for a, row in settlement.closings(txn, tables).items() for asset, amount in row.items()
        }
        assert now == {key: sum(row) for key, row in story.plain.balances.items() if sum(row)}
        quiet = settlement.statement(txn, tables, 1, 0, days[-1] + 5)
        assert quiet is not None and quiet.opening == quiet.closing == running[1, 0]
        assert settlement.statement(txn, tables, 1, 0, days[0] - 1) is None
    made.close()


def test_wide_sums_hold_a_turnover_beyond_63_bits() -> None:
    from consumers.settlement.fold import carry, number, widen

    wide = widen(np.zeros(1, np.int64))
    total = 0
    for amount in (2**62, 2**62, 2**62, -(2**61), 7, -9):
        wide = carry(wide + widen(np.array([amount], np.int64)))
        total += amount
    assert number(wide[0]) == total
