"""A converted flow through the real engine, offline: what it did, held against what was expected of it."""

import json
from pathlib import Path
from typing import Any

from config.instruments import load_instruments
from ops.convert.summary import Summary
from ops.offline import OfflineRun

Trade = tuple[str, str, str, str, int, int, int, int]  # symbol, side, price, qty, taker and maker with client ids


class EngineRun:
    """Trades and open orders of a converted flow after the whole of it ran."""

    def __init__(self, summary: Summary, events_path: Path) -> None:
        self.offline = OfflineRun(load_instruments(summary.instruments_path))
        with summary.commands_path.open("rb") as commands, events_path.open("wb") as out:
            self.offline.feed_file(commands, out)
        self.events: list[dict[str, Any]] = [json.loads(line) for line in events_path.read_bytes().splitlines()]
        placed = {e["order_id"]: (e["account"], e["client_id"]) for e in self.events if e["type"] == "accepted"}
        self.trades: list[Trade] = [
            (e["symbol"], e["side"], e["price"], e["qty"], e["account"], e["client_id"], *placed[e["maker_order_id"]])
            for e in self.events
            if e["type"] == "trade"
        ]
        self.books: dict[str, dict[str, list[list[Any]]]] = {}
        for order in self.offline.orders():
            book = self.books.setdefault(order["symbol"], {"bids": [], "asks": []})
            row = [order["price"], order["leaves"], order["account"], order["client_id"]]
            book["bids" if order["side"] == "buy" else "asks"].append(row)


def run_and_compare(summary: Summary, tmp_path: Path) -> EngineRun:
    """Run a conversion's files; every expected trade in its place and no other, the end books, nothing refused."""
    run = EngineRun(summary, tmp_path / "events.jsonl")
    expected = json.loads(summary.expected_path.read_bytes())
    assert run.offline.rejected == {}
    assert run.offline.commands == summary.commands
    wanted = [
        (t["symbol"], t["side"], t["price"], t["qty"], t["taker_account"], t["taker_client_id"], t["maker_account"],
         t["maker_client_id"])
        for t in expected["trades"]
    ]  # fmt: skip
    assert run.trades == wanted
    assert len(wanted) == summary.trades_reproduced
    assert run.books == {s: book for s, book in expected["books"].items() if book["bids"] or book["asks"]}
    return run
