"""Order entry: a ZeroMQ ROUTER in front of one command lane; answers go to the session that sent the order.

Answers are read from the event ring only as far as the durability mode allows, so that nobody is told what a crash
can take back. A client that is not answered (restart of this process, of the engine) sends again: repeats are harmless.

A binary command may name the session it belongs to (from the answer to hello). One of another session is not taken,
the notice says which session this is: so what a client had queued for an entry that died never overtakes what was
lost with it, which could then only be refused as `duplicate_client_id`. The same after a refusal (see `Entry._send`).

A session that asked for it in its hello is guarded: see `engine.entry.guards`. Where keys are configured it has to say
hello with one, and may what that allows: see `engine.entry.access`.
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
from config.command_text import MAX_ACCOUNT, Malformed, read_flag, read_whole, read_word
from config.curve import CurveError, CurveServer, needs_curve
from config.guarded import FILE as GUARDED
from config.json_commands import decode_all
from config.json_events import encode
from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from engine.entry.access import EXPECTED_HELLO, HELLO_BYTES, REVOKED, Access, NotLetIn, receive
from engine.entry.frames import (
    FrameError,
    as_json,
    binary_commands,
    notice,
    refused_json,
    refused_records,
    whole_groups,
)
from engine.entry.guards import Guards
from engine.entry.routing import Routes
from engine.entry.sessions import BINARY, FORMS, NUMBERS, Session, Sessions
from engine.entry.storage import Storage
from engine.entry.vetting import disconnect_command, malformed_command, needs_catalog, vet
from ringbuf.codes import Reason
from ringbuf.cursor import CursorSource, CursorState
from ringbuf.lanes import Lanes
from ringbuf.reader import Lapped, RingReader
from ringbuf.records import EVENT
from ringbuf.ring import Ring
from ringbuf.shm import SegmentError
from ringbuf.wait import Waiter

if TYPE_CHECKING:
    from config.context import Context

log = logging.getLogger(__name__)

NAME = "entry"
TAKE = 256  # messages read before answers are looked at again
BATCH = 4096
BUSY_NS = 200_000  # for answers, before clients are heard again
BUSY_TURNS = 10  # without any, before clients alone are waited for
BUSY_MS, IDLE_MS = 1, 20
BEAT_S = 0.2
DRAIN_S = 2.0
MESSAGE_BYTES = 16 << 20  # a larger frame ends its connection


class Entry:
    """The entry process's socket, lane and reader. Made after the fork."""

    def __init__(self, context: "Context") -> None:
        self._data = context.data
        self.ring = Ring.attach(f"/{context.name}.events", "event")
        # Not before the ring's first sequence: a follower may still lack that, but nobody waits for its answers here.
        begin = max(self.ring.limit, self.ring.first_seq - 1)
        self.cursor = self.ring.cursor(NAME, sequence=begin)
        self.reader = RingReader(self.ring, self.cursor)
        self.reader.seek(begin)
        self.waiter = Waiter(context.settings.consumers.wait, self.ring)
        self.storage = Storage(self.ring)
        self.lanes = Lanes.attach(f"/{context.name}.lanes")
        self.lane = self.lanes.producer(NAME)
        self.routes = Routes(self.lane.lane)
        self.catalog = Catalog()
        self._journal = JournalReader(context.data)
        self._fold_history()
        self._zmq = zmq.Context()
        self.socket = self._zmq.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
        self.socket.setsockopt(zmq.LINGER, 1000)
        self.socket.setsockopt(zmq.SNDHWM, 100_000)
        host = context.settings.ports.host
        self.curve = CurveServer(self._zmq, context.data) if needs_curve(host) else None
        if self.curve is not None:
            self.curve.secure(self.socket)
        self.access = Access(context.data) if context.settings.entry.keys else None
        self.socket.bind(f"tcp://{host}:{context.port_base}")
        self.guards = Guards(context.data / GUARDED, context.settings.entry.silent_ms / 1000)
        self.sessions = Sessions(self.guards.lost)

    def _fold_history(self) -> None:
        """Learn every listing so far."""
        last = min(self._journal.last, self.reader.position)
        self.catalog.fold_all(self._journal.listed(last))
        self.reader.seek(last)

    def trade_of(self, seq: int) -> np.void | None:
        """The event of a sequence, for a bust; None where the journal has none."""
        try:
            return self._journal.record(seq)[0]  # type: ignore[no-any-return]
        except JournalError:
            return None

    def take(self) -> int:
        """Read what clients sent and pass it to the lane; how many messages."""
        taken = 0
        touched: dict[int, Session] = {}
        while taken < TAKE:
            try:
                if self.access is None:
                    identity, *frames = self.socket.recv_multipart(zmq.NOBLOCK)
                    session = self.sessions.of(identity)
                else:
                    identity, frames, address = receive(self.socket)
                    session = self.sessions.of(identity)
                    session.address = address
            except zmq.Again:
                break
            taken += 1
            self.guards.heard(session.number)
            for frame in frames:
                self._frame(session, frame)
            touched[session.number] = session
        self.guards.store()  # before anybody is told that it is guarded
        for session in touched.values():
            self._flush(session)
        return taken

    def _frame(self, session: Session, frame: bytes) -> None:
        if self.access is not None and session.permit is None:
            self._first_frame(session, frame)
            return
        try:
            fields = as_json(frame)
            if fields is None:
                self._records(session, binary_commands(frame))
                return
        except FrameError as error:
            session.frames.append(notice({"error": str(error)}))
            self._send(session, malformed_command(), 0)
            return
        if fields.get("op") == "hello":
            self._hello(session, fields)
            return
        if fields.get("op") == "ping":
            session.frames.append(notice({"op": "pong"}))
            return
        commands, wrong = decode_all(fields, self.catalog, self.trade_of)
        if wrong is not None and self._catch_up():  # with a listing among it, perhaps
            commands, wrong = decode_all(fields, self.catalog, self.trade_of)
        if wrong is not None:
            session.frames.append(notice({"error": wrong}))
        self._send(session, commands, 0)

    def _first_frame(self, session: Session, frame: bytes) -> None:
        """All that is taken of who has no permit: a hello."""
        try:
            fields = as_json(frame) if len(frame) <= HELLO_BYTES else None
        except FrameError:
            fields = None
        if fields is not None and fields.get("op") == "hello":
            self._hello(session, fields)
        else:
            session.frames.append(notice({"op": "hello", "error": EXPECTED_HELLO}))

    def _records(self, session: Session, commands: np.ndarray) -> None:
        """Binary commands; those of another session end the message here."""
        meant = commands["session"] & (NUMBERS - 1)
        others = np.flatnonzero((meant != 0) & (meant != session.number | BINARY))
        if len(others):
            commands = commands[: whole_groups(commands, int(others[0]))]
            session.frames.append(notice({"op": "hello", "session": session.number | BINARY}))
        if needs_catalog(commands):
            self._catch_up()
        for wrong in vet(commands, self.catalog, self.trade_of):
            session.frames.append(notice({"error": wrong}))
        self._send(session, commands, BINARY, named=bool(meant[: len(commands)].any()))

    def _hello(self, session: Session, hello: dict[str, Any]) -> None:
        try:
            form = read_word(hello, "format", FORMS, 0)
            guard = read_flag(hello, "cancel_on_disconnect")
            if self.access is not None:
                session.permit = self.access.permit_for(hello, session)
                hello = {"account": session.permit.account, **hello}
            if guard:
                self.guards.watch(session.number, read_whole(hello, "account", 0, MAX_ACCOUNT))
        except (Malformed, NotLetIn) as error:
            session.frames.append(notice({"op": "hello", "error": str(error)}))
            return
        session.held = None
        if guard is False:
            self.guards.release(session.number)
        answer: dict[str, object] = {"op": "hello", "session": session.number | form}
        guarded = self.guards.account_of(session.number)
        if guarded is not None:
            silent_ms = round(self.guards.silent_s * 1000)
            answer |= {"cancel_on_disconnect": True, "account": guarded, "silent_ms": silent_ms}
        session.frames.append(notice(answer))

    def end_silent(self, now_s: float) -> None:
        """End the orders of accounts whose session is silent for too long; where there is no room, the next time."""
        for number, account in self.guards.look(now_s):
            # Of no session: whoever placed the orders hears of each of them in its own form.
            if not self.lane.send(disconnect_command(account)):
                break
            log.info("entry: account %d: its session is gone, its orders are ended", account)
            self.guards.release(number)
            session = self.sessions.numbered(number)
            if session is not None:
                session.frames.append(notice({"op": "disconnected", "account": account}))
                self._flush(session)
        self.guards.store()

    def look_at_keys(self) -> None:
        """Who may connect, and whose key was revoked: such a session is told so, and is none any more."""
        if self.curve is not None:
            self.curve.reload()
        if self.access is None or not self.access.refresh():
            return
        for session in self.sessions.all():
            if session.permit is not None and not self.access.holds(session.permit):
                session.frames.append(notice({"op": "hello", "error": REVOKED}))
                self._flush(session)
                self.sessions.forget(session)

    def _send(self, session: Session, commands: np.ndarray, form: int, named: bool = False) -> None:
        """Into the lane. What can't be made durable or finds no room is refused here, without an event.

        After a refusal, what names the session is refused on until it says hello: so what a client had under way
        never overtakes what was refused before it.
        """
        if session.permit is not None:
            commands = self._permitted(session, commands, form)
        commands["session"] = session.number | form
        reason = Reason.STORAGE_FULL if self.storage.failing else session.held if named else None
        refused = commands[0 if reason else self.lane.send(commands) :]
        if not len(refused):
            return
        reason = reason or Reason.OVERLOADED
        if named:
            session.held = reason
        self._refuse(session, refused, form, reason)

    def _permitted(self, session: Session, commands: np.ndarray, form: int) -> np.ndarray:
        """What the session's key allows of them; the rest is refused."""
        assert session.permit is not None
        refused = session.permit.refused(commands)
        if not refused.any():
            return commands
        self._refuse(session, commands[refused], form, Reason.NOT_PERMITTED)
        return commands[~refused]

    def _refuse(self, session: Session, commands: np.ndarray, form: int, reason: Reason) -> None:
        """Entry's own answer to each of them, in the form they came in."""
        if form == BINARY:
            session.frames.append(refused_records(commands, self.lane.session(session.number | BINARY), reason))
        else:
            session.frames += [refused_json(command, reason) for command in commands]

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
        touched: dict[int, Session] = {}
        told = (-1, -1)
        for number, index in self.routes.route(events):
            session = self.sessions.numbered(number)
            if session is None or told == (session.number, index):
                continue  # gone, or told in its other form
            event = events[index : index + 1]
            if self.access is not None:
                if session.permit is None:
                    continue
                event = session.permit.shown(event)
            told = (session.number, index)
            session.frames.append(self._encoded(number, event))
            touched[session.number] = session
        for session in touched.values():
            self._flush(session)
        self.cursor.set(self.reader.position)
        return True

    def _catch_up(self) -> bool:
        """Take in all that is safe by now: who writes to us may have heard of it elsewhere. Whether there was any."""
        begin, limit = self.reader.position, self.reader.limit
        while self.reader.position < limit and self.answer():
            pass
        return self.reader.position > begin

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

    def _encoded(self, number: int, event: np.ndarray) -> bytes:
        assert event.dtype == EVENT
        return event.tobytes() if number & BINARY else orjson.dumps(encode(event[0], self.catalog))

    def _flush(self, session: Session) -> None:
        """Send what is ready for a session; one that has gone, or takes nothing any more, is forgotten."""
        if not session.frames:
            return
        try:
            self.socket.send_multipart([session.identity, *session.frames], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            self.sessions.forget(session)
        session.frames = []

    def outstanding(self) -> bool:
        """Whether commands wait for their answers."""
        return self.lane.consumed < self.lane.produced or self.reader.position < self.ring.published

    def close(self) -> None:
        """Let go of everything."""
        self.socket.close()
        if self.curve is not None:
            self.curve.close()
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
    beat_s, stop_s, quiet = 0.0, None, 0
    while True:
        now_s = time.monotonic()
        if now_s - beat_s > BEAT_S:
            beat_s = now_s
            entry.cursor.beat(CursorState.STOPPING if told else CursorState.RUNNING, CursorSource.RING)
            entry.storage.look()
            entry.look_at_keys()
            if os.getppid() != parent or not entry.ring.is_current:
                told.append(0)
            if not told:
                entry.end_silent(now_s)
        if told:
            stop_s = stop_s or now_s + DRAIN_S
            if not entry.outstanding() or now_s > stop_s:
                return
        took = 0 if told else entry.take()
        answered = entry.answer()
        quiet = 0 if took or answered else quiet + 1
        if quiet and entry.outstanding() and quiet <= BUSY_TURNS:
            entry.waiter.wait(entry.reader.position, BUSY_NS)
        elif quiet:
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
    except (CurveError, JournalError, SegmentError, zmq.ZMQError, OSError) as error:
        log.error("entry: %s: %s", type(error).__name__, error)
        return 1
    finally:
        if entry is not None:
            entry.close()
