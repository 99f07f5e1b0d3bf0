"""A public feed subscriber that keeps one symbol's book right, whatever it misses. Not thread-safe."""

import json
import time
from typing import Any

import zmq

from client.python.book import HEARTBEAT, Book, FeedError, answer_of
from client.python.credentials import Credentials

__all__ = ["BookSubscriber", "FeedError"]


class BookSubscriber(Book):
    """The book of `symbol` from the pipeline at `host` and `port_base`.

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
        super().__init__(symbol)
        self._credentials = Credentials(curve=keys)
        self._timeout_ms = timeout_ms
        self._address = f"tcp://{host}:{port_base + 3}"
        self._zmq = zmq.Context()
        self._feed = self._socket(zmq.SUB)
        self._feed.connect(f"tcp://{host}:{port_base + 1}")
        self._feed.subscribe(self.topic)
        self._feed.subscribe(HEARTBEAT)
        self.recover()

    def _socket(self, kind: int) -> Any:
        socket = self._zmq.socket(kind)
        self._credentials.secure(socket)
        return socket

    def request(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One question to the snapshot and replay service. Raises FeedError."""
        with self._socket(zmq.DEALER) as service:
            service.set(zmq.LINGER, 0)
            service.connect(self._address)
            service.send(json.dumps(asked).encode())
            if not service.poll(self._timeout_ms):
                raise FeedError(f"no answer from {self._address} within {self._timeout_ms} ms")
            return answer_of(service.recv())

    def recover(self) -> None:
        """Begin anew from a snapshot."""
        self.begin(self.request({"op": "snapshot", "symbol": self.symbol}))

    def replay(self, topic: str, first: int, last: int) -> list[dict[str, Any]]:
        """A topic's messages with first <= seq <= last, page by page. Raises FeedError."""
        messages: list[dict[str, Any]] = []
        start: int | None = first
        while start is not None:
            page = self.request({"op": "replay", "topic": topic, "from": start, "to": last})
            messages += page["messages"]
            start = page["next"]
        return messages

    def take(self, topic: str, message: dict[str, Any]) -> bool:
        """Act on one message of the feed, with a new snapshot where something is missing; True."""
        if not super().take(topic, message):
            self.recover()
        return True

    def poll_one(self, seconds: float) -> bool:
        """Take the next message, waiting for it at most so long; whether one has come."""
        if not self._feed.poll(int(seconds * 1000)):
            return False
        topic, body = self._feed.recv_multipart()
        self.take(topic.decode(), json.loads(body))
        return True

    def poll(self, seconds: float) -> int:
        """Take what comes within `seconds`; how many messages."""
        count = 0
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) >= 0.001 and self.poll_one(left):
            count += 1
        return count

    def close(self) -> None:
        """Close the sockets."""
        self._zmq.destroy(linger=0)
