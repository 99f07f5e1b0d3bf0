"""Order entry: a ZeroMQ ROUTER in front of one command lane; answers go to the session that sent the order.

Answers are read from the event ring only as far as the durability mode allows, so that nobody is told what a crash
can take back. A client that is not answered (restart of this process, of the engine) sends again: repeats are harmless.
"""

import logging
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import zmq

from config.catalog import Catalog
from config.json_events import encode
from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from engine.entry.frames import FrameError, as_json, binary_commands, json_command, malformed_command
from engine.entry.routing import Routes
from ringbuf.cursor import CursorSource, CursorState
from ringbuf.lanes import Lanes
from ringbuf.reader import Lapped, RingReader
from ringbuf.records import EVENT
from ringbuf.ring import Ring
from ringbuf.shm import SegmentError

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

NAME = "entry"
TAKE = 256  # messages read before answers are looked at again
BATCH = 4096
BUSY_MS = 1
IDLE_MS = 20
BEAT_S = 0.2
DRAIN_S = 2.0


class Session:
    """One client: its routing id, its number, the form it speaks."""

    def __init__(self, identity: bytes, number: int) -> None:
        self.identity = identity
        self.number = number
        self.binary = False
        self.frames: list[bytes] = []


class Entry:
    """The entry process's socket, lane and reader. Made after the fork."""

    def __init__(self, context: "Context") -> None:
        self._data = context.data
        self.ring = Ring.attach(f"/{context.name}.events", "event")
        self.cursor = self.ring.cursor(NAME, sequence=self.ring.limit)
        self.reader = RingReader(self.ring, self.cursor)
        self.reader.seek(self.ring.limit)
        self.lanes = Lanes.attach(f"/{context.name}.lanes")
        self.lane = self.lanes.producer(NAME)
        self.routes = Routes(self.lane.lane)
        self.catalog = Catalog()
        self._journal = JournalReader(context.data)
        self._fold_history()
        self._zmq = zmq.Context()
        self.socket = self._zmq.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.LINGER, 1000)
        self.socket.setsockopt(zmq.SNDHWM, 100_000)
        self.socket.bind(f"tcp://{context.settings.ports.host}:{context.port_base}")
        self._by_identity: dict[bytes, Session] = {}
        self._by_number: dict[int, Session] = {}
        # Not from 0: after a restart, answers to the sessions of before must find nobody rather than somebody else.
        self._next = time.time_ns() >> 20 & 0xFFFFFF

    def _fold_history(self) -> None:
        """Learn every listing so far."""
        seq, last = 1, min(self._journal.last, self.reader.position)
        while seq <= last:
            events = self._journal.read(seq, min(65536, last - seq + 1))
            self.catalog.fold_all(events)
            seq += len(events)
        self.reader.seek(last)

    def trade_of(self, seq: int) -> np.void | None:
        """The event of a sequence, for a bust; None where the journal has none."""
        try:
            return self._journal.record(seq)[0]  # type: ignore[no-any-return]
        except JournalError:
            return None

    def take(self) -> int:
        """Read what clients sent and pass it to the lane; how many messages."""
        for taken in range(TAKE):
            try:
                identity, *frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return taken
            session = self._session(identity)
            for frame in frames:
                self._frame(session, frame)
            self._flush(session)
        return TAKE

    def _session(self, identity: bytes) -> Session:
        session = self._by_identity.get(identity)
        if session is None:
            while self._next in self._by_number:
                self._next = (self._next + 1) & 0xFFFFFF
            session = Session(identity, self._next)
            self._next = (self._next + 1) & 0xFFFFFF
            self._by_identity[identity] = self._by_number[session.number] = session
        return session

    def _frame(self, session: Session, frame: bytes) -> None:
        value = as_json(frame)
        if isinstance(value, dict) and value.get("op") == "hello":
            self._hello(session, value)
        elif value is not None:
            session.binary = False
            command, wrong = json_command(value, self.catalog, self.trade_of)
            if wrong is not None:
                session.frames.append(orjson.dumps({"error": wrong}))
            self._send(session, command)
        elif frame.lstrip()[:1] == b"{":
            session.frames.append(orjson.dumps({"error": "frame: expected one JSON object"}))
            self._send(session, malformed_command())
        else:
            try:
                commands = binary_commands(frame)
            except FrameError as error:
                session.frames.append(orjson.dumps({"error": str(error)}))
                return
            session.binary = True
            self._send(session, commands)

    def _hello(self, session: Session, hello: dict[str, Any]) -> None:
        if hello.get("cancel_on_disconnect"):
            session.frames.append(orjson.dumps({"error": "cancel_on_disconnect: not part of this version"}))
            return
        if hello.get("format", "json") not in ("json", "binary"):
            session.frames.append(orjson.dumps({"error": "format: expected json or binary"}))
            return
        session.binary = hello.get("format") == "binary"
        session.frames.append(orjson.dumps({"op": "hello", "session": session.number}))

    def _send(self, session: Session, commands: np.ndarray) -> None:
        """Into the lane; what finds no room is answered `overloaded` here, without an event."""
        commands["session"] = session.number
        sent = self.lane.send(commands)
        for command in commands[sent:]:
            answer = {
                "type": "rejected",
                "reason": "overloaded",
                "account": int(command["account"]),
                "client_id": int(command["client_id"]),
            }
            session.frames.append(orjson.dumps(answer))

    def answer(self) -> bool:
        """Route the next batch of events; whether there was one."""
        try:
            events = self.reader.poll(BATCH)
        except Lapped as lapped:
            # What was overtaken is for clients to ask again; the listings among it are not to be missed.
            log.warning("entry: overtaken (%s): answers were lost", lapped)
            self._fold_history_from(self.reader.position)
            return True
        if events is None:
            return False
        self.catalog.fold_all(events)
        touched = {}
        for number, index in self.routes.route(events):
            session = self._by_number.get(number)
            if session is not None:
                session.frames.append(self._encoded(session, events[index : index + 1]))
                touched[number] = session
        for session in touched.values():
            self._flush(session)
        self.cursor.set(self.reader.position)
        return True

    def _fold_history_from(self, position: int) -> None:
        limit = self.reader.limit
        seq = position + 1
        while seq <= limit:
            events = self._journal.read(seq, min(65536, limit - seq + 1))
            if not len(events):
                break
            self.catalog.fold_all(events)
            self.routes.route(events)
            seq += len(events)
        self.reader.seek(seq - 1)
        self.cursor.set(seq - 1)

    def _encoded(self, session: Session, event: np.ndarray) -> bytes:
        assert event.dtype == EVENT
        return event.tobytes() if session.binary else orjson.dumps(encode(event[0], self.catalog))

    def _flush(self, session: Session) -> None:
        """Send what is ready for a session; one that has gone, or takes nothing any more, is forgotten."""
        if not session.frames:
            return
        try:
            self.socket.send_multipart([session.identity, *session.frames], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            self._by_identity.pop(session.identity, None)
            self._by_number.pop(session.number, None)
        session.frames = []

    def outstanding(self) -> bool:
        """Whether commands wait for their answers."""
        return self.lane.consumed < self.lane.produced or self.reader.position < self.ring.published

    def close(self) -> None:
        """Let go of everything."""
        self.socket.close()
        self._zmq.term()
        self._journal.close()
        self.lane.close()
        self.cursor.close()
        self.lanes.close()
        self.ring.close()


def _loop(entry: Entry, told: list[int]) -> None:
    parent = os.getppid()
    poller = zmq.Poller()
    poller.register(entry.socket, zmq.POLLIN)
    beat_s, stop_s = 0.0, None
    while True:
        now_s = time.monotonic()
        if now_s - beat_s > BEAT_S:
            beat_s = now_s
            entry.cursor.beat(CursorState.STOPPING if told else CursorState.RUNNING, CursorSource.RING)
            if os.getppid() != parent or not entry.ring.is_current:
                told.append(0)
        if told:
            stop_s = stop_s or now_s + DRAIN_S
            if not entry.outstanding() or now_s > stop_s:
                return
        took = 0 if told else entry.take()
        answered = entry.answer()
        if not took and not answered:
            poller.poll(BUSY_MS if entry.outstanding() or told else IDLE_MS)


def main(context: "Context") -> int:
    """Serve until SIGTERM or the supervisor is gone, then answer what is under way. 0 = stopped, 1 = a named error."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    told: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        told.append(number)

    signal.signal(signal.SIGTERM, on_signal)
    entry = None
    try:
        entry = Entry(context)
        _loop(entry, told)
        return 0
    except (JournalError, SegmentError, zmq.ZMQError, OSError) as error:
        log.error("entry: %s: %s", type(error).__name__, error)
        return 1
    finally:
        if entry is not None:
            entry.close()
