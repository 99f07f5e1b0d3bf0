"""Step 5 of nine: the market ring to ZeroMQ subscribers, JSON and binary, heartbeats, snapshot and replay.

Nothing that a subscriber does can hold this up: XPUB drops at its high-water mark, and who lost something sees it by
`prev` or by the heartbeat. Snapshots and replays come from the market data's store, which is never behind the ring.

It has no state of its own. `prev` stands in the records, so a restart goes on in the chain: from its cursor on the
market ring, or, where that has moved on too far, from the feed log. Its cursor on the event ring says up to which
event everything has been sent.
"""

import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import lmdb
import numpy as np
import orjson
import zmq

from config.catalog import Catalog
from config.curve import CurveError, CurveServer, needs_curve
from consumers.journal.checks import fill_checksums
from consumers.marketdata.store import feed_after, last_mseq, last_of_topics, store_folder
from consumers.publisher.payloads import DEPTH, Topic, merge_depth, messages_of, payload, topic_name, topic_of
from consumers.publisher.requests import Answers
from consumers.runtime import CHECK_NS, attach_ring
from consumers.store import StoreError
from ringbuf.cursor import CursorSource, CursorState
from ringbuf.reader import Ahead, Lapped, RingReader
from ringbuf.records import MARKET
from ringbuf.shm import SegmentError
from ringbuf.wait import Waiter

log = logging.getLogger(__name__)

NAME = "publisher"
BATCH = 2048
MERGE_FROM = 512  # records in a batch from which on it counts as behind
HEARTBEAT_NS = 500_000_000
HEARTBEAT_TOPIC = b"hb/"
IDLE_NS = 20_000_000  # a request waits so long at most
SEND_HWM = 20_000
START_SECONDS = 10


