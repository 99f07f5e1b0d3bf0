"""Market data against the engine's own book and a plain recomputation; publisher over real sockets."""

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from config.catalog import Catalog
from consumers.marketdata.candles import NS, SECONDS, WINDOW_MINUTES
from consumers.marketdata.fold import MarketFold, fold_all
from engine.core import Engine
from ringbuf.codes import EventType, MarketType
from tests.consumers.plain_candles import Day
from tests.consumers.test_against_engine import history


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_book_is_the_engines_after_each_piece(seed: int) -> None:
    events = history(seed, 3000)
    engine = Engine()
    fold = MarketFold(1, lambda symbol, seq: int(events["ts_ns"][seq - 1]))
    ends = np.flatnonzero(events["flags"] & 1) + 1
    cuts = [0, *ends[::37].tolist(), len(events)]
    for a, b in zip(cuts, cuts[1:], strict=False):
        if a == b:
            continue
        engine.apply(events[a:b])
        fold.apply(events[a:b])
        for symbol in range(fold.symbols):
            bids, asks = engine.depth(symbol)
            assert fold.depth(symbol) == (list(bids), list(asks)), f"seed {seed}, symbol {symbol}, event {b}"


@pytest.mark.parametrize("seed", [4, 5])
def test_levels_from_depth_messages_chain_and_rebuild_the_book(seed: int) -> None:
    events = history(seed, 3000)
    fold, records = fold_all(events)
    assert records["mseq"].tolist() == list(range(1, len(records) + 1))
    assert (np.diff(records["seq"]) >= 0).all()
    books: dict[int, dict[tuple[int, int], int]] = defaultdict(dict)
    last: dict[tuple[int, int, int], tuple[int, int]] = {}
    for row in records:
        topic = int(row["type"]), int(row["symbol"]), int(row["interval"])
        seq, prev = int(row["seq"]), int(row["prev"])
        before = last.get(topic, (0, 0))
        if row["type"] == MarketType.DEPTH and before == (seq, prev):
            pass  # one more level of the same message
        else:
            assert prev == before[0] and seq > prev, f"seed {seed}: {row}"
        last[topic] = (seq, prev)
        if row["type"] == MarketType.DEPTH:
            books[int(row["symbol"])][int(row["side"]), int(row["price_ticks"])] = int(row["qty_lots"])
    for symbol in range(fold.symbols):
        now = {place: total for place, total in books[symbol].items() if total}
        assert now == {(side, p): t for side in (0, 1) for p, t in fold.depth(symbol)[side]}, f"seed {seed}"


def test_candles_are_what_a_plain_recomputation_gives() -> None:
    events = history(9, 3000)
    _, records = fold_all(events)
    told: dict[tuple[int, int, int], tuple[int, ...]] = {}
    for row in records[records["type"] == MarketType.CANDLE]:
        key = int(row["symbol"]), int(row["interval"]), int(row["open_ts_ns"])
        told[key] = tuple(int(row[n]) for n in ("open_ticks", "high_ticks", "low_ticks", "price_ticks"))
    plain: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for row in events[events["type"] == EventType.TRADE]:
        second = int(row["ts_ns"]) // NS
        for interval, length in enumerate(SECONDS):
            plain[int(row["symbol"]), interval, second - second % length].append(int(row["price_ticks"]))
    assert told == {key: (p[0], max(p), min(p), p[-1]) for key, p in plain.items()} and told


def test_a_history_folded_in_pieces_gives_the_same_records(tmp_path: Path) -> None:
    events = history(12, 2000)
    _, whole = fold_all(events)
    fold = MarketFold(0, lambda symbol, seq: int(events["ts_ns"][seq - 1]))
    parts = []
    for end in np.split(events, np.flatnonzero(events["flags"] & 1)[::11] + 1):
        fold.apply(end)
        parts.append(fold.take())
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert Catalog.from_events(events).instruments


def test_the_rolling_day_is_what_a_plain_recomputation_gives() -> None:
    dice = random.Random(3)
    day, kept = Day(), []
    minute = 1_000_000
    for _ in range(3000):
        minute += dice.choice((0, 0, 1, 5, 400))
        day.roll(minute)
        kept = [trade for trade in kept if trade[0] > minute - WINDOW_MINUTES]
        price, lots = dice.randrange(90, 110), dice.randrange(1, 9)
        day.add(minute * 60 * NS, price, lots, price * lots)
        kept.append((minute, price, lots))
        total = day.total()
        prices = [price for _, price, _ in kept]
        assert (total.open_ticks, total.high_ticks, total.low_ticks) == (prices[0], max(prices), min(prices))
        assert (total.volume_lots, total.trades) == (sum(lots for _, _, lots in kept), len(kept))
        assert total.quote_volume == sum(price * lots for _, price, lots in kept)
