"""An event as a Kafka message, there and back: key, value (JSON, or the 128-byte record), headers."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from config.catalog import Catalog
from config.json_events import encode_all
from consumers.sinks.columns import rows
from consumers.sinks.kafka_producer import Headers
from consumers.sinks.kafka_topic import EPOCH, RESENT, SCHEMA, SEQ, Record
from consumers.sinks.target import TRADES, Batch, Row, TargetRefused
from ringbuf.codes import EventType
from ringbuf.records import EVENT, RECORD_SIZE, SCHEMA_HASH

JSON_BEGINS = b'{"seq":'  # no record does: its first eight bytes are a sequence
TAKEN = 4096  # messages that are decoded together
_OF_ASSETS = (EventType.DEPOSITED, EventType.WITHDRAWN, EventType.LISTED_ASSET, EventType.DELISTED_ASSET)
_OF_TRADES = (EventType.TRADE, EventType.BUSTED)


def values(batch: Batch, binary: bool) -> list[bytes]:
    """The value of each event."""
    if not binary:
        return [orjson.dumps(fields) for fields in batch.fields]
    raw = batch.events.tobytes()
    return [raw[at : at + RECORD_SIZE] for at in range(0, len(raw), RECORD_SIZE)]


def keys(batch: Batch) -> list[bytes]:
    """The key of each event: its symbol or its asset's name, empty where it has neither."""
    symbols = [instrument.symbol.encode() for instrument in batch.catalog.instruments]
    names = [*symbols, *(asset.name.encode() for asset in batch.catalog.assets), b""]
    ids = batch.events["symbol"].astype(np.int64)
    of_assets = np.isin(batch.events["type"], _OF_ASSETS)
    count = np.where(of_assets, len(batch.catalog.assets), len(symbols))
    places = np.where(ids < count, ids + of_assets * len(symbols), len(names) - 1)
    return [names[place] for place in places.tolist()]


def in_trades(events: NDArray[np.void]) -> list[int]:
    """Places of the events that stand in the topic of trades, too: trades, and what took one back."""
    return np.flatnonzero(np.isin(events["type"], _OF_TRADES)).tolist()


def headers(epoch: int, resent: bool) -> Headers:
    """Those of every message; the sequence is put in for each."""
    of_all: Headers = {SEQ: b"", EPOCH: b"%d" % epoch, SCHEMA: b"%d" % SCHEMA_HASH}
    return of_all | {RESENT: b"1"} if resent else of_all


def rows_of(table: str, records: Iterable[Record], catalog: Catalog) -> Iterator[Row]:
    """The rows of a table that messages hold."""
    records = iter(records)
    while taken := list(islice(records, TAKEN)):
        fields = _decoded([record.value for record in taken], catalog)
        yield from rows(table, (event for event in fields if table != TRADES or event["type"] == "trade"))


def _decoded(found: list[bytes], catalog: Catalog) -> Iterator[dict[str, Any]]:
    """The events' JSON form, in order. Both forms may stand in one topic: the configuration may have changed."""
    binary = [value for value in found if not value.startswith(JSON_BEGINS)]
    if any(len(value) != RECORD_SIZE for value in binary):
        raise TargetRefused(f"expected values that are JSON or records of {RECORD_SIZE} bytes")
    decoded = iter(encode_all(np.frombuffer(b"".join(binary), EVENT), catalog) if binary else ())
    for value in found:
        yield orjson.loads(value) if value.startswith(JSON_BEGINS) else next(decoded)
