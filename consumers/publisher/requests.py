"""What the ROUTER answers: snapshot, replay, symbols. Whatever comes in, one answer goes out, nothing else happens."""

from pathlib import Path
from typing import Any

import orjson

from config.catalog import Catalog
from consumers.marketdata.store import (
    NAME,
    auction_of,
    levels_of,
    messages_between,
    open_tables,
    record_of,
    store_folder,
)
from consumers.publisher.payloads import auction_json, parse_topic, payload, state_word, ticker_json
from consumers.store import StoreView
from consumers.stored import read_catalog

PAGE = 1000  # messages of one replay answer
MAX_REQUEST = 4096  # bytes
MAX_SEQ = 2**63 - 1


class RequestError(Exception):
    """What is wrong with a request; the message is the answer."""


class Answers:
    """Answers from the market data's store, each from one commit."""

    def __init__(self, data: Path, epoch: int) -> None:
        self.epoch = epoch
        self.view = StoreView(store_folder(data))
        open_tables(self.view)

    def answer(self, frames: list[bytes]) -> bytes:
        """The answering frame to a request's frames (without the identity)."""
        try:
            return orjson.dumps(self._answer(frames))
        except RequestError as error:
            return orjson.dumps({"error": str(error)})

    def _answer(self, frames: list[bytes]) -> dict[str, Any]:
        if len(frames) != 1 or len(frames[0]) > MAX_REQUEST:
            raise RequestError(f"frames: expected one of at most {MAX_REQUEST} bytes")
        try:
            asked = orjson.loads(frames[0])
        except orjson.JSONDecodeError:
            raise RequestError("frame: expected one JSON object") from None
        if not isinstance(asked, dict):
            raise RequestError("frame: expected one JSON object")
        op = asked.get("op")
        if op not in ("snapshot", "replay", "symbols"):
            raise RequestError("op: expected snapshot, replay or symbols")
        with self.view.snapshot() as txn:
            catalog = read_catalog(txn, self.view)
            if op == "symbols":
                rows = [{"id": each.id, **each.to_dict()} for each in catalog.instruments if each.listed]
                return {"epoch": self.epoch, "instruments": rows}
            return self._snapshot(txn, catalog, asked) if op == "snapshot" else self._replay(txn, catalog, asked)

    def _snapshot(self, txn: Any, catalog: Catalog, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked.get("symbol")
        instrument = catalog.find_instrument(name) if isinstance(name, str) else None
        if instrument is None:
            raise RequestError("symbol: expected a listed symbol")
        bids, asks = (
            [[instrument.price_text(price), instrument.qty_text(total)] for price, total in side]
            for side in levels_of(txn, self.view, instrument.id)
        )
        row = record_of(txn, self.view, "tickers", instrument.id)
        ticker = None if row is None else ticker_json(row, instrument)
        status = record_of(txn, self.view, "status", instrument.id)
        auction = auction_of(txn, self.view, status)
        return {
            "epoch": self.epoch,
            "seq": self.view.cursor(txn)[1],
            "symbol": instrument.symbol,
            "bids": bids,
            "asks": asks,
            "last": None if ticker is None else ticker["last"],
            "ticker": ticker,
            "status": state_word(status),
            "auction": None if auction is None else auction_json(auction, instrument),
        }

    def _replay(self, txn: Any, catalog: Catalog, asked: dict[str, Any]) -> dict[str, Any]:
        text = asked.get("topic")
        topic = parse_topic(text, catalog) if isinstance(text, str) else None
        if topic is None:
            raise RequestError("topic: expected one such as trade/SYMBOL/ or candle/SYMBOL/1m/")
        first, last = asked.get("from"), asked.get("to")
        for field, value in (("from", first), ("to", last)):
            if type(value) is not int or not 0 <= value <= MAX_SEQ:
                raise RequestError(f"{field}: expected a sequence, 0 to {MAX_SEQ}")
        assert isinstance(first, int) and isinstance(last, int)
        messages: list[dict[str, Any]] = []
        for message in messages_between(txn, self.view, topic, first, last):
            if len(messages) == PAGE:
                return {"messages": messages, "next": int(message["seq"][0])}
            messages.append(payload(message, self.epoch, catalog))
            if len(messages) == 1 and messages[0]["prev"] >= max(first, 1) and self._is_gone(txn, topic, messages[0]):
                raise RequestError(f"from: messages before {messages[0]['seq']} are no longer kept, take a snapshot")
        return {"messages": messages, "next": None}

    def _is_gone(self, txn: Any, topic: tuple[int, int, int], message: dict[str, Any]) -> bool:
        """Whether the message before this one has been dropped from the feed log."""
        return next(messages_between(txn, self.view, topic, message["prev"], message["prev"]), None) is None

    def catalog(self) -> Catalog:
        """Everything listed up to now."""
        with self.view.snapshot() as txn:
            return read_catalog(txn, self.view)

    def close(self) -> None:
        """Close the view."""
        self.view.close()


__all__ = ["NAME", "PAGE", "Answers", "RequestError"]
