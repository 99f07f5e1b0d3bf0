"""A public feed subscriber that keeps one symbol's book right, whatever it misses.

Subscribe first, take a snapshot, drop what is not newer, apply the rest. A message is missing when its `prev` is beyond
the last sequence seen on the topic, or when a heartbeat names a later one: then a new snapshot. Not thread-safe.
"""

import json
import time
from typing import Any

import zmq


class FeedError(Exception):
    """The service answered with an error, or not at all."""


class BookSubscriber:
    """The book of `symbol` from the pipeline at `host` and `port_base`.

    bids, asks: {price text: qty text}. seq: up to which event the book is right. snapshots: how many were needed.
    keys: from another host, (the server's public key, one's own public key, one's own secret key), 40 characters each.
    """

    def __init__(
        self,
        symbol: str,
        port_base: int = 5550,
        host: str = "127.0.0.1",
        timeout_ms: int = 2000,
        keys: tuple[bytes, bytes, bytes] | None = None,
    ) -> None:
        self.symbol = symbol
        self._keys = keys
        self.topic = f"depth/{symbol}/"
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.epoch = self.seq = self.snapshots = 0
        self._timeout_ms = timeout_ms
        self._address = f"tcp://{host}:{port_base + 3}"
        self._zmq = zmq.Context()
        self._feed = self._socket(zmq.SUB)
        self._feed.connect(f"tcp://{host}:{port_base + 1}")
        self._feed.subscribe(self.topic)
        self._feed.subscribe("hb/")
        self.recover()

    def _socket(self, kind: int) -> Any:
        socket = self._zmq.socket(kind)
        if self._keys is not None:
            server, public, secret = self._keys
            socket.set(zmq.CURVE_SERVERKEY, server)
            socket.set(zmq.CURVE_PUBLICKEY, public)
            socket.set(zmq.CURVE_SECRETKEY, secret)
        return socket

    def request(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One question to the snapshot and replay service. Raises FeedError."""
        with self._socket(zmq.DEALER) as service:
            service.set(zmq.LINGER, 0)
            service.connect(self._address)
            service.send(json.dumps(asked).encode())
            if not service.poll(self._timeout_ms):
                raise FeedError(f"no answer from {self._address} within {self._timeout_ms} ms")
            answer: dict[str, Any] = json.loads(service.recv())
        if "error" in answer:
            raise FeedError(answer["error"])
        return answer

    def recover(self) -> None:
        """Begin anew from a snapshot."""
        found = self.request({"op": "snapshot", "symbol": self.symbol})
        self.epoch, self.seq = found["epoch"], found["seq"]
        self.bids, self.asks = dict(found["bids"]), dict(found["asks"])
        self.snapshots += 1

    def replay(self, topic: str, first: int, last: int) -> list[dict[str, Any]]:
        """A topic's messages with first <= seq <= last, page by page. Raises FeedError."""
        messages: list[dict[str, Any]] = []
        start: int | None = first
        while start is not None:
            page = self.request({"op": "replay", "topic": topic, "from": start, "to": last})
            messages += page["messages"]
            start = page["next"]
        return messages

    def take(self, topic: str, message: dict[str, Any]) -> None:
        """Act on one message of the feed."""
        if message["epoch"] != self.epoch:
            self.recover()
        elif topic == "hb/":
            if message["topics"].get(self.topic, 0) > self.seq:
                self.recover()
        elif message["seq"] > self.seq:
            if message["prev"] > self.seq:
                self.recover()
                return
            for side, levels in ((self.bids, message["bids"]), (self.asks, message["asks"])):
                for price, qty in levels:
                    if qty == "0":
                        side.pop(price, None)
                    else:
                        side[price] = qty
            self.seq = message["seq"]

    def poll(self, seconds: float) -> int:
        """Take what comes within `seconds`; how many messages."""
        count = 0
        deadline = time.monotonic() + seconds
        while (left_ms := int((deadline - time.monotonic()) * 1000)) > 0 and self._feed.poll(left_ms):
            topic, body = self._feed.recv_multipart()
            self.take(topic.decode(), json.loads(body))
            count += 1
        return count

    def close(self) -> None:
        """Close the sockets."""
        self._zmq.destroy(linger=0)
