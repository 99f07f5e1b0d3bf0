"""Random commands through the real engine: journal and stores of its events reconcile, and a wrong store does not."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from config.catalog import Catalog
from config.settings import Settings
from consumers.balances import process as balances_process
from consumers.balances.store import BalanceTables, all_balances, wanted_busts
from consumers.journal.writer import JournalWriter
from consumers.orders import process as orders_process
from consumers.settlement import process as settlement_process
from consumers.stored import StoredConsumer
from engine.core import Engine
from ops.cli import main
from ops.reconciliation import reconcile
from ringbuf.codes import HAS_PRICE, HAS_QTY, NO_ID, STEP_SESSION, EventType, Op, OrderType, Side, Tif
from ringbuf.cuts import cut_places, cuts
from ringbuf.records import COMMAND
from tests.consumers.engine_flow import LIMITS, reference_history

EPOCH = 5
DAY_NS = 86_400_000_000_000


def catalog() -> Catalog:
    made = Catalog()
    made.add_asset("USDT", 6)
    made.add_asset("BTC", 8)
    made.add_asset("ETH", 18)
    terms = {"lot_base_units": 10_000, "tick_lot_quote_units": 1, "price_min_ticks": 1, "price_max_ticks": 10_000,
             "maker_fee_ppm": 1000, "taker_fee_ppm": 2000, "qty_min_lots": 0, "qty_max_lots": 0, "min_notional": 0,
             "market_collar_ppm": 0, "max_open_orders": 0}  # fmt: skip
    made.add_instrument("BTC-USDT", 1, 0, terms)
    made.add_instrument("ETH-USDT", 2, 0, terms)
    return made


def commands(seed: int, count: int) -> Iterator[np.ndarray]:
    """Random commands of ten accounts over some days, most of which make sense."""
    dice = random.Random(seed)
    ts_ns = 20_000 * DAY_NS
    client_ids = dict.fromkeys(range(1, 11), 0)
    for number in range(count):
        ts_ns += dice.choice((0, 1000, DAY_NS // (count // 4)))
        account = dice.randrange(1, 11)
        client_ids[account] += 1 if dice.random() < 0.97 else 0
        row = np.zeros(1, COMMAND)
        row["ts_ns"], row["account"], row["client_id"] = ts_ns, account, client_ids[account]
        row["orig_client_id"] = NO_ID
        row["symbol"] = dice.randrange(2)
        roll = dice.random()
        if number < 60 or roll < 0.02:
            row["op"], row["symbol"] = Op.DEPOSIT, dice.randrange(3)
            row["qty_lots"] = dice.randrange(1, 10**6) if row["symbol"][0] == 0 else dice.randrange(1, 10**9)
        elif roll < 0.04:
            row["op"], row["symbol"], row["qty_lots"] = Op.WITHDRAW, dice.randrange(3), dice.randrange(1, 10**5)
        elif roll < 0.80:
            row["op"], row["side"], row["stp"] = Op.PLACE, dice.randrange(2), dice.randrange(5)
            row["order_type"] = OrderType.MARKET if dice.random() < 0.1 else OrderType.LIMIT
            row["tif"] = dice.choice((Tif.GTC, Tif.GTC, Tif.GTC, Tif.IOC, Tif.FOK))
            row["qty_lots"], row["mask"] = dice.randrange(1, 50), HAS_QTY
            if row["order_type"][0] == OrderType.LIMIT:
                row["price_ticks"], row["mask"] = 500 + dice.randrange(-20, 21), HAS_QTY | HAS_PRICE
        else:
            row["op"] = Op.CANCEL if roll < 0.9 else Op.AMEND
            row["orig_client_id"] = max(0, client_ids[account] - dice.randrange(1, 30))
            if row["op"][0] == Op.AMEND:
                row["price_ticks"], row["qty_lots"] = 500 + dice.randrange(-20, 21), dice.randrange(1, 50)
                row["mask"] = HAS_PRICE | HAS_QTY
        yield row


def history(seed: int, count: int = 3000) -> np.ndarray:
    """Events of a run with busts in between: of fresh trades and of old ones."""
    dice = random.Random(seed)
    engine = Engine(LIMITS)
    parts = [engine.run(catalog().seed_commands())]
    trades: list[np.ndarray] = []
    for command in commands(seed, count):
        parts.append(engine.run(command))
        made = parts[-1][parts[-1]["type"] == EventType.TRADE]
        trades += [made[i : i + 1] for i in range(len(made))]
        if trades and dice.random() < 0.01:
            bust = balances_process.bust_command(trades[dice.randrange(len(trades))][0])
            bust["ts_ns"] = command["ts_ns"]
            parts.append(engine.run(bust))
    return np.concatenate(parts)


def build(data: Path, events: np.ndarray, upto: dict[str, int] | None = None) -> None:
    """Journal and stores of a history; `upto` leaves a store behind at the end of an earlier command."""
    writer = JournalWriter(data, EPOCH, "journal", 4)
    writer.append(events)
    writer.sync()
    writer.close()
    context = SimpleNamespace(data=data, epoch=EPOCH, name="nothing-runs-here", settings=Settings())
    ends = cut_places(events)
    for module in (balances_process, orders_process, settlement_process):
        consumer: StoredConsumer = module.consumer()
        stop = len(events)
        if upto and consumer.name in upto:
            stop = int(ends[ends <= upto[consumer.name]][-1])
        assert consumer.open(context) == 0
        start = 0
        for end in [int(e) for e in ends[::97] if e < stop] + [stop]:
            consumer.apply(events[start:end].copy())
            consumer.commit(end)
            start = end
        consumer.close()


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_stores_of_a_random_run_reconcile(seed: int, tmp_path: Path) -> None:
    events = history(seed)
    assert {EventType.TRADE, EventType.BUSTED, EventType.AMENDED} <= set(events["type"].tolist())
    build(tmp_path, events)
    seq, checks = reconcile(tmp_path)
    assert seq == len(events)
    assert [vars(check) for check in checks if not check.ok] == [], f"seed {seed}"


@pytest.mark.parametrize("seed", [1, 2])
def test_stores_of_the_reference_stream_reconcile(seed: int, tmp_path: Path) -> None:
    """Everything a command can be: junk, halts, suspensions, listings in mid-run, busts into debt."""
    events = reference_history(seed, 2500, tmp_path)
    build(tmp_path / "data", events)
    _, checks = reconcile(tmp_path / "data")
    assert [vars(check) for check in checks if not check.ok] == [], f"seed {seed}"


def test_stores_that_stand_apart_are_compared_each_at_its_own_sequence(tmp_path: Path) -> None:
    events = history(21, 800)
    build(tmp_path, events, {"orders": len(events) // 2, "settlement": len(events) - 30})
    seq, checks = reconcile(tmp_path)
    assert seq == len(events)
    assert [check for check in checks if not check.ok] == []


def test_a_store_that_lacks_one_event_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = history(22, 800)
    build(tmp_path, events)
    context = SimpleNamespace(data=tmp_path, epoch=EPOCH, name="nothing-runs-here", settings=Settings())
    consumer = balances_process.consumer()
    consumer.open(context)
    extra = events[events["type"] == EventType.DEPOSITED][:1].copy()
    consumer.apply(extra)
    consumer.commit(len(events))
    consumer.close()
    assert main(["reconcile", "--data", str(tmp_path), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["seq"] == len(events) and report["ok"] is False
    assert [check["name"] for check in report["checks"] if not check["ok"]] == ["balances"]


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """A verb's one JSON object; `code` = the exit code that is expected."""

    def verb(*words: str, code: int = 0) -> dict[str, Any]:
        assert main([*words, "--data", str(tmp_path), "--json"]) == code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return verb


