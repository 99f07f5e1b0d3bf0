"""What the market data's store answers after commits of all sizes: candles with busts, the feed log, its pruning."""

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from config.settings import Settings
from consumers.marketdata import store as market_store
from consumers.marketdata.candles import NS, SECONDS
from consumers.marketdata.process import MarketData
from consumers.marketdata.store import (
    CANDLE_ROW,
    FEED,
    INDEX,
    count_trades,
    feed_after,
    first_trade_at,
    last_mseq,
    last_of_topics,
    last_trades,
    levels_of,
    messages_between,
    trade_at,
    trades_from,
)
from consumers.publisher.payloads import merge_depth, messages_of, topic_of
from consumers.publisher.process import merged
from ringbuf.codes import EventType, MarketType
from ringbuf.records import EVENT_BUST
from ringbuf.shm import unlink
from tests.consumers.plain_market import plain_fold_all
from tests.consumers.synthetic import Story
from tests.consumers.test_against_engine import history
from tests.consumers.test_market_fold import pieces_of


@pytest.fixture
def marketdata(tmp_path: Path) -> Iterator[MarketData]:
    name = f"mltest{os.getpid()}-{time.monotonic_ns()}"
    consumer = MarketData()
    consumer.open(SimpleNamespace(name=name, data=tmp_path, epoch=0, settings=Settings()))
    yield consumer
    consumer.close()
    unlink(f"/{name}.market")


def commit_all(consumer: MarketData, events: np.ndarray, seed: int) -> None:
    for piece in pieces_of(events, seed):
        consumer.apply(piece)
        consumer.commit(int(piece["seq"][-1]))


@pytest.mark.parametrize("seed", [1, 2])
def test_stored_candles_are_what_the_trades_less_the_busted_ones_give(seed: int, marketdata: MarketData) -> None:
    story = Story(seed)
    story.run(3000)
    events = story.events if seed == 2 else history(seed, 3000)
    commit_all(marketdata, events, seed)
    trades = {int(row["seq"]): row for row in events[events["type"] == EventType.TRADE]}
    busted = set(events[events["type"] == EventType.BUSTED].view(EVENT_BUST)["trade_seq"].tolist())
    assert busted, f"seed {seed}"
    prices, sums = defaultdict(list), defaultdict(lambda: [0, 0])
    for seq, row in trades.items():
        second = int(row["ts_ns"]) // NS
        for interval, length in enumerate(SECONDS):
            key = int(row["symbol"]), interval, second - second % length
            prices[key].append(int(row["price_ticks"]))
            if seq not in busted:
                sums[key][0] += int(row["qty_lots"])
                sums[key][1] += 1
    with marketdata.store.read() as txn, txn.cursor(db=marketdata.store.db("candles")) as cursor:
        stored = {
            tuple(np.frombuffer(key, ">u8").tolist()): CANDLE_ROW.unpack(value) for key, value in cursor.iternext()
        }
    assert set(stored) == set(prices), f"seed {seed}"
    for key, printed in prices.items():
        opened, high, low, close, volume, _, count = stored[key]
        assert (opened, high, low, close) == (printed[0], max(printed), min(printed), printed[-1]), (
            f"seed {seed}: {key}"
        )
        assert [volume, count] == sums[key], f"seed {seed}: {key}"


def test_the_feed_log_gives_each_topic_and_each_stretch_as_the_fold_told_it(marketdata: MarketData) -> None:
    events = history(3, 3000)
    commit_all(marketdata, events, 3)
    plain, records = plain_fold_all(events)
    messages = messages_of(records)
    store, dice = marketdata.store, random.Random(3)
    with store.read() as txn:
        assert last_mseq(txn, store) == len(records)
        stored = feed_after(txn, store, 0, len(records))
        for name in (*(records.dtype.names or ())[:-1],):  # all but the checksum, which the plain fold leaves out
            assert (stored[name] == records[name]).all(), name
        ends = np.flatnonzero(records["flags"] & 1) + 1
        for _ in range(50):
            start, most = int(dice.choice(ends)), dice.choice((1, 2, 100, 5000))
            found = feed_after(txn, store, start, most)
            stop = int(ends[min(np.searchsorted(ends, min(start + most, len(records))), len(ends) - 1)])
            assert found["mseq"].tolist() == list(range(start + 1, stop + 1)), (start, most)
        by_topic = defaultdict(list)
        for message in messages:
            by_topic[topic_of(message[0])].append(message)
        for topic, told in by_topic.items():
            first, last = sorted(dice.choices(range(len(events)), k=2))
            for a, b in ((0, len(events)), (first, last)):
                expected = [m["mseq"].tolist() for m in told if a <= m["seq"][0] <= b]
                assert [m["mseq"].tolist() for m in messages_between(txn, store, topic, a, b)] == expected, (
                    topic,
                    a,
                    b,
                )
        middle = int(dice.choice(ends))
        expected_last = {
            topic: int(kept[-1]["seq"][0])
            for topic, told in by_topic.items()
            if (kept := [m for m in told if m["mseq"][0] <= middle])
        }
        assert last_of_topics(txn, store, middle) == expected_last
        trades = records[records["type"] == MarketType.TRADE]
        assert count_trades(txn, store) == len(trades)
        for symbol, kept in enumerate(plain.symbols):
            own = trades[trades["symbol"] == symbol]
            assert last_trades(txn, store, symbol, 7)["seq"].tolist() == own["seq"][-7:].tolist()
            assert levels_of(txn, store, symbol) == kept.book.depth()
            for seq in [*own["seq"][::50].tolist(), 1]:
                found_trade = trade_at(txn, store, symbol, seq)
                assert (found_trade is not None and found_trade["seq"] == seq) == (seq in own["seq"])


