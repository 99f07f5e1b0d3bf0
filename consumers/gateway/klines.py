"""Candles as Binance shows them: of any of its intervals, with flat ones where nothing traded."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from config.catalog import Instrument
from consumers.gateway.intervals import Interval
from consumers.marketdata.store import CANDLE_ROW, last_rows, rows_between
from consumers.store import encode_key

MOST = 1000  # candles of one answer


@dataclass
class Candle:
    """One period. Prices in ticks, volume in lots, quote in minor units of the quote asset."""

    start_s: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote: int = 0
    trades: int = 0

    def add(self, row: bytes) -> None:
        """Take in a kept candle that follows."""
        _, high, low, self.close, volume, quote, trades = CANDLE_ROW.unpack(row)
        self.high, self.low = max(self.high, high), min(self.low, low)
        self.volume += volume
        self.quote += quote
        self.trades += trades


def _candle(start_s: int, row: bytes) -> Candle:
    return Candle(start_s, *CANDLE_ROW.unpack(row))


class CandleReader:
    """Candles of one symbol and interval, from one snapshot of the market data's store."""

    def __init__(self, txn: Any, view: Any, symbol: int, interval: Interval) -> None:
        self._txn = txn
        self._db = view.db("candles")
        self._prefix = encode_key(symbol, interval.kept)
        self._interval = interval

    def last_start(self) -> int | None:
        """Where the newest period with a trade begins; None where nothing ever traded."""
        rows = last_rows(self._txn, self._db, self._prefix, 1)
        return self._interval.start(_start_of(rows[0][0])) if rows else None

    def traded(self, first_s: int, end_s: int) -> dict[int, Candle]:
        """The periods with a trade that begin at `first_s` or later and end by `end_s`, by their start."""
        found: dict[int, Candle] = {}
        for at, row in rows_between(self._txn, self._db, self._prefix, first_s, end_s - 1):
            start = self._interval.start(at)
            if start in found:
                found[start].add(row)
            else:
                found[start] = _candle(start, row)
        return found

    def between(self, first_s: int, end_s: int) -> list[Candle]:
        """Every period from the one that begins at `first_s` on that begins before `end_s`.

        One without a trade repeats the close before it; before the first trade of all there are none.
        """
        found = self.traded(first_s, self._interval.next(self._interval.start(end_s - 1)))
        close = self._close_before(first_s)
        candles = []
        for start in self._starts(first_s, end_s):
            candle = found.get(start)
            if candle is None:
                if close is None:
                    continue
                candle = Candle(start, close, close, close, close)
            close = candle.close
            candles.append(candle)
        return candles

    def begin(self, first_s: int) -> int:
        """`first_s`, or where the first period of all begins, if that is later."""
        if self._close_before(first_s) is not None:
            return first_s
        row = next(rows_between(self._txn, self._db, self._prefix, first_s, 1 << 62), None)
        return first_s if row is None else self._interval.start(row[0])

    def _starts(self, first_s: int, end_s: int) -> Iterator[int]:
        while first_s < end_s:
            yield first_s
            first_s = self._interval.next(first_s)

    def _close_before(self, first_s: int) -> int | None:
        with self._txn.cursor(db=self._db) as cursor:
            found = cursor.prev() if cursor.set_range(self._prefix + encode_key(first_s)) else cursor.last()
            if not found or not cursor.key().startswith(self._prefix):
                return None
            return int(CANDLE_ROW.unpack(cursor.value())[3])


def _start_of(key: bytes) -> int:
    return int.from_bytes(key[16:], "big")


def klines(
    reader: CandleReader, interval: Interval, first_ms: int | None, last_ms: int | None, most: int, now_ms: int
) -> list[Candle]:
    """What /api/v3/klines answers: from `first_ms` on, or else the last ones up to `last_ms`, at most `most`.

    Without an end they go on until now, or, where nothing has traded for as long as that is, end with the last trade.
    """
    newest = reader.last_start()
    if newest is None:
        return []
    end_s = (now_ms if last_ms is None else min(last_ms, now_ms)) // 1000 + 1
    if first_ms is not None:
        first_s = interval.start(first_ms // 1000)
        if first_s * 1000 < first_ms:
            first_s = interval.next(first_s)
        first_s = limit_s = reader.begin(first_s)
        for _ in range(most):
            limit_s = interval.next(limit_s)
        return reader.between(first_s, min(end_s, limit_s))[:most]
    start_s = interval.start(end_s - 1)
    if last_ms is None and newest < start_s - (most - 1) * interval.seconds:
        start_s = newest
    first_s = start_s
    for _ in range(most - 1):
        first_s = interval.start(first_s - 1)
    return reader.between(max(first_s, 0), start_s + 1)


def kline_json(candle: Candle, interval: Interval, instrument: Instrument) -> list[Any]:
    """One row of /api/v3/klines. The taker's share of the volume is not kept: it reads 0."""
    price = instrument.price_text
    return [
        candle.start_s * 1000,
        *(price(value) for value in (candle.open, candle.high, candle.low, candle.close)),
        instrument.qty_text(candle.volume),
        interval.next(candle.start_s) * 1000 - 1,
        instrument.quote_text(candle.quote),
        candle.trades,
        instrument.qty_text(0),
        instrument.quote_text(0),
        "0",
    ]