def test_a_trade_is_traced_through_nine_steps(tmp_path: Path, ask: Ask) -> None:
    events = history(25, 800)
    build(tmp_path, events)
    trade = events[events["type"] == EventType.TRADE][0]
    traced = ask("trace", str(trade["seq"]))
    assert traced["seq"] == trade["seq"] and [step["step"] for step in traced["steps"]] == list(range(1, 10))
    assert {order["order_id"] for order in traced["steps"][1]["orders"]} == {trade["order_id"], trade["maker_order_id"]}
    assert {line["seq"] for line in traced["steps"][2]["ledger"]} == {trade["seq"]}
    order = ask("trace", "order", str(trade["order_id"]))
    assert order["order"]["order_id"] == trade["order_id"] and int(trade["seq"]) in order["seqs"]
    assert "error" in ask("trace", str(len(events) + 1), code=1)
    assert main(["trace", "nonsense", "--data", str(tmp_path)]) == 2


def test_the_engines_own_steps_are_traced_as_nobodys_answer(tmp_path: Path, ask: Ask) -> None:
    events = reference_history(3, 800, tmp_path)
    build(tmp_path, events)
    step = events[(events["type"] == EventType.TRIGGERED) & (events["session"] == STEP_SESSION)][0]
    record = ask("trace", str(step["seq"]))["steps"][0]["records"][0]
    assert record["type"] == "triggered" and record["session"] is None and "request_id" not in record
    order = ask("query", "order", str(step["order_id"]))
    assert order["triggered"] is True and "stop_price" in order and order["status"] != "waiting"
    inside = int(np.flatnonzero(~cuts(events))[0]) + 1  # a sequence in the middle of a command
    assert ask("replay", "--to", str(inside))["whole"] is False
    assert ask("replay", "--to", str(len(events)))["whole"] is True