class Publisher:
    """Sockets, reader, and what has been sent since the last heartbeat."""

    def __init__(self, context: Any) -> None:
        self.epoch = int(context.epoch)
        host = context.settings.ports.host
        self.events = attach_ring(context.name)
        self.progress = self.events.cursor(NAME)
        self.progress.beat(CursorState.STARTING, CursorSource.NONE)
        self.market = attach_ring(context.name, "market")
        self.answers = _open_answers(context.data, self.epoch)
        self.catalog: Catalog = self.answers.catalog()
        known = self.market.sequence_of(NAME) is not None
        self.cursor = self.market.cursor(NAME)
        if not known:  # nothing was sent to anybody: begin at the end
            with self.answers.view.snapshot() as txn:
                self.cursor.set(last_mseq(txn, self.answers.view))
        self.reader = RingReader(self.market, self.cursor)
        self.waiter = Waiter(context.settings.consumers.wait, self.market)
        self.names: dict[Topic, bytes] = {}
        self.last: dict[Topic, int] = {}  # sequence of each topic's last message
        self.changed: set[Topic] = set()  # since the heartbeat before, or unknown to a new subscriber
        self.seq = self.progress.sequence
        self.zmq = zmq.Context()
        self.curve = CurveServer(self.zmq, context.data) if needs_curve(host) else None
        self.json = self._bind(zmq.XPUB, host, context.port_base + 1)
        self.binary = self._bind(zmq.XPUB, host, context.port_base + 2)
        self.router = self._bind(zmq.ROUTER, host, context.port_base + 3)
        self.wanted: dict[Any, set[bytes]] = {self.json: set(), self.binary: set()}
        with self.answers.view.snapshot() as txn:
            self.last = last_of_topics(txn, self.answers.view, self.cursor.sequence)

    def _bind(self, kind: int, host: str, port: int) -> Any:
        socket = self.zmq.socket(kind)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.SNDHWM, SEND_HWM)
        socket.set(zmq.MAXMSGSIZE, 65536)  # of what comes in
        if kind == zmq.XPUB:
            socket.set(zmq.XPUB_VERBOSE, 1)  # says of each subscriber that it has come, not only of the first
        if self.curve is not None:
            self.curve.secure(socket)
        socket.bind(f"tcp://{host}:{port}")
        return socket

    def name_of(self, topic: Topic) -> bytes:
        """The topic's name, kept."""
        name = self.names.get(topic)
        if name is None:
            if topic[1] >= len(self.catalog.instruments):
                self.catalog = self.answers.catalog()
            name = self.names[topic] = topic_name(topic, self.catalog).encode()
        return name

    def turn(self) -> bool:
        """One round: requests, records, cursors. Whether there were records."""
        self._subscriptions()
        self._requests()
        # Before the ring is looked at: all that it has committed is in the ring by then. Not looked up while at rest.
        marketdata = self._marketdata_at() if self.events.published > self.progress.sequence else 0
        records = self._next()
        if records is not None:
            self._send(records)
            self.cursor.set(self.reader.position)
        if self.reader.position >= self.market.published and marketdata > self.progress.sequence:
            self.seq = marketdata
            self.progress.set(marketdata)
        return records is not None

    def _marketdata_at(self) -> int:
        return self.events.sequence_of("marketdata") or 0

    def _next(self) -> np.ndarray | None:
        try:
            return self.reader.poll(BATCH)
        except Ahead:  # a new ring, which the market data moves on once it has read its history: see market_ring
            return None
        except Lapped as gap:
            with self.answers.view.snapshot() as txn:
                records = feed_after(txn, self.answers.view, gap.position, BATCH)
            if not len(records):
                return None
            if int(records["mseq"][0]) != gap.position + 1:
                log.warning("records %d to %d are no longer kept", gap.position + 1, int(records["mseq"][0]) - 1)
            self.reader.seek(int(records["mseq"][-1]))
            return records

    def _subscriptions(self) -> None:
        """Who wants what: a message that nobody wants is not even made."""
        for socket, wanted in self.wanted.items():
            for _ in range(1000):
                if not _has_more(socket):
                    break
                said = socket.recv(zmq.NOBLOCK)
                if said[:1] == b"\x01":
                    wanted.add(said[1:])
                    self._greet(said[1:], wanted)
                elif said[:1] == b"\x00":
                    wanted.discard(said[1:])

    def _greet(self, prefix: bytes, wanted: set[bytes]) -> None:
        """Somebody has come, perhaps back: the next heartbeat says where the topics stand that it may have missed."""
        prefixes = tuple(wanted) if HEARTBEAT_TOPIC.startswith(prefix) else (prefix,)
        self.changed.update(topic for topic in self.last if self.name_of(topic).startswith(prefixes))

    def _requests(self) -> None:
        for _ in range(64):
            if not _has_more(self.router):
                return
            identity, *frames = self.router.recv_multipart(zmq.NOBLOCK)
            try:
                self.router.send_multipart([identity, self.answers.answer(frames)], zmq.NOBLOCK)
            except zmq.Again:
                log.info("an answer was dropped: its asker doesn't read")

    def _send(self, records: np.ndarray) -> None:
        messages = messages_of(records)
        if len(records) >= MERGE_FROM:
            messages = merged(messages)
        for message in messages:
            topic = topic_of(message[-1])
            self.last[topic] = self.seq = int(message["seq"][-1])
            self.changed.add(topic)
            name = self.name_of(topic)
            if self._is_wanted(self.json, name):
                self._put(self.json, name, orjson.dumps(payload(message, self.epoch, self.catalog)))
            if self._is_wanted(self.binary, name):
                self._put(self.binary, name, message.tobytes())

    def _is_wanted(self, socket: Any, name: bytes) -> bool:
        return any(name.startswith(prefix) for prefix in self.wanted[socket])

    @staticmethod
    def _put(socket: Any, name: bytes, body: bytes) -> None:
        socket.send_multipart([name, body], zmq.NOBLOCK)  # XPUB drops for who is slow, it never blocks

    def heartbeat(self) -> None:
        """The last sequence, and that of each topic changed since the heartbeat before; a look at clients' keys."""
        changed = {topic: self.last[topic] for topic in sorted(self.changed)}
        topics = {self.name_of(topic).decode(): seq for topic, seq in changed.items()}
        self._put(self.json, HEARTBEAT_TOPIC, orjson.dumps({"epoch": self.epoch, "seq": self.seq, "topics": topics}))
        rows = np.zeros(1 + len(changed), MARKET)
        rows["spare"] = self.epoch & 0xFFFFFFFF
        rows["seq"][0] = self.seq
        for at, ((kind, symbol, interval), seq) in enumerate(changed.items(), 1):
            rows["type"][at], rows["symbol"][at], rows["interval"][at], rows["seq"][at] = kind, symbol, interval, seq
        rows["flags"][-1] = 1
        fill_checksums(rows)
        self._put(self.binary, HEARTBEAT_TOPIC, rows.tobytes())
        self.changed.clear()
        if self.curve is not None:
            self.curve.reload()
        self.progress.beat(CursorState.RUNNING, CursorSource.RING)
        self.cursor.beat(CursorState.RUNNING, CursorSource.RING)

    def wait(self) -> None:
        """Until there is more, or IDLE_NS: requests come by socket."""
        self.waiter.wait(self.reader.position, IDLE_NS)

    def close(self) -> None:
        """Let go of everything."""
        if self.curve is not None:
            self.curve.close()
        self.zmq.destroy(linger=200)
        self.answers.close()
        self.cursor.close()
        self.progress.close()
        self.market.close()
        self.events.close()


