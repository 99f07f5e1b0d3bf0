"""The compiled fold gives the plain one's records, byte for byte, whatever the flow and however it is cut."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from consumers.journal.checks import fill_checksums
from consumers.marketdata import fold as fold_module
from consumers.marketdata.fold import FoldError, MarketFold
from consumers.marketdata.periods import HALF, capped, count
from consumers.marketdata.tables import PERIOD
from ringbuf.codes import (
    FLAG_AUCTION,
    FLAG_LAST,
    FLAG_MORE,
    NO_SYMBOL,
    STATUS_DELISTED,
    EventType,
    MarketType,
    SymbolState,
)
from ringbuf.cuts import cut_places
from ringbuf.jit import kernel
from ringbuf.records import EVENT, EVENT_ORDER, EVENT_STATE
from tests.consumers.engine_flow import EngineFlow, reference_history
from tests.consumers.plain_auction import plain_indicative
from tests.consumers.plain_levels import WAITING
from tests.consumers.plain_market import PlainFold
from tests.consumers.reference_flow import ReferenceFlow
from tests.consumers.synthetic import Story
from tests.consumers.test_against_engine import history


def pieces_of(events: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Whole commands in pieces of random length."""
    dice = random.Random(seed)
    ends = cut_places(events).tolist()
    start = at = 0
    while at < len(ends):
        at = min(at + dice.choice((1, 1, 2, 17, 400)), len(ends))
        yield events[start : ends[at - 1]]
        start = ends[at - 1]


def assert_same(events: np.ndarray, seed: int) -> PlainFold:
    """Both folds over the pieces, taken now and then as commits do."""
    times = events["ts_ns"]
    plain = PlainFold(7, lambda symbol, seq: int(times[seq - 1]))
    fold = MarketFold(7, lambda symbol, seq: int(times[seq - 1]))
    dice = random.Random(seed)
    for piece in pieces_of(events, seed):
        plain.apply(piece)
        fold.apply(piece)
        if dice.random() < 0.5:
            continue
        assert fold.late_busts == plain.late_busts, f"seed {seed}, event {piece['seq'][-1]}"
        expected = plain.take()
        fill_checksums(expected)
        found = fold.take()
        if found.tobytes() != expected.tobytes():
            differs = [(a, b) for a, b in zip(found, expected) if a != b]
            raise AssertionError(f"seed {seed}: {len(found)} for {len(expected)}, first: {differs[:1]}")
    for symbol, kept in enumerate(plain.symbols):
        assert fold.depth(symbol) == kept.book.depth(), f"seed {seed}, symbol {symbol}"
    return plain


@pytest.mark.parametrize("seed", range(6))
def test_random_flow_gives_the_same_records(seed: int) -> None:
    assert_same(history(seed, 3000), seed)


@pytest.mark.parametrize("seed", range(4))
def test_everything_a_command_can_be_gives_the_same_records(seed: int, tmp_path: Path) -> None:
    events = reference_history(seed, 3000, tmp_path)
    assert {EventType.AMENDED, EventType.HALTED, EventType.BUSTED} <= set(events["type"].tolist()), f"seed {seed}"
    assert_same(events, seed)


@pytest.mark.parametrize("seed", range(4))
def test_the_depth_is_the_engines_after_every_command(seed: int, tmp_path: Path) -> None:
    flow, fold = EngineFlow(seed + 20, tmp_path), MarketFold(1, lambda symbol, seq: None)
    for number, events in enumerate(flow.events(2500)):
        fold.apply(events)
        fold.forget()
        for instrument in flow.catalog.instruments:
            expected = flow.engine.depth(instrument.id)
            assert fold.depth(instrument.id) == expected, f"seed {seed}, command {number}, {instrument.symbol}"


@pytest.mark.parametrize("seed", range(6))
def test_depth_and_uncrosses_are_the_references_after_every_command(seed: int) -> None:
    """Auctions, too: what was told last before an uncross is its price and volume."""
    flow, fold = ReferenceFlow(seed), MarketFold(1, lambda symbol, seq: None)
    told: dict[int, tuple[int, ...]] = {}  # price, volume, reference price of then
    uncrossed = 0
    for number, events in enumerate(flow.events(2500)):
        fold.apply(events)
        begins = np.flatnonzero(np.isin(events["type"], (EventType.STATE, EventType.RESUMED)))[:1].tolist()
        for event in events[events["type"] == EventType.UNCROSSED]:
            state, symbol = events[begins[0]], int(event["symbol"])
            price, volume, reference = told.get(symbol, (0, 0, 0))
            # an expiry before it, or a reference price with it, changes what was told
            if volume and not begins[0] and (state["type"] == EventType.RESUMED or state["price_ticks"] == reference):
                assert (price, volume) == (event["price_ticks"], event["qty_lots"]), f"seed {seed}, command {number}"
                uncrossed += 1
        records = fold.take()
        for row in records[records["type"] == MarketType.STATUS]:
            told.pop(int(row["symbol"]), None)
        for row in records[records["type"] == MarketType.AUCTION]:
            reference = flow.listed[row["symbol"]].reference or 0
            told[int(row["symbol"])] = int(row["price_ticks"]), int(row["qty_lots"]), reference
        for symbol, instrument in enumerate(flow.listed):
            expected = flow.depth(instrument)
            assert fold.depth(symbol) == expected, f"seed {seed}, command {number}, {instrument.symbol}"
    assert uncrossed > 0, f"seed {seed}"


