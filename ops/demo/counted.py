"""What each of the nine steps holds at the end, counted in its own store, and how long after the match it had it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consumers.balances import store as balances
from consumers.funds import FEES
from consumers.journal.reader import JournalReader
from consumers.marketdata.store import count_trades, open_tables, store_folder
from consumers.metrics import read_metrics
from consumers.orders import store as orders
from consumers.orders.fold import ORDER
from consumers.risk.queries import alerts
from consumers.settlement import store as settlement
from consumers.settlement.files import open_view, write_day
from consumers.store import StoreView
from ops.demo.history import History
from ops.demo.listen import Listener
from ops.evidence import open_store
from ringbuf.codes import EventType
from ringbuf.layout import TIMING

QUANTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
ALERTS_MAX = 1_000_000


def step_counts(data: Path, history: History, listener: Listener, reports: list[dict[str, Any]]) -> dict[str, Any]:
    """{consumer: {what: how many}}: rows in the stores, records in the journal, messages received."""
    kinds = ("accepted", "rejected", "trade", "cancelled", "amended")
    with JournalReader(data) as journal:
        segments, records = len(journal.segments), journal.last - journal.first + 1
    return {
        "engine": {"events": history.last} | {kind: history.counts[EventType[kind.upper()]] for kind in kinds},
        "orders": _count_orders(data),
        "balances": _count_balances(data),
        "journal": {"records": records, "segments": segments},
        "publisher": {"messages": listener.messages, "topics": listener.topics, "missing": listener.missing},
        "marketdata": _count_market(data),
        "settlement": {
            "transfers": sum(len(report["transfers"]) for report in reports),
            "days": len(reports),
            "files": sum(len(report["files"]) for report in reports),
        },
        "risk": {"events": _risk_sequence(data), "alerts": len(alerts(data, ALERTS_MAX)["alerts"])},
    }


def _count_orders(data: Path) -> dict[str, int]:
    with open_store(data, orders.NAME) as view, view.snapshot() as txn:
        tables = orders.OrderTables(view)
        rows = 0
        with txn.cursor(db=tables.orders) as cursor:
            for value in cursor.iternext(keys=False, values=True):
                rows += len(value) // ORDER.itemsize
        return {
            "orders": rows,
            "open": txn.stat(tables.open)["entries"],
            "fills": tables.fills.length(txn),
            "refusals": txn.stat(tables.rejected)["entries"],
        }


def _count_balances(data: Path) -> dict[str, int]:
    with open_store(data, balances.NAME) as view, view.snapshot() as txn:
        tables = balances.BalanceTables(view)
        held = balances.all_balances(txn, tables)
        return {"balances": sum(len(row) for row in held.values()), "ledger_lines": tables.ledger.length(txn)}


def _count_market(data: Path) -> dict[str, int]:
    with StoreView(store_folder(data)) as view:
        open_tables(view)
        with view.snapshot() as txn:
            rows = {name: txn.stat(view.db(name))["entries"] for name in ("candles", "levels")}
            return {"trades": count_trades(txn, view), **rows}


def _risk_sequence(data: Path) -> int:
    return int(alerts(data, 1)["seq"])


def money(data: Path, history: History) -> dict[str, dict[str, Any]]:
    """{asset: deposits, withdrawals (journal), accounts, fees (balances' store), conserved}; amounts as text."""
    with open_store(data, balances.NAME) as view, view.snapshot() as txn:
        held = balances.all_balances(txn, balances.BalanceTables(view))
    found = {}
    for asset in history.catalog.assets:
        amounts = {account: sum(row.get(asset.id, (0, 0))) for account, row in held.items()}
        fees = amounts.pop(FEES, 0)
        paid_in, paid_out = history.deposited[asset.id], history.withdrawn[asset.id]
        accounts = sum(amounts.values())
        texts = {"deposits": paid_in, "withdrawals": paid_out, "accounts": accounts, "fees": fees}
        found[asset.name] = {
            **{name: asset.scale.text(units) for name, units in texts.items()},
            "conserved": paid_in - paid_out == accounts + fees,
        }
    return found


def write_reports(data: Path) -> list[dict[str, Any]]:
    """The settlement reports of every day of the history, files and all, as `report day` makes them."""
    with open_view(data) as view:
        with view.snapshot() as txn:
            days = settlement.day_starts(txn, settlement.SettlementTables(view))[:, 0].tolist()
        return [write_day(data, view, day) for day in days if day > 0]  # day 0: only the first listings


def latencies(data: Path, name: str, listener: Listener) -> dict[str, dict[str, int]]:
    """{stage: p50, p99, p999, max} in ns from match to the stage's commit.

    engine: from a command's arrival to its match. publisher: from match to a subscriber's having the message.
    """
    found = {counts.name: counts.percentiles() for counts in read_metrics(name)}
    timings = _timings(data)
    found["engine"] = _percentiles((timings["match_ns"] - timings["ingress_ns"])[timings["ingress_ns"] > 0])
    arrivals = listener.arrivals()
    arrivals = arrivals[arrivals[:, 0] <= len(timings)]
    matched = timings["match_ns"][arrivals[:, 0] - 1]
    found["publisher"] = _percentiles((arrivals[:, 1] - matched)[matched > 0])
    return {stage: numbers for stage, numbers in found.items() if numbers}


def _timings(data: Path) -> NDArray[np.void]:
    """TIMING of every sequence, the first one's at 0."""
    parts = [np.fromfile(path, TIMING) for path in sorted((data / "journal").glob("*.timing"))]
    return np.concatenate(parts) if parts else np.zeros(0, TIMING)


def _percentiles(ns: NDArray[np.int64]) -> dict[str, int]:
    if not len(ns):
        return {}
    ordered = np.sort(ns)
    last = len(ordered) - 1
    return {key: int(ordered[min(int(last * at), last)]) for key, at in QUANTILES.items()} | {"max": int(ordered[-1])}
