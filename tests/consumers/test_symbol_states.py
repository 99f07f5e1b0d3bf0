"""What subscribers see of a symbol's states, of an auction, and of its end: records, payloads, snapshot."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from config.catalog import Catalog
from config.settings import Settings
from consumers.marketdata.process import MarketData
from consumers.publisher.payloads import messages_of, parse_topic, payload, topic_name, topic_of
from consumers.publisher.requests import Answers
from ringbuf.codes import FLAG_AUCTION, FLAG_MORE, NO_SYMBOL, EventType, OrderType, Side, SymbolState
from ringbuf.records import EVENT_LISTED_INSTRUMENT, EVENT_ORDER, EVENT_STATE
from ringbuf.shm import unlink
from tests.consumers.synthetic import Story

BUY, SELL = int(Side.BUY), int(Side.SELL)


class Market:
    """A market data store fed by hand, one commit a call of `commit`; `ask` ends the feeding."""

    def __init__(self, data: Path) -> None:
        self.name = f"mltest{os.getpid()}-{time.monotonic_ns()}"
        self.story = Story(1)
        self.consumer = MarketData()
        self.consumer.open(SimpleNamespace(name=self.name, data=data, epoch=0, settings=Settings()))
        self.answers: Answers | None = None
        self._data = data
        self._done = 0

    def event(self, kind: EventType, **values: int) -> np.ndarray:
        return self.story._row(kind, **values)

    def order(self, side: int, price: int, lots: int, display: int = 0, kind: OrderType = OrderType.LIMIT) -> int:
        row = self.event(EventType.ACCEPTED, side=side, price_ticks=price, qty_lots=lots, leaves_lots=lots)
        row["order_id"] = row["seq"]
        row.view(EVENT_ORDER)["display_lots"], row.view(EVENT_ORDER)["order_type"] = display, kind
        return int(row["seq"][0])

    def state(self, state: SymbolState, reference: int = 0) -> None:
        row = self.event(EventType.STATE).view(EVENT_STATE)
        row["symbol_state"], row["reference_ticks"] = state, reference

    def commit(self) -> list[tuple[str, dict[str, Any]]]:
        """(topic, payload) of every message of symbol 0, but for candles and tickers."""
        events = self.story.events[self._done :]
        self._done += len(events)
        self.consumer.apply(events)
        records = self.consumer.fold.records().copy()
        self.consumer.commit(self._done)
        catalog = self.catalog()
        told = []
        for message in messages_of(records[records["symbol"] == 0]):
            name = topic_name(topic_of(message[-1]), catalog)
            assert parse_topic(name, catalog) == topic_of(message[-1])
            if name.split("/")[0] not in ("candle", "ticker"):
                told.append((name, payload(message, 0, catalog)))
        return told

    def catalog(self) -> Catalog:
        return Catalog.from_events(self.story.events)

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        if self.answers is None:  # an LMDB store is opened once a process
            self.consumer.close()
            self.answers = Answers(self._data, 0)
        answer: dict[str, Any] = orjson.loads(self.answers.answer([orjson.dumps({"op": op, **fields})]))
        return answer

    def close(self) -> None:
        (self.answers or self.consumer).close()
        unlink(f"/{self.name}.market")


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    made = Market(tmp_path)
    made.commit()
    yield made
    made.close()


def of(told: list[tuple[str, dict[str, Any]]], word: str, *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(said[field] for field in fields) for topic, said in told if topic == f"{word}/BTC-USDT/"]


def test_each_state_is_told_by_its_word(market: Market) -> None:
    for state in SymbolState:
        market.state(state)
    market.event(EventType.RESUMED, symbol=NO_SYMBOL)
    market.event(EventType.HALTED)
    words = [word for (word,) in of(market.commit(), "status", "status")]
    assert words == ["open", "halted", "post_only", "cancel_only", "auction", "closed", "open", "halted"]
    assert market.ask("snapshot", symbol="BTC-USDT")["status"] == "halted"


def test_an_auction_tells_its_indicative_price_with_what_is_hidden_and_says_nothing_twice(market: Market) -> None:
    market.state(SymbolState.AUCTION, reference=50)
    market.order(BUY, 52, 10)
    market.order(SELL, 48, 30, display=5)
    told = market.commit()
    said = [said for topic, said in told if topic == "auction/BTC-USDT/"]
    assert len(said) == 1 and said[0]["prev"] == 0
    price = market.catalog().instruments[0].price_text
    lots = market.catalog().instruments[0].qty_text
    assert of(told, "auction", "price", "volume", "surplus", "surplus_side") == [
        (price(50), lots(10), lots(20), "sell")
    ]
    assert of(told, "depth", "bids", "asks")[-1] == ([], [[price(48), lots(5)]])  # the slice alone
    market.order(SELL, 53, 1)  # changes nothing of it
    market.order(SELL, 47, 1, kind=OrderType.STOP_LIMIT)  # waits
    assert of(market.commit(), "auction", "price") == []
    snapshot = market.ask("snapshot", symbol="BTC-USDT")
    assert snapshot["status"] == "auction" and snapshot["auction"]["volume"] == lots(10)
    assert snapshot["bids"] == [[price(52), lots(10)]] and snapshot["asks"][0] == [price(48), lots(5)]  # crossed


def test_the_trades_of_an_uncross_take_hidden_lots_of_both_sides(market: Market) -> None:
    market.state(SymbolState.AUCTION)
    buyer, seller = market.order(BUY, 52, 10, display=2), market.order(SELL, 48, 30, display=5)
    market.commit()
    market.state(SymbolState.OPEN)
    market.event(EventType.UNCROSSED, price_ticks=50, qty_lots=10)
    trade = market.event(
        EventType.TRADE, side=BUY, order_id=buyer, maker_order_id=seller, price_ticks=50, qty_lots=10,
        leaves_lots=0, maker_leaves_lots=20,
    )  # fmt: skip
    trade["flags"] |= FLAG_AUCTION
    told = market.commit()
    instrument = market.catalog().instruments[0]
    assert of(told, "status", "status") == [("open",)] and of(told, "auction", "price") == []
    assert of(told, "trade", "price", "side") == [(instrument.price_text(50), "buy")]
    assert market.consumer.fold.depth(0) == ([], [(48, 5)])
    market.state(SymbolState.AUCTION, reference=50)
    market.order(BUY, 60, 20)
    assert of(market.commit(), "auction", "price")[-1] == (instrument.price_text(50),)
    market.state(SymbolState.CLOSED)
    market.commit()
    assert market.ask("snapshot", symbol="BTC-USDT")["auction"] is None


def test_a_waiting_order_is_in_no_depth_until_it_has_triggered_and_rests(market: Market) -> None:
    order = market.order(BUY, 45, 7, display=3, kind=OrderType.TAKE_PROFIT_LIMIT)
    assert of(market.commit(), "depth", "bids") == []
    market.event(EventType.TRIGGERED, order_id=order, side=BUY)
    instrument = market.catalog().instruments[0]
    assert of(market.commit(), "depth", "bids") == [([[instrument.price_text(45), instrument.qty_text(3)]],)]


def test_a_group_is_one_depth_message(market: Market) -> None:
    for price in (10, 11, 12):
        market.order(BUY, price, 1)
    for row in market.story.rows[-3:-1]:
        row["flags"] |= FLAG_MORE
    assert len(of(market.commit(), "depth", "bids")) == 1


def test_a_delisted_symbol_ends_and_no_halt_of_all_brings_it_back(market: Market) -> None:
    order = market.order(BUY, 10, 1)
    market.event(EventType.DELISTED_INSTRUMENT)
    market.event(EventType.CANCELLED, order_id=order, qty_lots=1)
    market.event(EventType.HALTED, symbol=NO_SYMBOL)
    told = market.commit()
    assert of(told, "status", "status") == [("delisted",)]
    assert len(of(told, "depth", "bids")) == 2
    assert market.ask("snapshot", symbol="BTC-USDT")["status"] == "delisted"
    assert market.ask("snapshot", symbol="ETH-USDT")["status"] == "halted"
    assert [row["symbol"] for row in market.ask("symbols")["instruments"]] == ["ETH-USDT"]
    assert market.answers is not None and not market.answers.catalog().instruments[0].listed


def test_changed_terms_reach_the_catalog_of_the_store(market: Market) -> None:
    changed = market.story.rows[3].copy()
    assert changed["type"][0] == EventType.LISTED_INSTRUMENT
    changed["seq"], changed["type"] = len(market.story.rows) + 1, EventType.CHANGED_INSTRUMENT
    changed.view(EVENT_LISTED_INSTRUMENT)["max_open_orders"] = 17
    market.story.rows.append(changed)
    market.commit()
    market.ask("symbols")
    assert market.answers is not None and market.answers.catalog().instruments[0].max_open_orders == 17
