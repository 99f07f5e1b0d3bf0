"""Snapshots and replays of all shards, answered from the market data's store of the shard that a symbol is on."""

import re
from pathlib import Path
from typing import Any

import lmdb
import orjson

from consumers.marketdata.store import store_folder
from consumers.publisher.requests import MAX_REQUEST, MAX_SEQ, Answers
from consumers.store import StoreError
from ops.shards.layout import Shards, renamed

_IN_WORDS = re.compile(r"(?<=messages before )\d+")


class ShardAnswers:
    """One shard's store, opened when first asked, and anew where it was made again."""

    def __init__(self, folder: Path, epoch: int) -> None:
        self._folder = folder
        self._epoch = epoch
        self._answers: Answers | None = None
        self._file = (0, 0)

    def open(self) -> Answers | None:
        """None where there is no store yet."""
        try:
            stat = (store_folder(self._folder) / "data.mdb").stat()
        except FileNotFoundError:
            return None
        if self._answers is None or self._file != (stat.st_dev, stat.st_ino):
            self.close()
            try:
                self._answers, self._file = Answers(self._folder, self._epoch), (stat.st_dev, stat.st_ino)
            except (StoreError, lmdb.Error):
                return None  # just being made
        return self._answers

    def close(self) -> None:
        """Close the store."""
        if self._answers is not None:
            self._answers.close()
            self._answers = None


class Replaying:
    """What the ROUTER on base+3 answers; all numbers are those of outside."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._stores = [ShardAnswers(folder, shards.epoch) for folder in shards.folders]
        self._shard_of: dict[str, int] = {}

    def answer(self, frames: list[bytes]) -> bytes:
        """The answering frame to a request's frames (without the identity)."""
        asked = _parsed(frames)
        if asked.get("op") == "symbols":
            return orjson.dumps(self._symbols())
        shard = self._where(_symbol_of(asked))
        answers = self._stores[shard].open()
        if answers is None:
            return orjson.dumps({"error": f"shard {shard} has no market data yet: try again"})
        if asked.get("op") == "replay":
            frames = [orjson.dumps(asked | self._within(asked, shard))]
        answer = renamed(orjson.loads(answers.answer(frames)), self._shards, shard)
        if isinstance(answer.get("next"), int):
            answer["next"] = self._shards.outside(answer["next"], shard)
        if "error" in answer:
            answer["error"] = _IN_WORDS.sub(
                lambda found: str(self._shards.outside(int(found[0]), shard)), answer["error"]
            )
        return orjson.dumps(answer)

    def _within(self, asked: dict[str, Any], shard: int) -> dict[str, int]:
        """The bounds of a replay in the shard's sequences: the least not before `from`, the greatest not after `to`."""
        bounds: dict[str, int] = {}
        first, last = asked.get("from"), asked.get("to")
        if type(first) is int and 0 <= first <= MAX_SEQ:
            bounds["from"] = max(-((shard - first) // self._shards.count), 0)
        if type(last) is int and 0 <= last <= MAX_SEQ:
            bounds["to"] = max((last - shard) // self._shards.count, 0)
        return bounds

    def _where(self, symbol: str) -> int:
        """The shard of a symbol; of one that nobody lists the first, which says so."""
        if symbol not in self._shard_of:
            for shard, store in enumerate(self._stores):
                answers = store.open()
                if answers is not None:
                    self._shard_of |= {one.symbol: shard for one in answers.catalog().instruments}
        return self._shard_of.get(symbol, 0)

    def _symbols(self) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        for shard, store in enumerate(self._stores):
            answers = store.open()
            if answers is not None:
                listed = (one for one in answers.catalog().instruments if one.listed)
                rows += [{"id": one.id * self._shards.count + shard, **one.to_dict()} for one in listed]
        return {"epoch": self._shards.epoch, "instruments": sorted(rows, key=lambda row: int(row["id"]))}

    def close(self) -> None:
        """Close the stores."""
        for store in self._stores:
            store.close()


def _parsed(frames: list[bytes]) -> dict[str, Any]:
    """The request; an empty one where it is none, which any shard answers with what is wrong."""
    if len(frames) != 1 or len(frames[0]) > MAX_REQUEST:
        return {}
    try:
        asked = orjson.loads(frames[0])
    except orjson.JSONDecodeError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _symbol_of(asked: dict[str, Any]) -> str:
    topic = asked.get("topic")
    if isinstance(topic, str) and topic.count("/") >= 2:
        return topic.split("/")[1]
    symbol = asked.get("symbol")
    return symbol if isinstance(symbol, str) else ""
