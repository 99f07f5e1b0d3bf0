"""A subscriber of the public feed beside the demo: what step 5 really sent is what somebody else received."""

import threading
import time
from typing import Any

import numpy as np
import orjson
import zmq
from numpy.typing import NDArray

POLL_MS = 50
HEARTBEAT = b"hb/"


class Listener:
    """Receives every topic on a thread of its own from `start` to `stop`.

    messages: how many came, heartbeats left out. topics: how many different ones. missing: how often a message's
    `prev` was not the last `seq` of its topic. seq: up to which event the feed is known to be complete.
    """

    def __init__(self, host: str, port: int) -> None:
        self.messages = self.missing = self.seq = 0
        self._address = f"tcp://{host}:{port}"
        self._last: dict[bytes, int] = {}
        self._seen: list[tuple[int, int]] = []  # (sequence, wall clock in ns when it came)
        self._must_stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)

    @property
    def topics(self) -> int:
        """How many topics had a message."""
        return len(self._last)

    def start(self) -> None:
        """Connect and begin."""
        self._thread.start()

    def wait_for(self, seq: int, seconds: float) -> bool:
        """Until a heartbeat says that all up to `seq` has been sent; False when the time is up."""
        deadline = time.monotonic() + seconds
        while self.seq < seq and time.monotonic() < deadline:
            time.sleep(POLL_MS / 1000)
        return self.seq >= seq

    def stop(self) -> None:
        """End the thread."""
        self._must_stop.set()
        self._thread.join()

    def arrivals(self) -> NDArray[np.int64]:
        """[n, 2]: sequence, wall clock in ns at which the subscriber had it."""
        return np.array(self._seen, np.int64).reshape(-1, 2)

    def _listen(self) -> None:
        context = zmq.Context()
        socket = context.socket(zmq.SUB)
        socket.set(zmq.RCVHWM, 0)
        socket.set(zmq.LINGER, 0)
        socket.connect(self._address)
        socket.subscribe(b"")
        while not self._must_stop.is_set():
            if socket.poll(POLL_MS):
                topic, body = socket.recv_multipart()
                self._take(topic, orjson.loads(body), time.time_ns())
        context.destroy(linger=0)

    def _take(self, topic: bytes, message: dict[str, Any], now_ns: int) -> None:
        if topic == HEARTBEAT:
            self.missing += sum(
                1 for name, seq in message["topics"].items() if seq > self._last.get(name.encode(), seq)
            )
            self.seq = message["seq"]
            return
        self.messages += 1
        before = self._last.get(topic)
        self.missing += before is not None and message["prev"] != before
        self._last[topic] = message["seq"]
        self._seen.append((message["seq"], now_ns))
