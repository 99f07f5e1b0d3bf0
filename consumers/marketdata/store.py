"""What the market data keeps in LMDB: levels, candles, tickers, trades, and the feed log with its index by topic."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from consumers.marketdata.candles import SECONDS
from consumers.marketdata.fold import M_STATUS, M_TICKER, M_TRADE, MarketFold
from consumers.store import Store, StoreView, encode_key
from consumers.stored import LISTED, Tables
from ringbuf.records import MARKET, RECORD_SIZE

NAME = "marketdata"
TABLES = ("levels", "candles", "tickers", "trades", "feed", "topics", "status", LISTED)
CANDLE_ROW = struct.Struct("<4q2qq")  # open, high, low, close, volume, quote volume, trades; volumes capped
FEED_KEPT = 1 << 21  # records of the feed log; older ones are answered by a snapshot
MAX_I64 = 2**63 - 1


def store_folder(data: Path) -> Path:
    """Where the store lies."""
    return Path(data) / "stores" / NAME


def topic_key(kind: int, symbol: int, interval: int, seq: int) -> bytes:
    """Key of a message in the index by topic."""
    return struct.pack(">BBIQ", kind, interval, symbol, seq)


def put_feed(txn: Any, store: Tables, records: np.ndarray) -> None:
    """Append records to the feed log, index them, keep latest ticker and trades, drop what is too old."""
    raw = records.tobytes()
    names = ("mseq", "seq", "type", "symbol", "interval")
    feed: list[tuple[bytes, bytes]] = []
    topics: list[tuple[bytes, bytes]] = []
    trades: list[tuple[bytes, bytes]] = []
    latest: dict[tuple[str, int], bytes] = {}
    seen = b""
    for at, (mseq, seq, kind, symbol, interval) in enumerate(zip(*(records[n].tolist() for n in names), strict=True)):
        row = raw[at * RECORD_SIZE : (at + 1) * RECORD_SIZE]
        key = mseq.to_bytes(8, "big")
        feed.append((key, row))
        topic = topic_key(kind, symbol, interval, seq)
        if topic != seen:
            topics.append((topic, key))
            seen = topic
        if kind == M_TRADE:
            trades.append((encode_key(symbol, seq), row))
        elif kind == M_TICKER:
            latest["tickers", symbol] = row
        elif kind == M_STATUS:
            latest["status", symbol] = row
    topics.sort()  # neighbours in the tree one after another: half the time
    for table, rows, append in (("feed", feed, True), ("topics", topics, False), ("trades", trades, False)):
        with txn.cursor(db=store.db(table)) as cursor:
            cursor.putmulti(rows, append=append)
    for (table, symbol), row in latest.items():
        txn.put(encode_key(symbol), row, db=store.db(table))
    if len(records):
        _prune(txn, store, int(records["mseq"][-1]) - FEED_KEPT)


def _prune(txn: Any, store: Tables, last: int) -> None:
    with txn.cursor(db=store.db("feed")) as cursor:
        while cursor.first() and int.from_bytes(cursor.key(), "big") <= last:
            row = np.frombuffer(bytes(cursor.value()), MARKET)[0]
            key = topic_key(int(row["type"]), int(row["symbol"]), int(row["interval"]), int(row["seq"]))
            txn.delete(key, db=store.db("topics"))
            cursor.delete()


def put_changes(txn: Any, store: Tables, fold: MarketFold) -> None:
    """Levels and candles as they are now, and busts of trades in candles that have ended."""
    levels, candles = store.db("levels"), store.db("candles")
    for place, total in fold.changed_levels.items():
        if total:
            txn.put(encode_key(*place), encode_key(total), db=levels)
        else:
            txn.delete(encode_key(*place), db=levels)
    for place, values in fold.changed_candles.items():
        txn.put(encode_key(*place), CANDLE_ROW.pack(*(min(value, MAX_I64) for value in values)), db=candles)
    for symbol, interval, start, lots, quote in fold.late_busts:
        key = encode_key(symbol, interval, start)
        row = txn.get(key, db=candles)
        if row is not None:
            *prices, volume, quote_volume, trades = CANDLE_ROW.unpack(row)
            txn.put(key, CANDLE_ROW.pack(*prices, volume - lots, quote_volume - quote, trades - 1), db=candles)


def last_mseq(txn: Any, store: Tables) -> int:
    """Number of the last record in the feed log, 0 = none."""
    with txn.cursor(db=store.db("feed")) as cursor:
        return int.from_bytes(cursor.key(), "big") if cursor.last() else 0


def feed_after(txn: Any, store: Tables, mseq: int, most: int) -> np.ndarray:
    """Up to `most` records after `mseq`, in whole messages; fewer than all where the log is pruned."""
    parts: list[bytes] = []
    with txn.cursor(db=store.db("feed")) as cursor:
        if cursor.set_range(encode_key(mseq + 1)):
            for value in cursor.iternext(keys=False, values=True):
                parts.append(bytes(value))
                if len(parts) >= most and parts[-1][FLAGS_AT] & 1:
                    break
    return np.frombuffer(b"".join(parts), MARKET)


FLAGS_AT = MARKET.fields["flags"][1]  # type: ignore[index]


def messages_between(
    txn: Any, store: Tables, topic: tuple[int, int, int], first: int, last: int
) -> Iterator[np.ndarray]:
    """A topic's messages with first <= seq <= last: one array of records each."""
    kind, symbol, interval = topic
    prefix = topic_key(kind, symbol, interval, 0)[:6]
    with txn.cursor(db=store.db("topics")) as index:
        found = index.set_range(topic_key(kind, symbol, interval, max(first, 0)))
        while found and index.key()[:6] == prefix and int.from_bytes(index.key()[6:], "big") <= last:
            yield feed_after(txn, store, int.from_bytes(index.value(), "big") - 1, 1)
            found = index.next()


def levels_of(txn: Any, store: Tables, symbol: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(bids, asks) as (price, total), best first."""
    sides: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    with txn.cursor(db=store.db("levels")) as cursor:
        found = cursor.set_range(encode_key(symbol, 0, 0))
        while found:
            key_symbol, side, price = struct.unpack(">QQQ", cursor.key())
            if key_symbol != symbol:
                break
            sides[side].append((price, int.from_bytes(cursor.value(), "big")))
            found = cursor.next()
    sides[0].reverse()
    return sides


def last_rows(txn: Any, db: Any, prefix: bytes, most: int) -> list[tuple[bytes, bytes]]:
    """The last `most` (key, value) whose key begins with `prefix`, oldest first."""
    rows: list[tuple[bytes, bytes]] = []
    with txn.cursor(db=db) as cursor:
        after = (int.from_bytes(prefix, "big") + 1).to_bytes(len(prefix), "big")
        found = cursor.prev() if cursor.set_range(after) else cursor.last()
        while found and cursor.key()[: len(prefix)] == prefix and len(rows) < most:
            rows.append((bytes(cursor.key()), bytes(cursor.value())))
            found = cursor.prev()
    rows.reverse()
    return rows


def record_of(txn: Any, store: Tables, table: str, symbol: int) -> np.void | None:
    """A symbol's latest TICKER ("tickers") or STATUS ("status") record."""
    row = txn.get(encode_key(symbol), db=store.db(table))
    return None if row is None else np.frombuffer(bytes(row), MARKET)[0]


def open_tables(view: Store | StoreView) -> None:
    """Open every handle before a snapshot begins."""
    for table in TABLES:
        view.db(table)


assert len(SECONDS) < 256
