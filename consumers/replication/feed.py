"""The primary's side of a standby on another host: sends the journal to followers, takes their acknowledgements.

It reads the journal's files behind the journal's cursor, so nothing is sent that this host could still lose. Where a
follower is required, this process alone says in the ring what is durable: what journal and follower both have. There
is one required follower, the first that came: its id stands in term.json until the operator says otherwise, as a
second one's acknowledgement would prove nothing about what the first, which may promote itself, has got.

Whoever proves a higher term ends this pipeline: the term is written down, and the supervisor told to stop.
"""

import dataclasses
import logging
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

import zmq

from config.curve import CurveError, CurveServer, has_clients, needs_curve, secure_client
from config.guarded import FILE as GUARDED
from config.guarded import read_guarded
from consumers.journal.format import JournalError, JournalRemoved
from consumers.journal.reader import JournalReader
from consumers.replication import wire
from consumers.replication.followers import GONE_S, Follower
from consumers.replication.status import FEED_CURSOR
from consumers.replication.term import DEPOSED, TermError, deposed, parse_history, read_term, shared_until, update_term
from consumers.runtime import CHECK_NS, DRAIN_SECONDS, attach_ring
from consumers.source import JournalSource
from ringbuf.cursor import CursorSource, CursorState
from ringbuf.lanes import Lanes
from ringbuf.records import SCHEMA_HASH
from ringbuf.shm import SegmentError

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

PORT = 4  # above the base
TAKE = 256
BUSY_MS, IDLE_MS = 1, 20
FENCE_S = 1.0
STRANGERS = 1024  # told once why they are not served; so many are remembered
LIMITS = ("max_orders", "max_accounts", "max_balances", "max_instruments", "max_assets", "max_events")


