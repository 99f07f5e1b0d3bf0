"""Risk: limits and alarms over the engine's own events; the lane gets each suspension once, whatever is killed."""

import os
from pathlib import Path

import numpy as np

from config.settings import JournalSettings, RiskSettings, Settings
from consumers.risk.fold import Alert, RiskFold
from consumers.risk.process import Risk, main
from consumers.risk.queries import alerts
from ringbuf.codes import FLAG_LAST, NO_ACCOUNT, EventType, Op, OrderType, Reason
from ringbuf.cursor import CursorState
from ringbuf.lanes import Lanes, _lines
from ringbuf.layout import head_offset
from ringbuf.records import COMMAND, EVENT, EVENT_LISTED_INSTRUMENT, EVENT_ORDER, RECORD_SIZE
from ringbuf.ring import Ring
from ringbuf.ring_kernels import read_i64
from tests.consumers.pipeline_parts import Place, cursor_of, fork, kill, publish, ring_in, start_journal, stop, until
from tests.consumers.test_against_engine import history

LIMITED = RiskSettings(max_order_lots=5, max_open_orders=3, max_orders_per_s=2, price_collar_ppm=1000)


def folded(events: np.ndarray, limits: RiskSettings, piece: int = 0) -> list[Alert]:
    fold = RiskFold(limits)
    ends = [0, *(np.flatnonzero(events["flags"] & FLAG_LAST) + 1)[:: piece or len(events)].tolist(), len(events)]
    for a, b in zip(ends, ends[1:], strict=False):
        fold.apply(events[a:b])
    return fold.alerts


def test_without_limits_risk_alerts_and_never_acts() -> None:
    found = folded(history(1, 3000), RiskSettings(cancel_ratio_orders=20, cancel_ratio_percent=10))
    assert {alert.kind for alert in found} == {"self_trade", "wash_trade", "cancel_ratio"}
    assert not any(alert.suspend for alert in found)


def test_a_size_limit_finds_exactly_the_orders_above_it() -> None:
    events = history(1, 3000)
    terms = np.isin(events["type"], (EventType.ACCEPTED, EventType.AMENDED)) & (events["reason"] == 0)
    expected = events["seq"][terms & (events["qty_lots"] > 5)].tolist()
    found = [a.seq for a in folded(events, RiskSettings(max_order_lots=5)) if a.kind == "order_size"]
    assert found == expected and expected


def test_alerts_do_not_depend_on_how_the_events_are_cut() -> None:
    events = history(2, 2000)
    assert folded(events, LIMITED) == folded(events, LIMITED, piece=7)


def test_a_suspended_account_is_not_suspended_again_until_it_is_let_go() -> None:
    found = [a for a in folded(history(3, 2000), LIMITED) if a.suspend]
    events = history(3, 2000)
    freed = events[events["type"] == EventType.UNSUSPENDED]
    for account in {a.account for a in found}:
        times = sum(a.account == account for a in found)
        assert 1 <= times <= 1 + int((freed["account"] == account).sum()), f"seed 3, account {account}"


def by_hand(*rows: dict[str, int]) -> np.ndarray:
    """Events of one account in one symbol, each ended by its own flag unless it says otherwise."""
    events = np.zeros(len(rows), EVENT)
    events["seq"], events["account"], events["flags"] = np.arange(1, len(rows) + 1), 7, FLAG_LAST
    for event, row in zip(events, rows, strict=True):
        terms = event.view(EVENT_ORDER)
        for name, value in row.items():
            (terms if name in ("order_type", "stop_price_ticks") else event)[name] = value
    return events


def test_what_waits_as_a_market_order_is_judged_at_its_stop_price_and_trailing_breaks_nothing() -> None:
    for kind in (OrderType.STOP, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP):
        placed = {"order_type": kind, "stop_price_ticks": 300, "qty_lots": 4, "leaves_lots": 4}
        events = by_hand(
            {"type": EventType.LISTED_INSTRUMENT},
            {"type": EventType.ACCEPTED, **placed},
            {"type": EventType.AMENDED, "reason": Reason.TRAILED, **placed},
        )
        events[:1].view(EVENT_LISTED_INSTRUMENT)["tick_lot_quote_units"] = 2
        found = [
            (alert.seq, alert.kind, alert.value) for alert in folded(events, RiskSettings(max_order_notional=1000))
        ]
        assert found == [(2, "order_notional", 2400)], kind.name


def test_open_orders_are_counted_though_a_volatility_halt_ends_the_command() -> None:
    placed = {"type": EventType.ACCEPTED, "qty_lots": 4, "leaves_lots": 4}
    halt = {"type": EventType.HALTED, "reason": Reason.VOLATILITY, "account": NO_ACCOUNT}
    events = by_hand(placed, {**placed, "flags": 0}, halt)
    assert [(a.seq, a.kind) for a in folded(events, RiskSettings(max_open_orders=1))] == [(3, "open_orders")]


def start(place: Place) -> int:
    return fork(lambda: main(place))


def lane_commands(lanes: Lanes) -> np.ndarray:
    line = _lines(lanes.segment, lanes.lanes)[0]
    count = int(line["produced"])
    assert count <= lanes.capacity
    begin = int(read_i64(lanes.address + head_offset("slots_at")))
    return np.frombuffer(lanes.segment.buffer[begin : begin + count * RECORD_SIZE].tobytes(), COMMAND)


def limited_place(place: Place) -> Place:
    return Place(place.name, place.data, settings=Settings(journal=JournalSettings(blocks=16), risk=LIMITED))


def test_each_suspension_is_sent_once_across_kills(tmp_path: Path) -> None:
    events = history(1, 2000)
    with ring_in(tmp_path, capacity=8192) as (ring, bare):
        place = limited_place(bare)
        lanes = Lanes.create(f"/{place.name}.lanes", 2, 64, place.epoch, names=("risk",))
        journal = start_journal(place)
        risk = start(place)
        ends = (np.flatnonzero(events["flags"] & FLAG_LAST) + 1).tolist()
        cuts = [0, *ends[:: len(ends) // 5], len(events)]
        for a, b in zip(cuts, cuts[1:], strict=False):
            if a < b:
                publish(ring, events[a:b], b - a)
            kill(risk)
            risk = start(place)
        _wait(ring, len(events))
        expected = [(a.account, a.ts_ns) for a in folded(events, LIMITED) if a.suspend]
        until(lambda: len(lane_commands(lanes)) >= len(expected), "the commands in the lane")
        kill(risk)
        risk = start(place)
        until(lambda: _runs(ring, risk), "risk running again")
        assert stop(risk) == 0
        sent = lane_commands(lanes)
        assert list(zip(sent["account"].tolist(), sent["ts_ns"].tolist(), strict=True)) == expected and expected
        assert set(sent["op"].tolist()) == {int(Op.SUSPEND)}
        said = alerts(place.data, 10**6)
        assert [row["seq"] for row in said["alerts"]] == [a.seq for a in folded(events, LIMITED)]
        assert said["alerts"][-2:] == alerts(place.data, 2)["alerts"]
        assert stop(journal) == 0
        lanes.close()


def _wait(ring: Ring, sequence: int) -> None:
    until(lambda: cursor_of(ring, Risk.name) == sequence, f"risk at {sequence} in {os.getpid()}")


def _runs(ring: Ring, pid: int) -> bool:
    ready = (CursorState.RUNNING, CursorState.CATCHING_UP)
    return any(view.name == Risk.name and view.pid == pid and view.state in ready for view in ring.cursors())
