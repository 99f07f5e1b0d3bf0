"""One symbol's book out of the public feed, whoever reads the sockets.

Subscribe first, take a snapshot, drop what is not newer, apply the rest. A message is missing when its `prev` is beyond
the last sequence seen on the topic, or when a heartbeat names a later one: then a new snapshot.
"""

import json
from typing import Any

HEARTBEAT = "hb/"


class FeedError(Exception):
    """The service answered with an error, or not at all."""


class Book:
    """bids, asks: {price text: qty text}. seq: up to which event it is right, in the history `epoch`.

    snapshots: how many were taken.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.topic = f"depth/{symbol}/"
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.epoch = self.seq = self.snapshots = 0

    def begin(self, snapshot: dict[str, Any]) -> None:
        """Take a snapshot in place of all that is known."""
        self.epoch, self.seq = snapshot["epoch"], snapshot["seq"]
        self.bids, self.asks = dict(snapshot["bids"]), dict(snapshot["asks"])
        self.snapshots += 1

    def take(self, topic: str, message: dict[str, Any]) -> bool:
        """Act on one message of the feed; False where something is missing and a snapshot has to be taken."""
        if message["epoch"] != self.epoch:
            return False
        if topic == HEARTBEAT:
            return bool(message["topics"].get(self.topic, 0) <= self.seq)
        if topic != self.topic or message["seq"] <= self.seq:
            return True
        if message["prev"] > self.seq:
            return False
        for side, levels in ((self.bids, message["bids"]), (self.asks, message["asks"])):
            for price, qty in levels:
                if qty == "0":
                    side.pop(price, None)
                else:
                    side[price] = qty
        self.seq = message["seq"]
        return True


def answer_of(frame: bytes) -> dict[str, Any]:
    """What the snapshot and replay service answered. Raises FeedError."""
    answer: dict[str, Any] = json.loads(frame)
    if "error" in answer:
        raise FeedError(answer["error"])
    return answer
