"""A subscriber of the whole public feed under faults: every message as it came, and what replay makes of the gaps."""

import threading
import time
from typing import Any, NamedTuple

import orjson
import zmq

from client.python.subscriber import BookSubscriber, FeedError
from ops.run_file import PORTS

PREFIXES = ("trade/", "depth/", "bbo/", "status/", "hb/")
HEARTBEATS = "hb/"
QUEUE = 1_000_000
WAIT_MS = 50
PATIENCE_S = 60.0
ASK_MS = 5_000


class Message(NamedTuple):
    """One message of the feed. `replayed`: it was asked for, not pushed."""

    topic: str
    seq: int
    prev: int
    body: dict[str, Any]
    replayed: bool = False


class Listener(threading.Thread):
    """Records (monotonic s, topic, payload) of all that is pushed, until `let_go`."""

    def __init__(self, port_base: int) -> None:
        super().__init__(name="listener", daemon=True)
        self._base = port_base
        self.heard: list[tuple[float, bytes, bytes]] = []
        self.let_go = threading.Event()
        self.failed: BaseException | None = None

    def run(self) -> None:
        """Until let go."""
        context = zmq.Context()
        try:
            feed = context.socket(zmq.SUB)
            feed.set(zmq.RCVHWM, QUEUE)
            feed.set(zmq.RECONNECT_IVL, 50)
            feed.connect(f"tcp://127.0.0.1:{self._base + PORTS['feed_json']}")
            for prefix in PREFIXES:
                feed.subscribe(prefix)
            while not self.let_go.is_set():
                if feed.poll(WAIT_MS):
                    topic, body = feed.recv_multipart()
                    self.heard.append((time.monotonic(), topic, body))
        except BaseException as error:  # noqa: BLE001  shown by whoever waits for this thread
            self.failed = error
        finally:
            context.destroy(linger=0)

    def messages(self) -> list[Message]:
        """All that came so far, in order, heartbeats too."""
        found = []
        for _, topic, content in self.heard[:]:
            body = orjson.loads(content)
            found.append(Message(topic.decode(), body["seq"], body.get("prev", 0), body))
        return found


def gaps(messages: list[Message]) -> list[tuple[str, int, int]]:
    """(topic, from, to) of what was not pushed, as a subscriber notices it: by `prev`, or by a heartbeat at the end."""
    last: dict[str, int] = {}
    ends: dict[str, int] = {}
    found = []
    for message in messages:
        if message.topic == HEARTBEATS:
            for topic, seq in message.body["topics"].items():
                ends[topic] = max(seq, ends.get(topic, 0))
            continue
        seen = last.get(message.topic, 0)
        if message.prev > seen:
            found.append((message.topic, seen + 1, message.prev))
        last[message.topic] = max(seen, message.seq)
    for topic, seq in sorted(ends.items()):
        if topic.startswith(PREFIXES) and seq > last.get(topic, 0):
            found.append((topic, last.get(topic, 0) + 1, seq))
    return found


def whole_feed(messages: list[Message], port_base: int, symbol: str) -> list[Message]:
    """What was pushed and, before what follows it, what replay gave for each gap. Raises FeedError."""
    filled: dict[str, list[list[Message]]] = {}
    missing = gaps(messages)
    if missing:
        asking = _client(port_base, symbol)
        try:
            for topic, first, last in missing:
                said = [Message(topic, m["seq"], m["prev"], m, True) for m in asking.replay(topic, first, last)]
                filled.setdefault(topic, []).append(said)
        finally:
            asking.close()
    found: list[Message] = []
    last_seq: dict[str, int] = {}
    for message in messages:
        if message.topic == HEARTBEATS:
            continue
        if message.prev > last_seq.get(message.topic, 0):
            found += filled[message.topic].pop(0)
        found.append(message)
        last_seq[message.topic] = max(last_seq.get(message.topic, 0), message.seq)
    for rest in filled.values():
        found += [message for part in rest for message in part]
    return found


def _client(port_base: int, symbol: str) -> BookSubscriber:
    """The product's own subscriber, to ask with; it waits for a publisher that is just being restarted."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return BookSubscriber(symbol, port_base, timeout_ms=ASK_MS)
        except FeedError:
            if time.monotonic() > deadline:
                raise
