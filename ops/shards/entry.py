"""The one order entry of all shards: it speaks as an engine's own does, and passes each command to the shard it is for.

For a client there is one engine: ids are those of outside (`layout`), answers come in the order of asking (`asked`), a
session is known until something that it has under way may be lost (a shard's entry was restarted, or a shard is away
for long): then it gets another number, as after a restart of an engine's entry, and sends again; repeats are harmless,
as the same command goes to the same shard. Commands for a shard that is away are refused with `overloaded` at once.

It keeps nothing that it could not lose: listings come from the shards' journals, and where an order is that a command
only names by its client id, is asked of all shards where it is not remembered.
"""

import logging
import time
from typing import Any

import numpy as np
import orjson
import zmq

from config.catalog import IS_LISTING
from config.command_text import MAX_ACCOUNT, Malformed, read_flag, read_whole, read_word
from config.json_commands import decode_all
from config.json_events import encode_all
from config.open_files import raise_open_files
from consumers.journal.checks import fill_checksums
from engine.entry.frames import FrameError, as_json, binary_commands, notice, whole_groups
from engine.entry.vetting import malformed_command
from ops.run_file import PORTS
from ops.shards.asked import Asked
from ops.shards.layout import port_base_of
from ops.shards.link import LANE, Link, LinkLost
from ops.shards.listings import Listings, differing
from ops.shards.outside import OutsideError, live
from ops.shards.records import copy_of, selected
from ops.shards.routing import ALL, Routing, runs
from ops.shards.run import ShardsContext
from ops.shards.session import BINARY, NUMBERS, Session, Sessions
from ops.shards.transfer_requests import TransferRequests
from ringbuf.codes import NO_SYMBOL, Reason
from ringbuf.records import COMMAND_BUST, EVENT

log = logging.getLogger(__name__)

NAME = "entry"
TAKE = 256  # messages read before answers are looked at again
FORMS = {"json": 0, "binary": 1}
MESSAGE_BYTES = 16 << 20
ASSETS_S = 1.0  # between two looks at whether all shards list the same
READY_S = 60.0
TICK_MOST_S = 0.5  # between two looks; more than that was a pause


