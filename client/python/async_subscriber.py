"""The same as `client.python.subscriber` for asyncio: a symbol's book, right whatever was missed."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import zmq
import zmq.asyncio

from client.python.book import HEARTBEAT, Book, FeedError, answer_of
from client.python.credentials import NONE, Credentials


class AsyncBookSubscriber:
    """`async with AsyncBookSubscriber("BTC-USDT") as subscriber: async for book in subscriber: …`

    The book that the loop gives is the subscriber's own, `.book`, after each message of the feed that was taken; a
    heartbeat is one, so there is one at least every second. Not for use by several tasks.
    """

    def __init__(
        self,
        symbol: str,
        port_base: int = 5550,
        host: str = "127.0.0.1",
        timeout_s: float = 2.0,
        credentials: Credentials = NONE,
    ) -> None:
        self.book = Book(symbol)
        self._timeout_s = timeout_s
        self._credentials = credentials
        self._addresses = f"tcp://{host}:{port_base + 1}", f"tcp://{host}:{port_base + 3}"
        self._zmq = zmq.asyncio.Context()
        self._feed = self._socket(zmq.SUB)

    def _socket(self, kind: int) -> Any:
        socket = self._zmq.socket(kind)
        socket.set(zmq.LINGER, 0)
        self._credentials.secure(socket)
        return socket

    async def __aenter__(self) -> Self:
        """Subscribe, then take the first snapshot. Raises FeedError."""
        self._feed.connect(self._addresses[0])
        self._feed.subscribe(self.book.topic)
        self._feed.subscribe(HEARTBEAT)
        try:
            await self.recover()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def request(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One question to the snapshot and replay service. Raises FeedError."""
        with self._socket(zmq.DEALER) as service:
            service.connect(self._addresses[1])
            await service.send(json.dumps(asked).encode())
            try:
                frame = await asyncio.wait_for(service.recv(), self._timeout_s)
            except TimeoutError:
                raise FeedError(f"no answer from {self._addresses[1]} within {self._timeout_s:g} s") from None
        return answer_of(frame)

    async def recover(self) -> None:
        """Begin anew from a snapshot. Raises FeedError."""
        self.book.begin(await self.request({"op": "snapshot", "symbol": self.book.symbol}))

    async def replay(self, topic: str, first: int, last: int) -> AsyncIterator[dict[str, Any]]:
        """A topic's messages with first <= seq <= last, page by page. Raises FeedError."""
        start: int | None = first
        while start is not None:
            page = await self.request({"op": "replay", "topic": topic, "from": start, "to": last})
            for message in page["messages"]:
                yield message
            start = page["next"]

    async def __aiter__(self) -> AsyncIterator[Book]:
        while True:
            topic, body = await self._feed.recv_multipart()
            if not self.book.take(topic.decode(), json.loads(body)):
                await self.recover()
            yield self.book

    def close(self) -> None:
        """Close the sockets. Twice is harmless."""
        self._zmq.destroy(linger=0)