@pytest.mark.parametrize("seed", range(4))
def test_icebergs_and_stops_give_the_same_records(seed: int) -> None:
    """Terms put into a history whose engine had none of them: the folds must agree, whatever an engine does."""
    events, dice = history(seed + 40, 3000), random.Random(seed)
    terms = events.view(EVENT_ORDER)
    for at in np.flatnonzero(events["type"] == EventType.ACCEPTED):
        roll = dice.random()
        if roll < 0.3:
            terms["display_lots"][at] = dice.randrange(1, 9)
        elif roll < 0.4:
            terms["order_type"][at] = dice.choice(WAITING)
    for at in np.flatnonzero(events["type"] == EventType.AMENDED)[::3]:
        events["type"][at] = EventType.TRIGGERED
    assert_same(events, seed)


def with_states(events: np.ndarray, dice: random.Random) -> np.ndarray:
    """States, auctions and groups put into a history that had none; books that cross, as in an auction."""
    events = events.copy()
    terms, states = events.view(EVENT_ORDER), events.view(EVENT_STATE)
    for at in np.flatnonzero((events["type"] == EventType.ACCEPTED) | (events["type"] == EventType.AMENDED)):
        events["price_ticks"][at] = 500 + dice.randrange(-9, 10)
        if events["type"][at] == EventType.ACCEPTED and dice.random() < 0.3:
            terms["display_lots"][at] = dice.randrange(1, 9)
    for at in np.flatnonzero(np.isin(events["type"], (EventType.DEPOSITED, EventType.WITHDRAWN, EventType.REJECTED))):
        roll = dice.random()
        events["symbol"][at] = dice.randrange(2)
        if roll < 0.4:
            events["type"][at] = EventType.STATE
            auction = dice.random() < 0.7
            states["symbol_state"][at] = SymbolState.AUCTION if auction else dice.choice(list(SymbolState))
            states["reference_ticks"][at] = dice.choice((0, 0, 480, 495, 500, 501, 9000))
        elif roll < 0.5:
            events["type"][at] = EventType.UNCROSSED
            events["price_ticks"][at], events["qty_lots"][at] = 500 + dice.randrange(-5, 6), dice.randrange(3)
        elif roll < 0.55:
            events["type"][at] = dice.choice((EventType.HALTED, EventType.RESUMED))
            events["symbol"][at] = dice.choice((0, 1, NO_SYMBOL))
    trades = np.flatnonzero(events["type"] == EventType.TRADE)
    events["flags"][dice.sample(trades.tolist(), len(trades) // 3)] |= FLAG_AUCTION
    ends = np.flatnonzero(events["flags"] & FLAG_LAST)[:-1]
    events["flags"][dice.sample(ends.tolist(), len(ends) // 5)] |= FLAG_MORE
    gone = np.flatnonzero(events["type"] == EventType.STATE)[-20]
    events["type"][gone] = EventType.DELISTED_INSTRUMENT
    return events


@pytest.mark.parametrize("seed", range(6))
def test_states_auctions_and_groups_give_the_same_records(seed: int) -> None:
    dice = random.Random(seed)
    events = with_states(history(seed + 80, 3000), dice)
    assert_same(events, seed)
    records = told(events)
    auctions, status = (records[records["type"] == kind] for kind in (MarketType.AUCTION, MarketType.STATUS))
    assert (auctions["qty_lots"] > 0).sum() > 50 and len(set(auctions["price_ticks"].tolist())) > 5, f"seed {seed}"
    assert {0, 1, SymbolState.AUCTION, STATUS_DELISTED} <= set(status["side"].tolist()), f"seed {seed}"


def told(events: np.ndarray) -> np.ndarray:
    """All records of a history."""
    fold = MarketFold(7, lambda symbol, seq: int(events["ts_ns"][seq - 1]))
    fold.apply(events)
    return fold.take()


@pytest.mark.parametrize("seed", range(3))
def test_the_indicative_price_is_what_the_rules_say_tick_by_tick(seed: int) -> None:
    """Small random books in an auction, of a few prices and lots, so that every tie comes up."""
    dice = random.Random(seed)
    for _ in range(300):
        orders = [
            (dice.randrange(2), dice.randrange(1, 13), dice.choice((1, 1, 2, 3, 10)))
            for _ in range(dice.randrange(1, 12))
        ]
        reference = dice.choice((0, 0, 1, 4, 6, 7, 30))
        rows = accepted([(price, lots) for _, price, lots in orders])
        rows["side"][-len(orders) :] = [side for side, _, _ in orders]
        opening = rows[-len(orders) - 1 :][:1]  # what the story ends with, an auction instead
        opening["type"], opening["symbol"], opening["flags"] = EventType.STATE, 0, FLAG_LAST
        opening.view(EVENT_STATE)["symbol_state"] = SymbolState.AUCTION
        opening.view(EVENT_STATE)["reference_ticks"] = reference
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for side, price, lots in orders:
            sides[side][price] = sides[side].get(price, 0) + lots
        fold = MarketFold(1, lambda symbol, seq: None)
        fold.apply(rows)
        records = fold.take()
        records = records[records["type"] == MarketType.AUCTION]
        found = (0, 0, 0, 0)
        if len(records):
            found = tuple(int(records[name][-1]) for name in ("price_ticks", "qty_lots", "qty2_lots", "side"))
        assert found == plain_indicative(*sides, reference), f"seed {seed}: {orders}, reference {reference}"


@pytest.mark.parametrize("seed", range(3))
def test_a_made_up_story_over_many_days_gives_the_same_records(seed: int) -> None:
    story = Story(seed)
    story.run(2500)
    plain = assert_same(story.events, seed)
    assert plain.mseq > 2500, f"seed {seed}"


def test_a_flow_through_a_few_records_of_room_gives_the_same_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_module, "OUT_RECORDS", 8)
    assert_same(history(61, 1500), 61)


def accepted(orders: list[tuple[int, int]]) -> np.ndarray:
    """One symbol, and a sell at each (price, lots): one command each; ts_ns is a second a command."""
    story = Story(1)
    rows = np.concatenate([story.events, np.zeros(len(orders), EVENT)])
    rows["seq"] = np.arange(1, len(rows) + 1)
    made = rows[-len(orders) :]
    made["type"], made["flags"], made["side"], made["order_id"] = EventType.ACCEPTED, FLAG_LAST, 1, made["seq"]
    made["price_ticks"], made["qty_lots"] = zip(*orders)
    made["leaves_lots"], made["ts_ns"] = made["qty_lots"], made["seq"] * 10**9
    return rows


def test_a_mass_cancel_of_ten_thousand_prices_is_one_depth_message_in_order() -> None:
    prices = random.Random(8).sample(range(1, 10**9), 10_000)
    rows = accepted([(price, 1) for price in prices])
    gone = rows[-10_000:].copy()
    gone["type"], gone["flags"] = EventType.CANCELLED, 0
    gone["flags"][-1] = FLAG_LAST
    gone["seq"] += 10_000
    fold = MarketFold(1, lambda symbol, seq: None)
    fold.apply(rows)
    assert fold.depth(0)[1] == [(price, 1) for price in sorted(prices)]
    fold.take()
    fold.apply(gone)
    records = fold.take()
    depth, bbo = records[records["type"] == MarketType.DEPTH], records[records["type"] == MarketType.BBO]
    assert depth["price_ticks"].tolist() == sorted(prices) and not depth["qty_lots"].any()
    assert np.flatnonzero(depth["flags"] & FLAG_LAST).tolist() == [9_999]
    assert len(bbo) == 1 and bbo["qty2_lots"][0] == 0
    assert fold.depth(0) == ([], [])


def test_sums_beyond_63_bits_are_told_capped_and_taken_back_exactly() -> None:
    dice, period, total = random.Random(4), np.zeros(1, PERIOD), 0

    def as_told() -> int:
        return int(capped.py_func(int(period["volume_high"][0]), int(period["volume_low"][0])))

    kept = []
    for _ in range(2000):
        if kept and dice.random() < 0.5:
            amount = -kept.pop()
        else:
            amount = dice.choice((1, HALF, dice.randrange(HALF)))
            kept.append(amount)
        add(period, amount)
        total += amount
        assert as_told() == min(total, 2**63 - 1)
    while kept:
        add(period, -kept.pop())
    assert as_told() == 0 and not period["trades"].any()


@kernel
def add(periods, lots):  # type: ignore[no-untyped-def]
    """One trade more, or one less."""
    count(periods[0], lots, 0, 1 if lots > 0 else -1)


def test_events_that_do_not_hang_together_are_refused_by_name() -> None:
    fold = MarketFold(1, lambda symbol, seq: None)
    rows = accepted([(5, 1)])
    with pytest.raises(FoldError, match=f"event {rows['seq'][-1]}: symbol"):
        fold.apply(rows[-1:])
    unended = rows.copy()
    unended["flags"][-1] = 0
    with pytest.raises(FoldError, match="expected its last event"):
        fold.apply(unended)
