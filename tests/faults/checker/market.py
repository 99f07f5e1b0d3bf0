"""Trades, candles, volumes and the public feed against the trades of the history."""

from collections import defaultdict
from typing import Any

from tests.faults.checker.evidence import Answers, Event, Finding, Listed
from tests.faults.checker.money import DAY_NS, day_number
from tests.faults.listener import Message

MARKET, FEED = "market data", "public feed"
INTERVALS_S = {"1s": 1, "1m": 60, "1h": 3600}
_SAMPLE = 5  # findings of one kind that are worth printing


class Market:
    """Every trade as the public sees it: seq, time, price, quantity, the taker's side."""

    def __init__(self, listed: Listed) -> None:
        self._listed = listed
        self.trades: defaultdict[int, list[tuple[int, int, int, int, str]]] = defaultdict(list)
        self.found: list[Finding] = []

    def take(self, event: Event) -> None:
        """One event of the history."""
        if event["type"] == "trade":
            row = (event["seq"], event["ts_ns"], event["price_ticks"], event["qty_lots"], event["side"])
            self.trades[event["symbol"]].append(row)

    def compare(self, answers: Answers) -> None:
        """`query trades`, `query candles`, and the volumes of `report day`."""
        for name, rows in answers.trades.items():
            symbol = self._listed.symbol(name)
            self._same(f"trades of {name}", MARKET, [self._row(symbol, row) for row in rows], self.trades[symbol])
        for (name, interval), candles in answers.candles.items():
            symbol = self._listed.symbol(name)
            told = [self._candle(symbol, candle) for candle in candles]
            expected = self._candles(symbol, INTERVALS_S[interval])
            self._same(f"{interval} candles of {name}", MARKET, told, expected[-len(told) :] if told else expected)
        self._compare_volumes(answers)

    def _row(self, symbol: int, row: dict[str, Any]) -> tuple[Any, ...]:
        price, qty = self._listed.ticks(symbol, row["price"]), self._listed.lots(symbol, row["qty"])
        return row["seq"], row["ts_ns"], price, qty, row["side"]

    def _candle(self, symbol: int, candle: dict[str, Any]) -> tuple[Any, ...]:
        prices = (self._listed.ticks(symbol, candle[name]) for name in ("open", "high", "low", "close"))
        return candle["open_ts_ns"], *prices, self._listed.lots(symbol, candle["volume"]), candle["trades"]

    def _candles(self, symbol: int, seconds: int) -> list[tuple[Any, ...]]:
        found: dict[int, list[int]] = {}
        for _, ts_ns, price, qty, _ in self.trades[symbol]:
            start = ts_ns // (seconds * 10**9) * seconds * 10**9
            candle = found.setdefault(start, [price, price, price, price, 0, 0])
            candle[1:4] = [max(candle[1], price), min(candle[2], price), price]
            candle[4] += qty
            candle[5] += 1
        return [(start, *candle) for start, candle in sorted(found.items())]

    def _compare_volumes(self, answers: Answers) -> None:
        for day, volumes in answers.volumes.items():
            for name, told in volumes.items():
                symbol = self._listed.symbol(name)
                today = [row for row in self.trades[symbol] if row[1] // DAY_NS == day_number(day)]
                lots = sum(row[3] for row in today)
                if (self._listed.lots(symbol, told["base"]), told["trades"]) != (lots, len(today)):
                    said = f"{day} {name}: {told}, by the events {lots} lots in {len(today)} trades"
                    self.found.append(Finding(MARKET, said))

    def _same(self, what: str, promise: str, told: list[Any], expected: list[Any]) -> None:
        if told == expected:
            return
        for at, (one, other) in enumerate(zip(told, expected, strict=False)):
            if one != other:
                self.found.append(Finding(promise, f"{what}: number {at} is {one}, by the events {other}"))
                return
        self.found.append(Finding(promise, f"{what}: {len(told)}, by the events {len(expected)}"))

    def compare_feed(self, feed: list[Message], answers: Answers) -> None:
        """Each topic is one chain, and what it tells in the end is what happened."""
        topics = self._chains(feed)
        for symbol, terms in enumerate(self._listed.instruments):
            told = [self._row(symbol, message.body) for message in topics.get(f"trade/{terms['name']}/", [])]
            self._same(f"trade/{terms['name']}/", FEED, told, self.trades[symbol])
            self._compare_book(terms["name"], topics.get(f"depth/{terms['name']}/", []), answers)

    def _chains(self, feed: list[Message]) -> dict[str, list[Message]]:
        topics: defaultdict[str, list[Message]] = defaultdict(list)
        for message in feed:
            chain = topics[message.topic]
            last = chain[-1].seq if chain else 0
            if message.seq <= last:  # sent again, as after a restart of the publisher
                before = next((one for one in chain if one.seq == message.seq), None)
                if not message.topic.startswith("depth/") and (before is None or before.body != message.body):
                    self.found.append(Finding(FEED, f"{message.topic} told {message.seq} twice, not the same"))
                continue
            is_merged = message.topic.startswith("depth/")  # totals: one that begins earlier does no harm
            if message.prev > last or (message.prev < last and not is_merged):
                said = f"{message.topic} {message.seq} follows {message.prev}, seen up to {last}"
                self.found.append(Finding(FEED, said + (" (in a replay)" if message.replayed else "")))
            chain.append(message)
        return topics

    def _compare_book(self, name: str, chain: list[Message], answers: Answers) -> None:
        book: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}
        for message in chain:
            for side, levels in book.items():
                for price, qty in message.body[side]:
                    levels[price] = qty
                    if qty == "0":
                        del levels[price]
        for side, levels in book.items():
            told = dict(answers.depth[name][side])
            if told != levels:
                wrong = sorted(price for price in told.keys() | levels if told.get(price) != levels.get(price))
                said = f"{name} {side} at {wrong[:_SAMPLE]}: subscribers have {levels.get(wrong[0])}"
                self.found.append(Finding(FEED, f"{said}, query depth {told.get(wrong[0])}"))
