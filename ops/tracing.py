"""One event, or one order's events, followed through all nine steps: what each step holds of it, and since when.

Each step is asked in its own words (store, journal, log of commits); a step that has not come so far says so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from config.json_events import encode
from consumers.balances import store as balances
from consumers.funds import FEES
from consumers.journal.reader import JournalReader
from consumers.metrics import passed_at
from consumers.orders import store as orders
from consumers.orders.shown import order_json
from consumers.settlement import store as settlement
from consumers.settlement.fold import DAY_NS
from consumers.settlement.reports import day_text
from consumers.store import StoreError, StoreView
from consumers.stored import read_catalog
from ops.evidence import NotFound, open_store, questions_of
from ops.order_json import ledger_json
from ops.run_file import live_run
from ringbuf.codes import NO_ACCOUNT, STEP_LANE, EventType
from ringbuf.records import EVENT
from ringbuf.ring import Ring
from ringbuf.shm import SegmentError

CONSUMERS = ("journal", "orders", "balances", "marketdata", "publisher", "settlement", "risk")
ORDER_EVENTS = frozenset(
    (EventType.ACCEPTED, EventType.TRADE, EventType.CANCELLED, EventType.AMENDED, EventType.TRIGGERED, EventType.BUSTED)
)
Step = dict[str, Any]


@dataclass
class Subject:
    """What is traced: some events of the journal, in sequence."""

    data: Path
    events: NDArray[np.void]
    catalog: Catalog

    @property
    def seqs(self) -> list[int]:
        """Their sequences."""
        return [int(seq) for seq in self.events["seq"]]

    @property
    def order_ids(self) -> list[int]:
        """Every order that they are about."""
        found: dict[int, None] = {}
        for event in self.events:
            if int(event["type"]) in ORDER_EVENTS:
                found[int(event["order_id"])] = None
            if int(event["type"]) in (EventType.TRADE, EventType.BUSTED):
                found[int(event["maker_order_id"])] = None
        return list(found)

    @property
    def accounts(self) -> list[int]:
        """Every account that they are about."""
        found: dict[int, None] = {}
        for event in self.events:
            if event["account"] != NO_ACCOUNT:
                found[int(event["account"])] = None
            if int(event["type"]) in (EventType.TRADE, EventType.BUSTED):
                found[int(event["maker_account"])] = None
        return list(found)


def events_of_order(data: Path, reader: JournalReader, order_id: int) -> NDArray[np.void]:
    """The accepted event, every trade and the last event of an order; raises NotFound."""
    with open_store(data, orders.NAME) as view:
        tables = orders.OrderTables(view)
        with view.snapshot() as txn:
            row = orders.order(txn, tables, order_id)
            if row is None:
                raise NotFound(f"there is no order {order_id}")
            fills = orders.fills_of(txn, tables, row)["seq"].tolist()
    seqs = sorted({order_id, *fills, int(row["last_seq"][0])})
    return np.concatenate([reader.record(seq) for seq in seqs])


def trace(data: Path, reader: JournalReader, events: NDArray[np.void]) -> list[Step]:
    """The nine steps of `events` (EVENT, from the journal)."""
    assert events.dtype == EVENT and len(events)
    with open_store(data, orders.NAME) as view, view.snapshot() as txn:
        catalog = read_catalog(txn, view)
    subject = Subject(data, events, catalog)
    steps = [
        match_step(subject),
        orders_step(subject),
        balances_step(subject),
        journal_step(subject, reader),
        push_step(subject),
        market_step(subject),
        settlement_step(subject),
        risk_step(subject),
        receipts_step(subject, reader),
    ]
    return [{"step": number, **step} for number, step in enumerate(steps, 1)]


def match_step(subject: Subject) -> Step:
    """1: the records; `session` null: a step of the engine's own, which answers nobody."""
    records = [
        {
            **encode(event, subject.catalog),
            "crc32c": f"{int(event['crc']):08x}",
            "session": None if event["session"] >> 24 == STEP_LANE else int(event["session"]),
        }
        for event in subject.events
    ]
    return {"name": "match output", "owner": "engine", "records": records}


def orders_step(subject: Subject) -> Step:
    """2: where the orders stand now."""
    with open_store(subject.data, orders.NAME) as view:
        tables = orders.OrderTables(view)
        with view.snapshot() as txn:
            rows = [orders.order(txn, tables, order_id) for order_id in subject.order_ids]
            found = [order_json(row, subject.catalog) for row in rows if row is not None]
            return {"name": "order status", "owner": "orders", "seq": view.cursor(txn)[1], "orders": found}


def balances_step(subject: Subject) -> Step:
    """3: the ledger lines that they made, with the balance after each."""
    with open_store(subject.data, balances.NAME) as view:
        tables = balances.BalanceTables(view)
        with view.snapshot() as txn:
            lines = [line for seq in subject.seqs for line in tables.ledger.of_sequence(txn, seq)]
            entries = [
                {
                    "account": "fees" if line["account"] == FEES else int(line["account"]),
                    **ledger_json(line, subject.catalog),
                }
                for line in lines
            ]
            return {"name": "account assets", "owner": "balances", "seq": view.cursor(txn)[1], "ledger": entries}


def journal_step(subject: Subject, reader: JournalReader) -> Step:
    """4: where they lie in the journal; rows in outside stores."""
    places = []
    for seq in subject.seqs:
        segment, offset = reader.locate(seq)
        places.append({"seq": seq, "segment": segment, "offset": offset})
    from ops.sinks import rows_of  # it loads the stores' clients

    return {
        "name": "trade log",
        "owner": "journal",
        "journal": places,
        "sinks": rows_of(subject.data, reader.epoch, subject.seqs),
    }


