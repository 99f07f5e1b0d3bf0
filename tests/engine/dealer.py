"""A bare client of order entry, for tests: frames go and come as they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import orjson
import zmq

from ringbuf.codes import NO_ACCOUNT, NO_ID, Op
from ringbuf.records import COMMAND
from tests.pipeline import Pipeline

PATIENCE_MS = 20_000
_account = iter(range(100, 10_000))


class Client:
    """A DEALER."""

    def __init__(self, endpoint: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint)
        self._got: list[bytes] = []

    def send(self, *frames: Any) -> None:
        self._socket.send_multipart([f if isinstance(f, bytes) else orjson.dumps(f) for f in frames])

    def hears(self, wait_ms: int) -> bool:
        """Whether something comes within that time."""
        return bool(self._got) or self._socket.poll(wait_ms) != 0

    def frame(self) -> bytes:
        if not self._got:
            assert self.hears(PATIENCE_MS), "no answer"
            self._got = self._socket.recv_multipart()
        return self._got.pop(0)

    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.frame())
        return found

    def ask(self, *frames: Any) -> dict[str, Any]:
        self.send(*frames)
        return self.answer()

    def is_silent(self) -> bool:
        """Nothing has come beyond the answer to a last, harmless question."""
        self.send({"op": "hello"})
        return self.answer().get("op") == "hello" and not self._got

    def is_silent_stranger(self) -> bool:
        """The same of a client that has not said hello with a key."""
        self.send({"op": "hello"})
        return "error" in self.answer() and not self._got

    def close(self) -> None:
        self._socket.close()
        self._context.term()


@contextmanager
def client_of(running: Pipeline) -> Iterator[Client]:
    client = Client(running.endpoint)
    try:
        yield client
    finally:
        client.close()


def new_account() -> int:
    """One that no other test has."""
    return next(_account)


def funded(client: Client, asset: str = "USDT") -> int:
    """A new account with 100 000 of an asset."""
    account = new_account()
    answer = client.ask({"op": "deposit", "account": account, "asset": asset, "amount": "100000", "client_id": 1})
    assert answer["type"] == "deposited"
    return account


def place(account: int, client_id: int, side: str, price: str, qty: str = "1", symbol: str = "BTC-USDT") -> Any:
    """A limit order."""
    terms = {"side": side, "type": "limit", "price": price, "qty": qty}
    return {"op": "place", "account": account, "client_id": client_id, "symbol": symbol, **terms}


def times(number: int) -> np.ndarray:
    """So many records that need no account and fill a lane."""
    commands = np.zeros(number, COMMAND)
    commands["op"], commands["client_id"], commands["account"] = Op.TIME, NO_ID, NO_ACCOUNT
    return commands
