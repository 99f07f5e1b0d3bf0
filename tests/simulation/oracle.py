"""What must hold after a history, by nobody's word but the journal's and what clients were told."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from consumers.journal.reader import JournalReader
from consumers.marketdata.fold import MarketFold
from consumers.marketdata.store import TABLES as MARKET_TABLES
from consumers.marketdata.store import feed_after
from consumers.marketdata.store import store_folder as market_folder
from consumers.risk.fold import RiskFold
from consumers.risk.store import TABLES as RISK_TABLES
from consumers.risk.store import store_folder as risk_folder
from consumers.store import StoreView
from engine.core import Engine
from ops.memory import LANES
from ops.reconciliation import reconcile
from ringbuf.codes import FLAG_LAST, STEP_SESSION, EventType, Reason
from ringbuf.records import COMMAND, EVENT
from tests.consumers.plain_market import PlainFold
from tests.simulation.flows import LIMITS, seeds
from tests.simulation.history import History
from tests.simulation.promises import Violation

_MOVED = ("order_id", "maker_order_id")  # named by sequence, which refused repeats shift
_ELSE = ("seq", "session", "crc", *_MOVED)


def judge(history: History) -> None:
    """Raises Violation with the first promise that is broken."""
    with JournalReader(history.data) as journal:
        last = journal.last
        parts, seq = [], 1
        while seq <= last:
            parts.append(journal.read(seq, last - seq + 1))
            seq += len(parts[-1])
    events = np.concatenate(parts)
    if last != history.last:
        raise Violation("told", f"the journal ends at {last}, the ring ended at {history.last}")
    told_is_kept(history, events)
    each_command_acted_once(history, events)
    if history.plan.plain and not any(lane != len(LANES) for lane in history.lanes):
        intended_came_about(history, events)
    stores_agree(history, last)
    market_is_told(history, events)
    risk_is_told(history, events)


def told_is_kept(history: History, events: np.ndarray) -> None:
    """Every event that anybody could read before some crash is in the journal, unchanged."""
    told = np.frombuffer(b"".join(history.told), EVENT)
    lost = int(np.count_nonzero(told["seq"] > len(events)))
    kept = events[told["seq"][told["seq"] <= len(events)] - 1]
    changed = np.flatnonzero(kept.view("V128") != told[told["seq"] <= len(events)].view("V128"))
    if lost:
        raise Violation(
            "told", f"{lost} events were told and are lost, up to {int(told['seq'].max())} of {len(events)}"
        )
    if len(changed):
        raise Violation(
            "told", f"event {int(kept['seq'][changed[0]])} was told otherwise than it stands in the journal"
        )


def each_command_acted_once(history: History, events: np.ndarray) -> None:
    """The commands in the order of their answers, through a fresh engine, make the very same bytes: none is lost, none
    acts twice, none is out of its lane's order."""
    answers = events[(events["flags"] & FLAG_LAST != 0) & (events["session"] != STEP_SESSION)]
    listings = seeds().seed_commands()
    rows = [listings.tobytes()]
    begun = int(np.count_nonzero(answers["session"] >> 24 == 0))
    if begun != len(listings):
        raise Violation("once", f"the history begins with {begun} listings of {len(listings)}")
    position = dict.fromkeys(history.lanes, 0)
    for lane in (answers["session"][begun:] >> 24).tolist():
        at = position.get(lane, 0)
        if at >= len(history.lanes.get(lane, ())):
            raise Violation("once", f"lane {lane} has {at + 1} answers, {at} commands were put in")
        rows.append(history.lanes[lane][at])
        position[lane] = at + 1
    for lane, at in position.items():
        if at != len(history.lanes[lane]):
            raise Violation("once", f"lane {lane}: {len(history.lanes[lane])} commands were put in, {at} are answered")
    engine = Engine(LIMITS)
    expected = engine.run(np.frombuffer(b"".join(rows), COMMAND))
    same = min(len(expected), len(events))
    wrong = np.flatnonzero(expected[:same].view("V128") != events[:same].view("V128"))
    if len(wrong):
        at = int(wrong[0])
        raise Violation("once", f"event {at + 1} is {events[at]}, a fresh engine says {expected[at]}")
    if len(expected) != len(events):
        raise Violation("once", f"{len(events)} events, a fresh engine says {len(expected)}")
    if engine.state_hash() != history.digest:
        raise Violation("once", f"the engine's state was {history.digest}, a fresh engine's is {engine.state_hash()}")