def push_step(subject: Subject) -> Step:
    """5: the public topics on which they went out."""
    topics = []
    for event in subject.events:
        kind, symbol = int(event["type"]), int(event["symbol"])
        if kind in ORDER_EVENTS and symbol < len(subject.catalog.instruments):
            name = subject.catalog.instruments[symbol].symbol
            words = ("trade", "bbo", "depth", "ticker") if kind == EventType.TRADE else ("depth", "bbo")
            topics.append({"seq": int(event["seq"]), "topics": [f"{word}/{name}/" for word in words]})
    return {"name": "push", "owner": "publisher", "may_be_on": topics, **_passed(subject, "publisher")}


def market_step(subject: Subject) -> Step:
    """6: prints on the market data."""
    prints = []
    for event in subject.events[subject.events["type"] == EventType.TRADE]:
        instrument = subject.catalog.instruments[int(event["symbol"])]
        minute_ns = int(event["ts_ns"]) // 60_000_000_000 * 60_000_000_000
        prints.append(
            {
                "seq": int(event["seq"]),
                "symbol": instrument.symbol,
                "price": instrument.price_text(int(event["price_ticks"])),
                "qty": instrument.qty_text(int(event["qty_lots"])),
                "candle_1m_open_ts_ns": minute_ns,
            }
        )
    return {"name": "market data", "owner": "marketdata", "prints": prints, **_passed(subject, "marketdata")}


def settlement_step(subject: Subject) -> Step:
    """7: the parties' statements of the day."""
    with open_store(subject.data, settlement.NAME) as view:
        tables = settlement.SettlementTables(view)
        lines = []
        with view.snapshot() as txn:
            for day in sorted({int(ts_ns) // DAY_NS for ts_ns in subject.events["ts_ns"]}):
                for account in subject.accounts:
                    for asset in _assets(subject):
                        line = settlement.statement(txn, tables, account, asset, day)
                        if line is not None:
                            lines.append(_statement_json(line, day, subject.catalog))
            at = view.cursor(txn)[1]
    return {"name": "clearing and settlement", "owner": "settlement", "seq": at, "statements": lines}


def _assets(subject: Subject) -> list[int]:
    found: dict[int, None] = {}
    for event in subject.events:
        kind, symbol = int(event["type"]), int(event["symbol"])
        if kind in (EventType.DEPOSITED, EventType.WITHDRAWN):
            found[symbol] = None
        elif kind in ORDER_EVENTS and symbol < len(subject.catalog.instruments):
            found[subject.catalog.instruments[symbol].base] = None
            found[subject.catalog.instruments[symbol].quote] = None
    return list(found)


def _statement_json(line: settlement.Statement, day: int, catalog: Catalog) -> dict[str, Any]:
    names = ("opening", "transfer", "fees", "closing")
    amounts = {name: catalog.amount_text(line.asset, getattr(line, name)) for name in names}
    return {"day": day_text(day), "account": line.account, "asset": catalog.assets[line.asset].name, **amounts}


def risk_step(subject: Subject) -> Step:
    """8: whether risk has looked, and what it said about these accounts at these sequences."""
    try:
        said = questions_of("risk").alerts(subject.data, 10_000).get("alerts", [])
    except (NotFound, StoreError):  # no alert log yet
        said = []
    mine = [alert for alert in said if alert.get("seq") in subject.seqs]
    passed = _passed(subject, "risk")
    verdict = "alert" if mine else "no objection" if passed["passed"] else "not yet seen"
    return {"name": "risk and audit", "owner": "risk", "verdict": verdict, "alerts": mine, **passed}


def receipts_step(subject: Subject, reader: JournalReader) -> Step:
    """9: who is past them, and how long after the match that was."""
    last = subject.seqs[-1]
    ingress_ns, match_ns = reader.timing(last)
    receipts = {}
    live = live_cursors(subject.data)
    for name in CONSUMERS:
        committed_ns = passed_at(subject.data, name, last)
        after_ns = committed_ns - match_ns if committed_ns and match_ns else None
        receipts[name] = {
            "cursor": live.get(name, cursor_of(subject.data, reader, name)),
            "committed_ns_after_match": after_ns,
        }
    entry_ns = match_ns - ingress_ns if ingress_ns and match_ns else None
    return {
        "name": "receipts",
        "owner": "every cursor",
        "seq": last,
        "match_ns": match_ns or None,
        "match_ns_after_ingress": entry_ns,
        "consumers": receipts,
    }


def live_cursors(data: Path) -> dict[str, int]:
    """The cursors in the ring of the pipeline that runs on this data; none where none runs."""
    run = live_run(data)
    if run is None:
        return {}
    try:
        ring = Ring.attach(f"/{run.name}.events", "event")
    except SegmentError:  # it is just starting or stopping
        return {}
    try:
        return {view.name: view.sequence for view in ring.cursors()}
    finally:
        ring.close()


def cursor_of(data: Path, reader: JournalReader, name: str) -> int | None:
    """How far a consumer's own records say it has come; None where it keeps none."""
    if name == "journal":
        return reader.last
    try:
        with StoreView(data / "stores" / name) as view:
            return view.sequence
    except StoreError:
        return None


def _passed(subject: Subject, name: str) -> Step:
    """Whether a consumer is past the last of the events; null where it keeps no records of that and does not run."""
    last = subject.seqs[-1]
    at: int | None = None
    try:
        with StoreView(subject.data / "stores" / name) as view:
            at = view.sequence
    except StoreError:
        at = live_cursors(subject.data).get(name)  # keeps no store: its cursor in the ring answers
    if passed_at(subject.data, name, last) is not None:
        return {"seq": at, "passed": True}
    return {"seq": at, "passed": None if at is None else at >= last}