def test_what_is_older_than_the_kept_records_goes_from_feed_and_index(
    marketdata: MarketData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_store, "FEED_KEPT", 3000)
    monkeypatch.setattr(market_store, "FEED_BLOCK", 64)
    events = history(4, 3000)
    commit_all(marketdata, events, 4)
    store = marketdata.store
    _, records = plain_fold_all(events)
    with store.read() as txn:
        kept = feed_after(txn, store, 0, len(records))
        first = int(kept["mseq"][0])
        assert len(records) - 3000 - 64 - 100 < first <= len(records) - 3000 + 1
        assert kept["mseq"].tolist() == list(range(first, len(records) + 1))
        indexed = [
            number
            for topic in {topic_of(row) for row in records}
            for message in messages_between(txn, store, topic, 0, len(events))
            for number in message["mseq"].tolist()
        ]
        assert sorted(indexed) == kept["mseq"].tolist()
        with txn.cursor(db=store.db(INDEX)) as cursor:
            numbers = [n for value in cursor.iternext(keys=False) for n in np.frombuffer(value, "<i8")[1::2].tolist()]
        assert min(numbers) == first
        assert txn.stat(store.db(FEED))["entries"] < len(records) / 2
        assert count_trades(txn, store) == int((records["type"] == MarketType.TRADE).sum())


def test_merged_depth_messages_lead_to_the_same_book_and_stay_in_the_chain() -> None:
    _, records = plain_fold_all(history(5, 2000))
    messages = messages_of(records)
    books: list[dict[tuple[int, int, int], int]] = [{}, {}]
    whole = merged(messages)
    for book, told in zip(books, (messages, whole), strict=True):
        for message in told:
            for row in message[message["type"] == MarketType.DEPTH]:
                book[int(row["symbol"]), int(row["side"]), int(row["price_ticks"])] = int(row["qty_lots"])
    assert books[0] == books[1]
    depth = [message for message in messages if message["type"][0] == MarketType.DEPTH and message["symbol"][0] == 0]
    halves = [merge_depth(depth[:100]), merge_depth(depth[100:])]
    assert halves[0]["prev"][0] == 0 and halves[1]["prev"][0] == halves[0]["seq"][0] == depth[99]["seq"][0]
    assert [m["flags"].tolist().index(1) for m in halves] == [len(m) - 1 for m in halves]
    others = [m for m in messages if m["type"][0] != MarketType.DEPTH]
    assert [m["mseq"][0] for m in whole if m["type"][0] != MarketType.DEPTH] == [m["mseq"][0] for m in others]


@pytest.mark.parametrize("seed", [5, 6])
def test_trades_are_found_by_sequence_and_by_time(seed: int, marketdata: MarketData) -> None:
    commit_all(marketdata, history(seed, 3000), seed)
    store, rng = marketdata.store, random.Random(seed)
    with store.read() as txn:
        for symbol in (0, 1):
            every = last_trades(txn, store, symbol, 1 << 30)
            assert len(every) > 20 and (every["symbol"] == symbol).all(), f"seed {seed}"
            for at in sorted(rng.sample(range(len(every)), 20)):
                seq, ts_ns = int(every["seq"][at]), int(every["ts_ns"][at])
                most = rng.randrange(1, 9)
                assert trades_from(txn, store, symbol, seq, most).tolist() == every[at : at + most].tolist()
                assert trades_from(txn, store, symbol, seq + 1, most).tolist() == every[at + 1 : at + 1 + most].tolist()
                before = last_trades(txn, store, symbol, most, before=seq)
                assert before.tolist() == every[max(at - most, 0) : at].tolist()
                for since in (ts_ns, ts_ns + 1):
                    found = trades_from(txn, store, symbol, first_trade_at(txn, store, symbol, since), 1 << 30)
                    assert found.tolist() == every[every["ts_ns"] >= since].tolist()
            assert not len(last_trades(txn, store, symbol, 5, before=0))
        assert not len(trades_from(txn, store, 99, 0, 5))
        assert first_trade_at(txn, store, 99, 5) == 0