def intended_came_about(history: History, events: np.ndarray) -> None:
    """What the client wanted, each command once and in its order, is what happened, refused repeats aside."""
    rows = [seeds().seed_commands().tobytes(), *(unit.tobytes() for unit in history.plan.units)]
    wanted = np.frombuffer(b"".join(rows), COMMAND)
    found, expected = _without_repeats(events), _without_repeats(Engine(LIMITS).run(wanted))
    if len(found) != len(expected):
        raise Violation("intended", f"{len(found)} events without repeats, the client's commands make {len(expected)}")
    for name in EVENT.names or ():
        if name in _ELSE and name not in _MOVED:
            continue
        wrong = np.flatnonzero(found[name] != expected[name])
        if len(wrong):
            at = int(wrong[0])
            raise Violation("intended", f"without repeats event {at + 1} is {found[at]}, wanted was {expected[at]}")


def _without_repeats(events: np.ndarray) -> np.ndarray:
    repeats = (events["type"] == EventType.REJECTED) & (events["reason"] == Reason.DUPLICATE_CLIENT_ID)
    kept = events[~repeats]
    rank = np.zeros(len(events) + 1, np.int64)
    rank[kept["seq"]] = np.arange(1, len(kept) + 1)
    for name in _MOVED:
        orders = (kept[name] > 0) & (kept[name] <= len(events)) & (kept["symbol"] < 2)
        kept[name][orders] = rank[kept[name][orders]]
    return kept


def stores_agree(history: History, last: int) -> None:
    """Journal, orders, balances, settlement, depth: compared by the operator's own reconciliation."""
    seq, checks = reconcile(history.data, LIMITS)
    for check in checks:
        if not check.ok:
            raise Violation("stores", f"reconcile: {check.name}: {check.detail}")
        if check.name == "cursors" and any(int(part.split()[-1]) != last for part in check.detail.split(", ")):
            raise Violation("stores", f"stores do not stand at {last}: {check.detail}")
    if seq != last:
        raise Violation("stores", f"reconcile ends at {seq}, the journal at {last}")


def market_is_told(history: History, events: np.ndarray) -> None:
    """The feed log is what one fold over everything tells; candles, depth and tickers are in it."""

    def trade_time(symbol: int, seq: int) -> int:
        return int(events["ts_ns"][seq - 1])

    fold = MarketFold(_epoch(history), trade_time)
    fold.apply(events)
    expected = fold.take()
    with StoreView(market_folder(history.data)) as view:
        for table in MARKET_TABLES:
            view.db(table)
        with view.snapshot() as txn:
            found = feed_after(txn, view, 0, len(expected) + 1)
    _same_rows("market", found, expected)
    if history.plan.plain_market:
        plain = PlainFold(_epoch(history) & 0xFFFFFFFF, trade_time)
        plain.apply(events)
        found["crc"] = 0
        _same_rows("market, plainly,", found, plain.take())


def _epoch(history: History) -> int:
    with JournalReader(history.data) as journal:
        return journal.epoch


def _same_rows(what: str, found: np.ndarray, expected: np.ndarray) -> None:
    same = min(len(found), len(expected))
    wrong = np.flatnonzero(found[:same].view("V128") != expected[:same].view("V128"))
    if len(wrong):
        at = int(wrong[0])
        raise Violation("market", f"{what} record {at + 1} is {found[at]}, one fold over all says {expected[at]}")
    if len(found) != len(expected):
        raise Violation("market", f"{what} has {len(found)} records, one fold over all says {len(expected)}")


def risk_is_told(history: History, events: np.ndarray) -> None:
    """Alerts, and the commands that they ask for, are those of one fold over everything; each command was sent once."""
    fold = RiskFold(history.plan.risk)
    fold.apply(events)
    expected = [asdict(alert) for alert in fold.alerts]
    with StoreView(risk_folder(history.data)) as view:
        for table in RISK_TABLES:
            view.db(table)
        with view.snapshot() as txn:
            found = _rows(txn, view.db("alerts"))
            asked = txn.stat(view.db("commands"))["entries"]
    if found != expected:
        at = next((at for at, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), -1)
        raise Violation("risk", f"{len(found)} alerts, one fold over all says {len(expected)}; they part at {at}")
    sent = len(history.lanes.get(2, ()))
    if asked != sent:
        raise Violation("risk", f"risk asked for {asked} commands, {sent} went into its lane")


def _rows(txn: Any, db: Any) -> list[Any]:
    with txn.cursor(db=db) as cursor:
        return [json.loads(bytes(value)) for _, value in cursor]