def _has_more(socket: Any) -> bool:
    """Whether there is something to receive; asked many times a second at rest, where an exception costs more."""
    return bool(socket.get(zmq.EVENTS) & zmq.POLLIN)


def merged(messages: list[np.ndarray]) -> list[np.ndarray]:
    """Depth messages of a topic merged into the last of them; all others as they are, in order."""
    groups: dict[Topic, list[np.ndarray]] = {}
    for message in messages:
        if message["type"][0] == DEPTH:
            groups.setdefault(topic_of(message[0]), []).append(message)
    out = []
    for message in messages:
        if message["type"][0] != DEPTH:
            out.append(message)
            continue
        group = groups[topic_of(message[0])]
        if message is group[-1]:
            whole = merge_depth(group)
            if len(group) > 1:
                fill_checksums(whole)
            out.append(whole)
    return out


def _open_answers(data: Path, epoch: int) -> Answers:
    """The market data's store; waits for it to be made, and to be of this history."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answers = Answers(data, epoch)
            if answers.view.cursor()[0] in (0, epoch):
                return answers
            answers.close()
            raise StoreError(f"{store_folder(data)}: is of another history")
        except (StoreError, lmdb.Error):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def main(context: Any) -> int:
    """Run until SIGTERM or the supervisor's death; 0 = stopped, 1 = a named failure on standard error."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    told: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        told.append(number)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    publisher: Publisher | None = None
    try:
        publisher = Publisher(context)
        beat_ns = look_ns = 0
        while True:
            more = publisher.turn()
            now_ns = time.monotonic_ns()
            if now_ns - beat_ns >= HEARTBEAT_NS:
                publisher.heartbeat()
                beat_ns = now_ns
            if more:
                continue
            is_over = bool(told)
            if now_ns - look_ns >= CHECK_NS:
                look_ns = now_ns
                is_over |= os.getppid() != parent or not publisher.events.is_current
            if is_over:
                publisher.heartbeat()
                return 0
            publisher.wait()
    except (CurveError, SegmentError, StoreError, lmdb.Error, zmq.ZMQError) as error:
        log.error("%s: %s: %s", NAME, type(error).__name__, error)
        return 1
    finally:
        if publisher is not None:
            publisher.close()
