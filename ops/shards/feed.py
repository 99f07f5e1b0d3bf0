"""The one public feed of all shards; its snapshots and replays are in `replaying`.

Messages are the shards' own, in the numbers of outside: a topic is one symbol's and so one shard's, and its chain of
`seq` and `prev` stays what it was. Every shard is listened to for what somebody here wants. Their heartbeats become
one, with the topics of all; its `seq` is the highest of any shard, and `away` names shards that were not heard for
AWAY_S.
"""

import logging
import re
import time
from typing import Any

import numpy as np
import orjson
import zmq

from consumers.journal.checks import fill_checksums
from consumers.publisher.process import HEARTBEAT_NS, HEARTBEAT_TOPIC, SEND_HWM
from ops.shards.layout import port_base_of
from ops.shards.outside import OutsideError, live
from ops.shards.records import market_outside
from ops.shards.replaying import Replaying
from ops.shards.run import ShardsContext
from ringbuf.records import MARKET

log = logging.getLogger(__name__)

NAME = "feed"
JSON, BINARY = 1, 2  # ports above the base
TAKE = 1024
AWAY_S = 2.0
_HEAD = re.compile(rb'(\{"epoch":\d+,)"seq":(\d+),"prev":(\d+)')  # of every payload: consumers.publisher.payloads


class Heart:
    """What the shards' heartbeats of one form add up to."""

    def __init__(self, count: int) -> None:
        self.seqs = [0] * count
        self.heard_s = [0.0] * count

    def away(self, now_s: float) -> list[int]:
        """Shards that were not heard for a while."""
        return [shard for shard, heard_s in enumerate(self.heard_s) if now_s - heard_s > AWAY_S]