class Entry:
    """The process (see `outside.Outside`)."""

    def __init__(self, context: ShardsContext) -> None:
        self.shards = context.shards
        raise_open_files()  # each client costs some for every shard
        self.listings = Listings(self.shards)
        self.routing = Routing(self.shards, self.listings)
        self._zmq: zmq.Context[Any] = zmq.Context()
        self._zmq.set(zmq.MAX_SOCKETS, 1 << 16)
        host = context.settings.ports.host
        self.socket = self._zmq.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
        self.socket.setsockopt(zmq.LINGER, 1000)
        self.socket.setsockopt(zmq.SNDHWM, 100_000)
        self.socket.bind(f"tcp://{host}:{context.port_base}")
        self.transfers = TransferRequests(self._zmq, f"tcp://{host}:{context.port_base + PORTS['transfers']}")
        endpoints = [f"tcp://{host}:{port_base_of(context.port_base, shard)}" for shard in range(self.shards.count)]
        self._sessions = Sessions(self._zmq, self.shards, endpoints)
        for socket in (self.socket, self.transfers.socket):
            self._sessions.poller.register(socket, zmq.POLLIN)
        self._assets_s = 0.0
        self._touched: dict[bytes, Session] = {}
        self._begun_s = self._looked_s = time.monotonic()
        self._clock_s = 0.0  # of the links: stands while this process does, whose own pause is nobody's silence
        self._ready = False

    # --- from clients -----------------------------------------------------------------------------------------------

    def take(self, now_s: float) -> int:
        """Read what clients sent; how many messages."""
        taken = 0
        while taken < TAKE:
            try:
                identity, *frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            taken += 1
            session = self._session(identity)
            self._touched[identity] = session
            for frame in frames:
                self._frame(session, frame, now_s)
            if session.guard is not None:
                self._keep_heard(session, now_s)
        return taken

    def _session(self, identity: bytes) -> Session:
        session, gone = self._sessions.of(identity)
        if gone is not None:
            self.transfers.forget(gone)
        return session

    def _forget(self, session: Session) -> None:
        self._sessions.forget(session)
        self.transfers.forget(session)

    def _keep_heard(self, session: Session, now_s: float) -> None:
        """Who is heard here is heard by every shard that guards it."""
        silent_ms = max((link.silent_ms for link in session.links.values()), default=0)
        if now_s - session.pinged_s > silent_ms / 4000:
            session.pinged_s = now_s
            for link in session.links.values():
                link.probe(now_s)

    def _frame(self, session: Session, frame: bytes, now_s: float) -> None:
        try:
            fields = as_json(frame)
            if fields is None:
                self._records(session, binary_commands(frame), now_s)
                return
        except FrameError as error:
            session.frames.append(notice({"error": str(error)}))
            self._ask(session, malformed_command(), 0, now_s)
            return
        op = fields.get("op")
        if op == "hello":
            self._hello(session, fields, now_s)
        elif op == "ping":
            session.frames.append(notice({"op": "pong"}))
        elif op == "transfer":
            self.transfers.ask(session, fields)
        else:
            self._text(session, fields, now_s)

    def _text(self, session: Session, fields: dict[str, Any], now_s: float) -> None:
        commands, wrong = decode_all(fields, self.listings.catalog, self.listings.trade_of)
        unknown = (commands["refuse"] == Reason.UNKNOWN_SYMBOL).any() or wrong is not None
        if unknown and self.listings.refresh():  # it may have been listed since
            commands, wrong = decode_all(fields, self.listings.catalog, self.listings.trade_of)
        home: int | None = None
        try:
            if fields.get("op") in ("deposit", "withdraw") and fields.get("shard") is not None:
                home = read_whole(fields, "shard", 0, self.shards.count - 1)
        except Malformed as error:
            wrong = wrong or str(error)
            commands["refuse"] = Reason.MALFORMED
        if wrong is not None:
            session.frames.append(notice({"error": wrong}))
        if fields.get("op") in ("cancel", "amend"):  # where the order is, where the client says so
            named = self.listings.catalog.find_instrument(str(fields.get("symbol")))
            commands["symbol"] = NO_SYMBOL if named is None else named.id
        elif fields.get("op") == "bust" and type(fields.get("trade_seq")) is int and wrong is None:
            commands.view(COMMAND_BUST)["trade_seq"] = fields["trade_seq"]  # the shard looks itself what it was
        self._ask(session, commands, 0, now_s, home=home)

    def _records(self, session: Session, commands: np.ndarray, now_s: float) -> None:
        """Binary commands; those of another session end the message here."""
        meant = commands["session"] & (NUMBERS - 1)
        others = np.flatnonzero((meant != 0) & (meant != session.number | BINARY))
        if len(others):
            commands = commands[: whole_groups(commands, int(others[0]))]
            session.frames.append(notice({"op": "hello", "session": session.number | BINARY}))
        self._ask(session, commands, BINARY, now_s, named=bool(meant[: len(commands)].any()))

    def _hello(self, session: Session, hello: dict[str, Any], now_s: float) -> None:
        try:
            session.form = read_word(hello, "format", FORMS, 0)
            guard = read_flag(hello, "cancel_on_disconnect")
            account = read_whole(hello, "account", 0, MAX_ACCOUNT) if guard else None
        except Malformed as error:
            session.frames.append(notice({"error": str(error)}))
            return
        answer = {"op": "hello", "session": session.number | session.form}
        if guard is not None:
            session.guard = account
        if session.guard is None:
            session.frames.append(notice(answer))
        else:
            session.greeting = answer | {"cancel_on_disconnect": True, "account": session.guard}
            for shard in range(self.shards.count):
                self._sessions.link(session, shard, now_s).guard = session.guard
        session.held.clear()
        for link in session.links.values():
            link.guard = session.guard
            link.silent_ms = 0
            link.hello(now_s)

    def _ask(
        self,
        session: Session,
        commands: np.ndarray,
        form: int,
        now_s: float,
        named: bool = False,
        home: int | None = None,
    ) -> None:
        """Pass commands on, each to the shard it is for; the answers are owed in this order."""
        session.form = form
        found = self.routing.route(commands, home)
        for begin, end in runs(found, commands):
            part, shards = commands[begin:end], found[begin:end]
            for_all = int(shards[0]) == ALL
            asked = Asked(form, session.number, for_all)
            session.waiting.append(asked)
            for shard in range(self.shards.count) if for_all else np.unique(shards).tolist():
                self._pass(session, asked, part if for_all else selected(part, shards == shard), shard, named, now_s)

    def _pass(
        self, session: Session, asked: Asked, commands: np.ndarray, shard: int, named: bool, now_s: float
    ) -> None:
        if (named and shard in session.held) or not (session is self._sessions.own or self._sessions.is_there(shard)):
            asked.send(shard, commands)
            asked.refuse(shard, commands, Reason.OVERLOADED)
            session.held.add(shard)
            return
        link = self._sessions.link(session, shard, now_s)
        if link.held:
            link.hello(now_s)
        link.send(asked, commands)

    # --- from shards ------------------------------------------------------------------------------------------------

    def answers(self, now_s: float) -> int:
        """Take what the shards said; how many links had something."""
        found = self._sessions.heard()
        for session, link in found:
            self._touched[session.identity] = session
            try:
                for events in link.receive(now_s):
                    self._loose(session, events)
            except LinkLost as lost:
                self._lost(session, link, lost)
                if session.guard is not None:
                    self._sessions.link(session, link.shard, now_s)
            if link.held:
                session.held.add(link.shard)
        return len(found)

    def _loose(self, session: Session, events: np.ndarray) -> None:
        session.frames += self._told(events, session.form, session.number | BINARY)

    def _lost(self, session: Session, link: Link, lost: LinkLost) -> None:
        """What was under way there may or may not have been taken: the client is told, and that it must ask anew."""
        log.warning("%s", lost)
        unknown = [asked.lost(link.shard) for asked in link.pending if asked.left.get(link.shard)]
        self._sessions.drop(session, link)
        if session is self._sessions.own or not link.session:  # nothing went there
            return
        session.number = self._sessions.number()
        session.frames.append(notice({"op": "hello", "session": session.number | session.form}))
        for commands in unknown:
            for command in commands:
                named = {"account": int(command["account"]), "client_id": int(command["client_id"])}
                session.frames.append(notice({"error": f"{lost}: not known whether it took this command", **named}))

    def _release(self, session: Session) -> None:
        """Tell what is answered, in the order of asking."""
        for link in session.links.values():
            for found in link.notices:
                if found.get("op") == "disconnected":
                    if session.guard is not None:
                        session.guard = None
                        session.frames.append(notice(found))
                elif "error" in found:
                    session.frames.append(notice(found))
            link.notices.clear()
        if session.greeting is not None and all(link.silent_ms for link in session.links.values()):
            silent_ms = min(link.silent_ms for link in session.links.values())
            session.frames.append(notice(session.greeting | {"silent_ms": silent_ms}))
            session.greeting = None
        while session.waiting and session.waiting[0].is_done():
            asked = session.waiting.popleft()
            asked.is_told = True
            # Of a session that was lost nothing counts as answered: its client asks again, from the oldest on.
            number = asked.number | BINARY if asked.number == session.number else 0
            session.frames += self._told(asked.events(), asked.form, number)
            session.frames += asked.frames_of_refused(LANE << 24 | number)

    def _told(self, events: np.ndarray, form: int, number: int) -> list[bytes]:
        """Events (of outside; `session` says whether they answer this client) as frames."""
        if not len(events):
            return []
        if IS_LISTING[events["type"]].any():
            self.listings.refresh_now()  # before it is told: who hears of it may trade it at once
            self.routing.listed()
        if form == BINARY:
            told = copy_of(events).view(EVENT)
            told["session"] = LANE << 24 | told["session"] * np.uint32(number)
            fill_checksums(told)
            return [told.tobytes()]
        if int(events["symbol"].max(initial=0, where=events["symbol"] != NO_SYMBOL)) >= len(
            self.listings.catalog.instruments
        ):
            self.listings.refresh_now()
        return [orjson.dumps(fields) for fields in encode_all(events, self.listings.catalog)]

    def _flush(self, session: Session) -> None:
        if session is self._sessions.own:
            session.frames = []
            return
        if not session.frames:
            return
        try:
            self.socket.send_multipart([session.identity, *session.frames], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            self._forget(session)
        session.frames = []

    # --- the process ------------------------------------------------------------------------------------------------

    def turn(self, is_ending: bool) -> bool:
        """One round; whether there was anything."""
        now_s = self._clock_s
        taken = 0 if is_ending else self.take(now_s)
        heard = self.answers(now_s)
        told = self.transfers.answers()
        for session, answer in told:
            session.frames.append(notice(answer))
            self._touched[session.identity] = session
        touched, self._touched = self._touched, {}
        for session in touched.values():
            self._release(session)
            self._flush(session)
        return bool(taken or heard or told)

    def look(self, now_s: float) -> None:
        """Which shards are there; whose answers do not come; what is to be asked again."""
        self._clock_s += min(now_s - self._looked_s, TICK_MOST_S)
        self._looked_s = now_s
        self._look_at_links(self._clock_s)
        self.transfers.look(now_s)
        if now_s - self._assets_s > ASSETS_S:
            self._assets_s = now_s
            self._even_assets(self._clock_s)

    def _look_at_links(self, now_s: float) -> None:
        for shard in range(self.shards.count):
            self._sessions.link(self._sessions.own, shard, now_s)
        for session in list(self._sessions):
            for link in list(session.links.values()):
                try:
                    link.look(now_s)
                except LinkLost as lost:
                    session.held.add(link.shard)
                    self._lost(session, link, lost)
                    self._touched[session.identity] = session
                    if session.guard is not None:
                        self._sessions.link(session, link.shard, now_s)

    def _even_assets(self, now_s: float) -> None:
        """A shard that was away while an asset was listed lists it, too: ids are the same everywhere."""
        wrong = differing(self.listings.parts)
        if wrong:
            raise OutsideError(f"shards list different assets: {wrong}")
        counts = [len(part.assets) for part in self.listings.parts]
        if self._sessions.own.waiting or min(counts) == max(counts) or min(counts) == 0:
            return
        if not self.listings.refresh():
            return
        longest = self.listings.catalog
        for shard, part in enumerate(self.listings.parts):
            missing = longest.seed_commands()[len(part.assets) : len(longest.assets)]
            if len(missing) and self._sessions.is_there(shard):
                asked = Asked(BINARY, 0, for_all=False)
                self._sessions.own.waiting.append(asked)
                self._pass(self._sessions.own, asked, missing, shard, False, now_s)

    def is_ready(self) -> bool:
        """Once every shard was heard; one that stays away is not waited for longer than READY_S."""
        there = all(self._sessions.is_there(shard) for shard in range(self.shards.count))
        self._ready = self._ready or there or time.monotonic() - self._begun_s > READY_S
        return self._ready

    def outstanding(self) -> bool:
        """Whether a client waits for an answer."""
        return any(session.waiting for session in self._sessions.clients) or len(self.transfers) > 0

    def wait(self, timeout_ms: int) -> None:
        """For a client, a shard, or the time."""
        self._sessions.poller.poll(timeout_ms)

    def close(self) -> None:
        """Let go of everything."""
        self._sessions.close()
        self.socket.close()
        self.transfers.close()
        self._zmq.term()
        self.listings.close()


def main(context: ShardsContext) -> int:
    """Run until told to stop; the exit code."""
    return live(NAME, context, Entry)
