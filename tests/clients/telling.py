"""What a driver uses in its client's environment, without any package: what it was given, and what it tells.

A driver reads one JSON object from its first argument (what `Told` has) and prints one JSON object a line: what it
wants of the test (`want`), at the end what it called and got (`calls`).
"""

import asyncio
import json
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 60.0


@dataclass
class Told:
    """Each call by a name: what it was given back, or what was raised.

    wss_port, certificate: of a TLS front, for who takes `wss://` only.
    """

    port: int
    key: str
    secret: str
    wss_port: int = 0
    certificate: str = ""
    calls: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Of the gateway over HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """Of the gateway over WebSocket."""
        return f"ws://127.0.0.1:{self.port}"

    def call(self, name: str, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Call it and keep what it gives; None where it raises, which is kept, too."""
        try:
            self.calls[name] = function(*args, **more)
        except Exception:  # noqa: BLE001  whatever a client raises is what is to be told
            self._failed(name)
        return self.calls.get(name)

    async def await_call(self, name: str, waiting: Awaitable[Any], patience_s: float = PATIENCE_S) -> Any:
        """The same of an awaitable."""
        try:
            self.calls[name] = await asyncio.wait_for(waiting, patience_s)
        except Exception:  # noqa: BLE001  see call
            self._failed(name)
        return self.calls.get(name)

    def refused(self, name: str, function: Callable[..., Any], *args: Any, **more: Any) -> None:
        """Call what must be refused, and keep the error's class and text as what it gives."""
        try:
            self.errors[name] = f"not refused: {function(*args, **more)}"
        except Exception as error:  # noqa: BLE001  see call
            self.calls[name] = {"raised": type(error).__name__, "text": str(error)}

    def _failed(self, name: str) -> None:
        self.errors[name] = traceback.format_exc(limit=-4)[-1500:]

    def tell(self) -> None:
        """The last line."""
        print(json.dumps({"calls": self.calls, "errors": self.errors}, default=str), flush=True)


def told() -> Told:
    """What this driver was given."""
    return Told(**json.loads(sys.argv[1]))


def quiet_market() -> Any:
    """Ask for the flow to stop; the engine's book, once it has."""
    print(json.dumps({"want": "quiet"}), flush=True)
    return json.loads(sys.stdin.readline())


def until(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """What the condition gives once it is true."""
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {patience_s:g} s: {what}")
        time.sleep(0.02)
    return found


async def async_until(condition: Callable[[], Any], what: str) -> Any:
    """The same in a loop."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_S:g} s: {what}")
        await asyncio.sleep(0.02)
    return found