class Feed:
    """The process (see `outside.Outside`)."""

    def __init__(self, context: ShardsContext) -> None:
        self.shards = context.shards
        self._host, self._base = context.settings.ports.host, context.port_base
        self._zmq: zmq.Context[Any] = zmq.Context()
        self._poller = zmq.Poller()
        self._out = {port: self._publish(port) for port in (JSON, BINARY)}
        self._in = {port: [self._listen(port, shard) for shard in range(self.shards.count)] for port in (JSON, BINARY)}
        self._router = self._bind(zmq.ROUTER, 3)
        self._replaying = Replaying(self.shards)
        self._heart = {port: Heart(self.shards.count) for port in (JSON, BINARY)}
        self._topics: dict[str, int] = {}  # since the last heartbeat, as the shards' heartbeats name them
        self._rows: dict[tuple[int, int, int], int] = {}  # the same of the binary one
        self._beat_ns = 0

    def _bind(self, kind: int, port: int) -> Any:
        socket = self._zmq.socket(kind)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.SNDHWM, SEND_HWM)
        socket.set(zmq.MAXMSGSIZE, 65536)
        if kind == zmq.XPUB:
            socket.set(
                zmq.XPUB_VERBOSER, 1
            )  # each subscriber that comes is passed on, and greeted by the shards; who goes, too
        socket.bind(f"tcp://{self._host}:{self._base + port}")
        self._poller.register(socket, zmq.POLLIN)
        return socket

    def _publish(self, port: int) -> Any:
        return self._bind(zmq.XPUB, port)

    def _listen(self, port: int, shard: int) -> Any:
        """A subscriber of a shard; what it subscribes to is asked for again when the shard comes back."""
        socket = self._zmq.socket(zmq.XSUB)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.RCVHWM, SEND_HWM)
        socket.set(zmq.RECONNECT_IVL, 50)
        socket.connect(f"tcp://{self._host}:{port_base_of(self._base, shard) + port}")
        socket.send(b"\x01" + HEARTBEAT_TOPIC)
        self._poller.register(socket, zmq.POLLIN)
        return socket

    def turn(self, is_ending: bool) -> bool:
        """Subscriptions to the shards, messages from them, requests; whether there was anything."""
        now_s = time.monotonic()
        done = sum(self._subscriptions(port) for port in (JSON, BINARY))
        for shard in range(self.shards.count):
            done += self._from_json(shard, now_s) + self._from_binary(shard, now_s)
        done += self._requests()
        if time.monotonic_ns() - self._beat_ns >= HEARTBEAT_NS:
            self._beat_ns = time.monotonic_ns()
            self._beat(now_s)
        return done > 0

    def _subscriptions(self, port: int) -> int:
        count = 0
        for said in _taken(self._out[port]):
            count += 1
            if said[0][:1] in (b"\x00", b"\x01"):
                for socket in self._in[port]:
                    socket.send(said[0])
        return count

    def _from_json(self, shard: int, now_s: float) -> int:
        count = 0
        for topic, body in _taken(self._in[JSON][shard]):
            count += 1
            if topic == HEARTBEAT_TOPIC:
                message = orjson.loads(body)
                self._heard(JSON, shard, self.shards.outside(message["seq"], shard), now_s)
                self._topics |= {name: self.shards.outside(seq, shard) for name, seq in message["topics"].items()}
                continue
            self._put(JSON, topic, self._outside(body, shard))
        return count

    def _outside(self, body: bytes, shard: int) -> bytes:
        """A message with its two sequences as they are called outside; the rest of it is not even looked at."""
        found = _HEAD.match(body)
        if found is None:
            raise OutsideError(f"shard {shard}: expected a message that begins with epoch, seq and prev: {body[:80]!r}")
        seq, prev = (self.shards.outside(int(number), shard) for number in found.groups()[1:])
        return b'%b"seq":%d,"prev":%d%b' % (found[1], seq, prev, body[found.end() :])

    def _from_binary(self, shard: int, now_s: float) -> int:
        count = 0
        for topic, body in _taken(self._in[BINARY][shard]):
            count += 1
            records = market_outside(np.frombuffer(body, MARKET), self.shards, shard)
            if topic == HEARTBEAT_TOPIC:
                self._heard(BINARY, shard, int(records["seq"][0]), now_s)
                names = zip(*(records[name][1:].tolist() for name in ("type", "symbol", "interval")), strict=True)
                self._rows |= dict(zip(names, records["seq"][1:].tolist(), strict=True))
                continue
            self._put(BINARY, topic, records.tobytes())
        return count

    def _heard(self, port: int, shard: int, seq: int, now_s: float) -> None:
        self._heart[port].seqs[shard] = seq
        self._heart[port].heard_s[shard] = now_s

    def _put(self, port: int, topic: bytes, body: bytes) -> None:
        self._out[port].send_multipart([topic, body], zmq.NOBLOCK)  # XPUB drops for who is slow, it never blocks

    def _beat(self, now_s: float) -> None:
        """One heartbeat for all shards, in both forms."""
        heart = self._heart[JSON]
        said: dict[str, Any] = {"epoch": self.shards.epoch, "seq": max(heart.seqs), "topics": self._topics}
        away = heart.away(now_s)
        if away:
            said["away"] = away
        self._put(JSON, HEARTBEAT_TOPIC, orjson.dumps(said))
        rows = np.zeros(1 + len(self._rows), MARKET)
        rows["spare"] = self.shards.epoch & 0xFFFFFFFF
        rows["seq"][0] = max(self._heart[BINARY].seqs)
        for at, ((kind, symbol, interval), seq) in enumerate(sorted(self._rows.items()), 1):
            rows["type"][at], rows["symbol"][at], rows["interval"][at], rows["seq"][at] = kind, symbol, interval, seq
        rows["flags"][-1] = 1
        fill_checksums(rows)
        self._put(BINARY, HEARTBEAT_TOPIC, rows.tobytes())
        self._topics, self._rows = {}, {}

    def _requests(self) -> int:
        count = 0
        for identity, *frames in _taken(self._router, 64):
            count += 1
            try:
                self._router.send_multipart([identity, self._replaying.answer(frames)], zmq.NOBLOCK)
            except zmq.Again:
                log.info("an answer was dropped: its asker doesn't read")
        return count

    def look(self, now_s: float) -> None:
        """Nothing: heartbeats go with the turns."""

    def is_ready(self) -> bool:
        """Subscribers may come at once; a shard is listened to as soon as it is there."""
        return True

    def outstanding(self) -> bool:
        """Told to stop, it sends what is there, and a last heartbeat."""
        return False

    def wait(self, timeout_ms: int) -> None:
        """For a message, a subscriber, a request, or the time."""
        self._poller.poll(timeout_ms)

    def close(self) -> None:
        """Send what is left and let go of everything."""
        while self.turn(True):
            pass
        self._beat(time.monotonic())
        self._zmq.destroy(linger=200)
        self._replaying.close()


def _taken(socket: Any, most: int = TAKE) -> Any:
    """The messages that are there, at most so many."""
    for _ in range(most):
        try:
            yield socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return


def main(context: ShardsContext) -> int:
    """Run until told to stop; the exit code."""
    return live(NAME, context, Feed)