def test_verbs_answer_from_the_stores(tmp_path: Path, ask: Ask) -> None:
    events = history(23, 1500)
    build(tmp_path, events)
    trade = events[events["type"] == EventType.TRADE][0]
    order = ask("query", "order", str(trade["order_id"]))
    assert order["account"] == trade["account"] and int(trade["seq"]) in [fill["seq"] for fill in order["fills"]]
    assert ask("query", "order", str(order["account"]), str(order["client_id"])) == order
    assert "error" in ask("query", "order", "99999999", code=1)
    refused = events[(events["type"] == EventType.REJECTED) & (events["client_id"] >= 0) & (events["reason"] == 34)][0]
    assert ask("query", "order", str(refused["account"]), str(refused["client_id"]))["reason"] == "insufficient_funds"
    balance = ask("query", "balance", "1")
    ledger = ask("query", "ledger", "1", "--last", "500")
    assert set(balance) == {line["asset"] for line in ledger["entries"]}
    last = {line["asset"]: {"available": line["available"], "frozen": line["frozen"]} for line in ledger["entries"]}
    assert balance == last
    assert all(row["status"] in ("open", "partly_filled") for row in ask("query", "orders", "2")["orders"])
    day = ask("report", "day", "2024-10-05")
    assert set(day["trial_balance"].values()) == {"0"} and day["volumes"]
    assert all((tmp_path / path).exists() for path in day["files"])
    assert any(path.endswith(".parquet") for path in day["files"])
    statement = ask("report", "account", "1", "--day", "2024-10-05")
    assert set(statement["assets"]["USDT"]) == {
        "opening", "deposits", "withdrawals", "received", "paid", "fees", "other", "closing"}  # fmt: skip


def test_a_trade_that_cannot_be_booked_is_kept_until_its_bust(tmp_path: Path) -> None:
    events = history(24, 400)
    traded = np.flatnonzero(events["type"] == EventType.TRADE)[0]
    poor = events.copy()
    deposits = (poor["type"] == EventType.DEPOSITED) & (poor["account"] == poor["account"][traded])
    poor["qty_lots"][deposits] = 1  # as if money that the engine counted on had never come
    asked: list[int] = []
    consumer = balances_process.consumer()
    context = SimpleNamespace(data=tmp_path, epoch=EPOCH, name="nothing-runs-here", settings=Settings())
    consumer.open(context)
    consumer.fold._ask = lambda trade: asked.append(int(trade["seq"])) or True  # type: ignore[attr-defined]
    side = poor["side"][traded]
    assert side in (Side.BUY, Side.SELL)
    consumer.apply(poor[: traded + 1])
    consumer.commit(int(traded) + 1)
    with consumer.store.read() as txn:
        tables = BalanceTables(consumer.store)
        wanted = wanted_busts(txn, tables)["seq"].tolist()
        before = all_balances(txn, tables)
    for _ in range(3):
        consumer.idle(0)
    assert asked == wanted
    assert before
    consumer.close()
