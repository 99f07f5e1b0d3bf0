"""Orders over ZeroMQ for asyncio: ask with commands, get the events that answer them; fills come beside."""

import asyncio
import contextlib
from collections import deque
from types import TracebackType
from typing import Any, Self

import numpy as np
import zmq
import zmq.asyncio

from client.python.credentials import NONE, Credentials
from client.python.entry_protocol import HELLO_S, PING, EntryRefused, EntrySession, NoAnswer
from ringbuf.codes import FLAG_LAST
from ringbuf.records import COMMAND

PROBE_S = 1.0

__all__ = ["AsyncEntryClient", "EntryRefused", "NoAnswer"]


class _Asked:
    """Commands under way: `open` of them are neither answered by the engine nor refused by entry."""

    def __init__(self, commands: np.ndarray) -> None:
        self.open = len(commands)
        self.ids = list(zip(commands["account"].tolist(), commands["client_id"].tolist(), strict=True))
        self.events: list[np.ndarray] = []
        self.done: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()

    def take(self, event: np.ndarray, ends: bool) -> None:
        self.events.append(event)
        self.open -= ends
        if not self.open and not self.done.done():
            self.done.set_result(np.concatenate(self.events))


class AsyncEntryClient:
    """One connection to order entry: `async with AsyncEntryClient(endpoint) as client: await client.ask(commands)`.

    `others`: events that answer no command of this session but touch its orders, such as fills; a queue of EVENT
    records of shape (1,). `guard`, `credentials`: as EntryClient has them; with a guard, pings go by themselves.
    Raises NoAnswer and EntryRefused on entering. For use by the tasks of one loop.
    """

    def __init__(
        self,
        endpoint: str,
        wait_s: float = HELLO_S,
        guard: int | None = None,
        credentials: Credentials = NONE,
    ) -> None:
        self.others: asyncio.Queue[np.ndarray] = asyncio.Queue()
        self._talk = EntrySession(endpoint, guard, credentials)
        self._wait_s = wait_s
        self._zmq = zmq.asyncio.Context()
        self._socket: Any = self._zmq.socket(zmq.DEALER)
        self._asked: deque[_Asked] = deque()
        self._pings: deque[asyncio.Future[None]] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: Exception | None = None

    @property
    def session(self) -> int:
        """What the answers' `session` field holds."""
        return self._talk.session

    @property
    def notices(self) -> list[dict[str, Any]]:
        """What entry said beside events: why a text or record was malformed, `disconnected`."""
        return self._talk.notices

    async def __aenter__(self) -> Self:
        self._talk.prepare(self._socket)
        try:
            await asyncio.wait_for(self._greet(), self._wait_s)
        except TimeoutError:
            self._zmq.destroy(linger=0)
            raise NoAnswer(f"{self._talk.endpoint}: no answer to hello within {self._wait_s:g} s") from None
        except BaseException:
            self._zmq.destroy(linger=0)
            raise
        self._tasks.append(asyncio.create_task(self._read()))
        self._tasks.append(asyncio.create_task(self._keep_alive()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._fail(NoAnswer(f"{self._talk.endpoint}: closed before it answered"))
        self._zmq.destroy(linger=0)

    async def ask(self, commands: np.ndarray) -> np.ndarray:
        """Send COMMAND records as one message; the events (EVENT) that answer them, once all are answered.

        One of sequence 0 is entry's own refusal (`overloaded`, `storage_full`: ask again; `not_permitted`: for good).
        Raises NoAnswer where entry was restarted meanwhile (whether it took them is not known), EntryRefused where the
        key was revoked; use asyncio.timeout for how long to wait.
        """
        if self._failed is not None:
            raise self._failed
        asked = _Asked(commands.view(COMMAND))
        if not asked.open:
            raise ValueError("commands: expected one at least")
        # In the queue before anything is awaited: answers are told apart by the order of what was sent.
        self._asked.append(asked)
        frames = [self._talk.stamped(commands)]
        if self._talk.must_greet:
            self._talk.must_greet = False
            frames.insert(0, self._talk.hello())
        await self._socket.send_multipart(frames)
        return await asyncio.shield(asked.done)

    async def ping(self) -> None:
        """Be heard, and hear from entry: what was asked before is taken or refused then. Raises as `ask`."""
        if self._failed is not None:
            raise self._failed
        await asyncio.shield(await self._send_ping())

    async def _send_ping(self) -> asyncio.Future[None]:
        """Done when it is answered."""
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pings.append(heard)
        await self._socket.send(PING)
        return heard

    async def _greet(self) -> None:
        await self._socket.send(self._talk.hello())
        found = None
        while found is None:
            self._take(self._talk.read(await self._socket.recv_multipart()))
            found = self._talk.answered()
        self._talk.session = found

    async def _read(self) -> None:
        """Everything that comes, until the client is closed or entry is another one."""
        try:
            while self._failed is None:
                self._take(self._talk.read(await self._socket.recv_multipart()))
                for pong in [notice for notice in self.notices if notice.get("op") == "pong"]:
                    self.notices.remove(pong)
                    _settle(self._pings.popleft())
                answered = self._talk.answered()
                if answered is not None and answered != self.session:
                    self._fail(NoAnswer(f"{self._talk.endpoint}: order entry was restarted"))
        except EntryRefused as error:
            self._fail(error)

    async def _keep_alive(self) -> None:
        """Be heard where there is a guard, and ask whether entry still knows this session while it owes answers."""
        while self._failed is None:
            await asyncio.sleep(min(self._talk.silent_s / 4 or PROBE_S, PROBE_S))
            if self._asked:
                await self._socket.send(self._talk.hello())
            elif self._talk.silent_s:
                await self._send_ping()

    def _take(self, events: np.ndarray) -> None:
        for at in range(len(events)):
            event = events[at : at + 1]
            asked = self._asked_by(event)
            if asked is None:
                self.others.put_nowait(event)
                continue
            asked.take(event, bool(event["flags"][0] & FLAG_LAST))
        while self._asked and not self._asked[0].open:
            self._asked.popleft()

    def _asked_by(self, event: np.ndarray) -> _Asked | None:
        """The commands that it answers: what entry refuses overtakes, all else comes in the order of the commands."""
        if int(event["session"][0]) != self.session:
            return None
        waiting = (asked for asked in self._asked if asked.open)
        if event["seq"][0]:
            return next(waiting, None)
        named = int(event["account"][0]), int(event["client_id"][0])
        return next((asked for asked in waiting if named in asked.ids), None)

    def _fail(self, error: Exception) -> None:
        """Nothing under way will be answered, and nothing more is sent."""
        self._failed = self._failed or error
        waiting: list[asyncio.Future[Any]] = [*(asked.done for asked in self._asked), *self._pings]
        for each in waiting:
            if not each.done():
                each.set_exception(error)
                each.exception()  # who no longer waits for it need not be warned of it
        self._asked.clear()
        self._pings.clear()


def _settle(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