class StandbyFeed:
    """Sockets, followers, and what has been called durable. Made after the fork."""

    def __init__(self, context: "Context") -> None:
        settings = context.settings
        self.data = context.data
        self.epoch = int(context.epoch)
        self.required = settings.standby.required
        self.limits = {name: getattr(settings.engine, name) for name in LIMITS}
        self.term = read_term(context.data)
        self.ring = attach_ring(context.name)
        self.lanes = Lanes.attach(f"/{context.name}.lanes")
        self.cursor = self.ring.cursor(FEED_CURSOR, gates=self.required)
        self.journal = JournalReader(context.data)
        self.followers: dict[bytes, Follower] = {}
        self._strangers: set[bytes] = set()
        self.zmq = zmq.Context()
        self.curve: CurveServer | None = None
        self.router = self._serve(settings.standby.host, context.port_base + PORT)
        self.fence = self._fence()
        self.address = f"tcp://{settings.standby.host or settings.ports.host}:{context.port_base + PORT}"
        self._fenced_s = 0.0
        self._supervisor = os.getppid()
        self._guarded: list[int] = []

    def _serve(self, host: str, port: int) -> Any:
        router = self.zmq.socket(zmq.ROUTER)
        router.set(zmq.LINGER, 200)
        router.set(zmq.ROUTER_MANDATORY, 1)
        router.set(zmq.MAXMSGSIZE, wire.MESSAGE_BYTES)
        router.set(zmq.SNDHWM, 1000)
        if not host:  # nobody can follow; here only to fence
            return router
        if needs_curve(host) or has_clients(self.data):
            self.curve = CurveServer(self.zmq, self.data)
            self.curve.secure(router)
        router.bind(f"tcp://{host}:{port}")
        return router

    def _fence(self) -> Any:
        """A socket to the primary that this one took over from, None where there was none."""
        if not self.term.where:
            return None
        fence = self.zmq.socket(zmq.DEALER)
        fence.set(zmq.LINGER, 0)
        fence.set(zmq.IMMEDIATE, 1)  # nothing waits for a host that is down
        key = primary_key(self.data)
        if key.exists():
            secure_client(fence, self.data, key)
        fence.connect(self.term.where)
        return fence

    @property
    def journaled(self) -> int:
        """The highest sequence that the journal has finished; the end of a command."""
        return max(self.ring.sequence_of("journal") or 0, self.ring.first_seq - 1)

    def turn(self) -> None:
        """One round: what followers say, what they get, what is durable."""
        self._take()
        limit = self.journaled
        for follower in list(self.followers.values()):
            while True:
                first = follower.sent
                try:
                    body = follower.next_batch(limit)
                except JournalRemoved as error:
                    self._refuse(follower.identity, f"{error}: begin the standby from a backup")
                    break
                if body is None or not self._send(follower.identity, wire.encode("events", seq=first), body):
                    break
        self._mark(limit)

    def _mark(self, limit: int) -> None:
        """Say how far followers are; where one is required, this is what makes events durable."""
        heard = [follower.acked for follower in self.followers.values()]
        if not self.required:
            self.cursor.set(min([limit, *heard]))
            return
        safe = min(limit, max(heard, default=0))
        if safe > self.ring.durable:
            self.ring.set_durable(safe)
            self.cursor.set(max(safe, self.ring.first_seq - 1))

    def _take(self) -> None:
        for _ in range(TAKE):
            if not self.router.get(zmq.EVENTS) & zmq.POLLIN:
                return
            identity, *frames = self.router.recv_multipart(zmq.NOBLOCK)
            try:
                message, _ = wire.decode(frames, wire.FROM_FOLLOWER)
                self._answer(identity, message)
            except (wire.WireError, TermError) as error:
                self._refuse(identity, str(error))

    def _answer(self, identity: bytes, message: dict[str, Any]) -> None:
        op = message["op"]
        if op == "term":
            self.hear(message["term"], message["at"])
            self._tell_term(identity)
            return
        if op == "hello":
            self._hello(identity, message)
            return
        follower = self.followers.get(identity)
        if follower is None or message.get("attempt", follower.attempt) != follower.attempt:
            return  # of a connection or a hello before; it says hello again when it hears nothing
        follower.heard_s = time.monotonic()
        if op == "ack" and self.required and self.term.follower != follower.id:
            self._pin(follower.id)
        if op == "ack" and not follower.acknowledge(message["seq"]):
            raise wire.WireError(f"ack: seq: expected the end of a batch up to {follower.sent}, found {message['seq']}")
        if op == "handover":
            if message["term"] <= self.term.number:
                raise wire.WireError(f"handover: term: expected above {self.term.number}, found {message['term']}")
            log.warning("standby: follower %s takes over with term %d", follower.id, message["term"])
            follower.wants_end = True
            self.hear(message["term"], message["at"])

    def _hello(self, identity: bytes, hello: dict[str, Any]) -> None:
        """Welcome a follower, or say why not, or where its history has to be cut."""
        self.followers.pop(identity, None)
        terms = parse_history(hello["terms"], "hello")
        self.hear(terms[-1][0], "the primary that this follower had")
        if self.term.role == DEPOSED:
            self._tell_term(identity)
            return
        for name, ours in (("version", wire.VERSION), ("schema", SCHEMA_HASH), ("epoch", self.epoch)):
            if hello[name] != ours and (name, hello[name]) != ("epoch", 0):
                raise wire.WireError(f"hello: {name}: expected {ours}, found {hello[name]}")
        seq, last = hello["seq"], self.journaled
        until = shared_until(self.term.history, terms)
        if until is not None and seq > until:
            self._send(identity, wire.encode("cut", to=until))
            return
        if seq > last:
            raise wire.WireError(
                f"hello: seq: expected at most {last}, where this history ends, found {seq}: "
                "this host has lost what the follower has (promote it)"
            )
        if seq + 1 < self.journal.first:
            raise wire.WireError(
                f"hello: seq: expected {self.journal.first - 1} at least, as this host's history begins after it, "
                f"found {seq}: begin the standby from a backup"
            )
        if seq and int(self.journal.record(seq)["crc"][0]) != hello["crc"]:
            raise wire.WireError(f"hello: crc: record {seq} is another one here: the follower is of another history")
        if self.required and self.term.follower != hello["id"]:
            self.term = read_term(self.data)  # the operator may have said `standby --forget`
            self._refuse_second(hello["id"])
        for other in [known for known in self.followers.values() if known.id == hello["id"]]:
            del self.followers[other.identity]
        self.followers[identity] = Follower(identity, hello["id"], JournalSource(self.data, seq), seq, hello["attempt"])
        self._strangers.discard(identity)
        log.info("standby: follower %s goes on after %d", hello["id"], seq)
        welcome = {"version": wire.VERSION, "schema": SCHEMA_HASH, "epoch": self.epoch, "limits": self.limits}
        welcome |= {"attempt": hello["attempt"]}
        self._send(identity, wire.encode("welcome", **welcome, terms=self.term.history, **self._where()))
        self._send(identity, wire.encode("guarded", accounts=self._guarded))

    def _pin(self, follower: str) -> None:
        """Where a follower is required, the first that acknowledges is the one, from then on. WireError for another."""
        self.term = update_term(
            self.data, lambda term: term if term.follower else dataclasses.replace(term, follower=follower)
        )
        self._refuse_second(follower)

    def _refuse_second(self, follower: str) -> None:
        if self.term.follower not in ("", follower):
            raise wire.WireError(
                f"hello: id: expected {self.term.follower}, the one follower whose acknowledgement is required here, "
                f"found {follower}; `standby --forget` on the primary changes it"
            )

    def _where(self) -> dict[str, Any]:
        return {"seq": self.journaled, "durable": self.ring.durable, "required": self.required}

    def hear(self, number: int, where: str) -> None:
        """Somebody knows of a term: a higher one than this pipeline's own ends it."""
        if number <= self.term.number or self.term.role == DEPOSED:
            return
        self.term = update_term(self.data, lambda term: deposed(term, number, where))
        log.error("standby: %s", self.term.deposed_by())
        if os.getppid() == self._supervisor:
            os.kill(self._supervisor, signal.SIGTERM)

    def _tell_term(self, identity: bytes) -> None:
        self._send(identity, wire.encode("term", term=self.term.heard, at=self.term.where or self.address))

    def _refuse(self, identity: bytes, why: str) -> None:
        """Once to each; a follower that says what can't be is none any more."""
        self.followers.pop(identity, None)
        if identity not in self._strangers and len(self._strangers) < STRANGERS:
            self._strangers.add(identity)
            log.warning("standby: refused: %s", why)
            self._send(identity, wire.encode("refused", why=why))

    def _send(self, identity: bytes, *frames: bytes) -> bool:
        """Whether it went out; who can't be reached, or takes nothing, is forgotten: it says hello again."""
        try:
            self.router.send_multipart([identity, *frames], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            self._forget(identity)
            return False
        return True

    def _forget(self, identity: bytes) -> None:
        follower = self.followers.pop(identity, None)
        if follower is not None:
            follower.source.close()
            log.warning("standby: follower %s is gone after %d", follower.id, follower.acked)

    def beat(self) -> None:
        """A heartbeat to everyone, and who is there for `status`; the end to who takes over."""
        where = self._where()
        guarded = read_guarded(self.data / GUARDED)
        is_new, self._guarded = guarded != self._guarded, guarded
        for follower in list(self.followers.values()):
            if time.monotonic() - follower.heard_s > GONE_S:
                self._forget(follower.identity)
                continue
            self._send(follower.identity, wire.encode("beat", **where))
            if is_new:
                self._send(follower.identity, wire.encode("guarded", accounts=guarded))
        self.cursor.beat(self._state(), CursorSource.JOURNAL)
        if self.curve is not None:
            self.curve.reload()
        if self.fence is not None:
            self._fence_off()

    def _state(self) -> CursorState:
        """FAILED as the journal's is, as order entry looks at who gates; else RUNNING while a follower is heard."""
        journal = [cursor.state for cursor in self.ring.cursors() if cursor.name == "journal"]
        if CursorState.FAILED in journal:
            return CursorState.FAILED
        is_served = any(follower.is_heard for follower in self.followers.values())
        return CursorState.RUNNING if is_served else CursorState.CATCHING_UP

    def _fence_off(self) -> None:
        """Tell whom this one took over from, again and again: it may come up at any time."""
        while self.fence.get(zmq.EVENTS) & zmq.POLLIN:
            try:
                message, _ = wire.decode(self.fence.recv_multipart(zmq.NOBLOCK), wire.FROM_PRIMARY)
            except wire.WireError as error:
                log.warning("standby: %s answers: %s", self.term.where, error)
                continue
            if message["op"] == "term":
                self.hear(message["term"], message["at"])
        if time.monotonic() - self._fenced_s >= FENCE_S and self.fence.get(zmq.EVENTS) & zmq.POLLOUT:
            self._fenced_s = time.monotonic()
            self.fence.send(wire.encode("term", term=self.term.number, at=self.address), zmq.NOBLOCK)

    def tell_ends(self) -> None:
        """Who takes over is told that it has all, once nothing more can come: the engine has closed its lane."""
        takers = [follower for follower in self.followers.values() if follower.wants_end]
        if not takers or self.lanes.owner("engine") != 0:
            return
        end = self.ring.published
        for follower in takers:
            if self.journaled == end == follower.acked:
                follower.wants_end = False
                self._send(follower.identity, wire.encode("done", seq=end))

    def is_drained(self) -> bool:
        """Whether every follower that is heard has all that the journal has."""
        last = self.journaled
        return all(
            follower.acked == last and not follower.wants_end
            for follower in self.followers.values()
            if follower.is_heard
        )

    def wait(self) -> None:
        """Until a message, or a little: the ring is looked at by the clock."""
        self.router.poll(BUSY_MS if self.followers else IDLE_MS)

    def close(self) -> None:
        """Let go of everything."""
        for follower in self.followers.values():
            follower.source.close()
        if self.curve is not None:
            self.curve.close()
        self.zmq.destroy(linger=200)
        self.journal.close()
        self.cursor.close()
        self.lanes.close()
        self.ring.close()


def primary_key(data: Any) -> Any:
    """Where the public key of the primary that is followed lies in a data directory; not there = no CURVE."""
    return data / "keys" / "curve" / "primary.key"


def _loop(feed: StandbyFeed, told: list[int]) -> None:
    parent = os.getppid()
    beat_s = look_s = 0.0
    stop_s: float | None = None
    while True:
        feed.turn()
        now_s = time.monotonic()
        if now_s - beat_s >= wire.BEAT_S:
            beat_s = now_s
            feed.beat()
        if feed.term.role == DEPOSED:
            feed.tell_ends()
        if now_s - look_s >= CHECK_NS / 1e9:
            look_s = now_s
            if os.getppid() != parent or not feed.ring.is_current:
                told.append(0)
        if told:
            stop_s = stop_s or now_s + DRAIN_SECONDS
            if feed.is_drained() or now_s > stop_s:
                return
        feed.wait()


def main(context: "Context") -> int:
    """Run until SIGTERM or the supervisor's death, then send the journal's end. 0 = stopped, 1 = a named error."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    told: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        told.append(number)

    signal.signal(signal.SIGTERM, on_signal)
    feed: StandbyFeed | None = None
    try:
        feed = StandbyFeed(context)
        _loop(feed, told)
        return 0
    except (CurveError, JournalError, SegmentError, TermError, zmq.ZMQError, OSError) as error:
        log.error("standby: %s: %s", type(error).__name__, error)
        return 1
    finally:
        if feed is not None:
            feed.close()
