"""The standby's side on another host: receives a primary's journal, keeps it, acknowledges it, and applies it.

It runs as a child of the supervisor-to-be (`ops.standby`), as it has sockets. Its end says what is to come: TAKE_OVER
when it was told to (SIGUSR1) or when the primary is dead and may be replaced unasked; then everything it received is
in its journal up to a whole command, durable, and nothing comes after. Its snapshots are written by a fork of it, so
that no acknowledgement waits for one.
"""

import dataclasses
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import zmq
from zmq.utils.monitor import recv_monitor_message

from config.context import Context
from config.curve import CurveError, secure_client
from config.guarded import FILE as GUARDED
from config.guarded import write_guarded
from consumers.journal.format import JournalError
from consumers.journal.part import part
from consumers.journal.reader import CHUNK, JournalReader
from consumers.journal.writer import JournalWriter
from consumers.replication import wire
from consumers.replication.feed import LIMITS, primary_key
from consumers.replication.status import FILE, write_standing
from consumers.replication.term import TermError, following, parse_history, update_term
from consumers.runtime import exit_code
from engine.fold import HistoryError, fold
from engine.limits import limits_of
from engine.mixing import secret_seed
from engine.snapshot import SnapshotError
from engine.snapshots import FOLDER, list_snapshots, newest_good, write_snapshot
from engine.state import State
from ringbuf.cuts import cuts
from ringbuf.records import SCHEMA_HASH

log = logging.getLogger(__name__)

STOPPED, REFUSED, TAKE_OVER = 0, 200, 201  # exit codes; else it failed, see consumers.runtime.exit_code
TURN_MS = 20
TAKE = 64  # messages, before they are synced and acknowledged
HELLO_S = 2.0
LOST_S = 1.0  # nothing heard for so long: say hello again
DEAD_S = 1.0  # when told to take over: a primary that is silent for so long is not waited for
HANDOVER_S = 30.0  # a primary that stops is waited for so long; what it had not sent by then is lost
STATUS_S = 0.2
PAUSE_S = 0.05  # more than this between two looks is this process's own pause, not the primary's silence
SNAPSHOT_EVENTS = 250_000  # at most so many since the last snapshot: they are replayed in a takeover
NOT_LET_IN = (
    "{0} does not let this one in: it needs the primary's server.key (--key), and the primary the one of this "
    "directory, {1}/keys/curve/server.key, in its keys/curve/clients"
)


class FollowError(Exception):
    """What came can't be followed; the process ends with 1 and is started again."""


class Refused(Exception):
    """It can't follow this primary, today or tomorrow; the message says why."""


@dataclasses.dataclass(frozen=True)
class Following(Context):
    """What a follower is given. source: of the primary; auto_ms: takes over after so long a silence, 0 = never."""

    source: str = ""
    auto_ms: int = 0


class Follower:
    """Socket, journal and state of one standby. Made after the fork."""

    def __init__(self, context: Following) -> None:
        self.context = context
        self.data = Path(context.data)
        self.limits = limits_of(context.settings.engine)
        self.term = update_term(self.data, lambda term: term)  # has an id from now on
        self.writer: JournalWriter | None = None
        self.state = State(self.limits, secret_seed())
        self.epoch = self.crc = 0
        self.open()
        self.is_following = False
        self.primary: dict[str, Any] = {"seq": 0, "durable": 0, "required": False}
        self.silent_s = LOST_S
        self.ended = -1  # sequence that the primary said is its last
        self._attempt = 0
        self._hello_s = self._status_s = 0.0
        self._saver = 0
        self._saved_s = time.monotonic()
        self._looked_s = time.monotonic()
        self.zmq = zmq.Context()
        self.socket = self.zmq.socket(zmq.DEALER)
        self.socket.set(zmq.LINGER, 200)
        self.socket.set(zmq.IMMEDIATE, 1)
        self.socket.set(zmq.RECONNECT_IVL, 50)
        self.socket.set(zmq.RECONNECT_IVL_MAX, 1000)
        if primary_key(self.data).exists():
            secure_client(self.socket, self.data, primary_key(self.data))
        self.why = ""  # why there is no connection, where that is known
        failures = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        self._failures = self.socket.get_monitor_socket(failures | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        self.socket.connect(context.source)

    def open(self) -> None:
        """Journal and state as they are on disk. Raises JournalError, FollowError."""
        with JournalReader(self.data) as journal:
            self.epoch = journal.epoch
        if not self.epoch:
            return
        self._open_writer(self.epoch)
        with JournalReader(self.data) as journal:
            last = journal.last
            found = newest_good(self.data, self.limits, self.epoch, last, log.warning)
            self.state = found[0] if found else State(self.limits, secret_seed())
            self._saved_seq = seq = int(self.state.record["seq"])
            while seq < last:
                events = journal.read(seq + 1, min(CHUNK, last - seq))
                self._apply(events)
                seq += len(events)
            self.crc = int(journal.record(last)["crc"][0]) if last else 0

    def _open_writer(self, epoch: int) -> None:
        settings = self.context.settings
        mode = "fsync" if settings.engine.durability == "fsync" else "journal"
        self.epoch = epoch
        self.writer = JournalWriter(self.data, epoch, mode, settings.journal.blocks)
        self._saved_seq = 0

    @property
    def last(self) -> int:
        """The last sequence that it has."""
        return self.writer.last if self.writer is not None else 0

    def _apply(self, events: np.ndarray) -> None:
        try:
            fold(self.state, events)
        except HistoryError as error:
            raise FollowError(str(error)) from error

    def turn(self) -> None:
        """Everything that has come: written, synced, acknowledged, applied; hello where it is time for one."""
        batches: list[np.ndarray] = []
        for _ in range(TAKE):
            if not self.socket.poll(0 if batches else TURN_MS):
                break
            message, body = wire.decode(self.socket.recv_multipart(), wire.FROM_PRIMARY)
            self._hear()
            if message["op"] == "events" and self.is_following:
                batches.append(self._write(message["seq"], wire.records_of(body)))
            elif message["op"] != "events":
                self._obey(message)
        self._listen()
        if batches:
            assert self.writer is not None
            self.writer.sync()
            self.crc = int(batches[-1]["crc"][-1])
            self.acknowledge()
            for events in batches:
                self._apply(events)
        now_s = time.monotonic()
        if self.silent_s >= LOST_S:
            self.is_following = False
        if not self.is_following and now_s - self._hello_s >= HELLO_S:
            self._hello(now_s)
        if now_s - self._status_s >= STATUS_S:
            self._status_s = now_s
            if self.is_following and not batches:
                self.acknowledge()  # a heartbeat
            self._look_at_failures()
            self.tell()
        self._snapshot(now_s)

    def _hear(self) -> None:
        self.silent_s = 0.0
        self._looked_s = time.monotonic()

    def _listen(self) -> None:
        """The silence that this process was awake for: after a pause of its own, the primary gets its time again."""
        now_s = time.monotonic()
        self.silent_s += min(now_s - self._looked_s, PAUSE_S)
        self._looked_s = now_s

    def _write(self, seq: int, events: np.ndarray) -> np.ndarray:
        """Into the journal, unsynced. Raises JournalError, FollowError for what doesn't follow."""
        assert self.writer is not None
        if seq != self.last:
            raise FollowError(f"events: seq: expected {self.last}, found {seq}")
        if not cuts(events)[-1]:
            raise FollowError(f"events: expected whole commands, the last one after {seq} is unfinished")
        self.writer.append(events)
        return events

    def _obey(self, message: dict[str, Any]) -> None:
        op = message["op"]
        if op == "refused":
            raise Refused(f"{self.context.source} refuses: {message['why']}")
        if op == "term" and message["term"] > self.term.number:
            update_term(self.data, lambda term: dataclasses.replace(term, heard=max(term.heard, message["term"])))
            raise Refused(
                f"{self.context.source} is deposed: term {message['term']} is at {message['at']}: follow that"
            )
        if op == "welcome" and message["attempt"] == self._attempt:
            self._welcome(message)
        elif op == "cut" and not self.is_following:
            self._part(message["to"])
        elif op == "beat":
            self._note(message)
        elif op == "guarded":
            write_guarded(self.data / GUARDED, [int(account) for account in message["accounts"]])
        elif op == "done":
            self.ended = message["seq"]

    def _note(self, message: dict[str, Any]) -> None:
        self.primary = {name: message[name] for name in self.primary}

    def _welcome(self, welcome: dict[str, Any]) -> None:
        for name, ours in (
            ("version", wire.VERSION),
            ("schema", SCHEMA_HASH),
            ("epoch", self.epoch or welcome["epoch"]),
        ):
            if welcome[name] != ours:
                raise Refused(f"{self.context.source}: {name}: expected {ours}, found {welcome[name]}")
        for name in LIMITS:
            ours, theirs = getattr(self.context.settings.engine, name), welcome["limits"].get(name)
            if ours != theirs:
                raise Refused(f"engine.{name}: expected {theirs}, as {self.context.source} has it, not {ours}")
        history = parse_history(welcome["terms"], "welcome")
        self.term = update_term(self.data, lambda term: following(term, history, self.context.source))
        if self.writer is None:
            self._open_writer(welcome["epoch"])
        self._note(welcome)
        self.is_following = True
        log.info("follower: follows %s in term %d from %d", self.context.source, self.term.number, self.last)

    def _part(self, seq: int) -> None:
        """Cut what the primary hasn't got; it is kept aside, with the stores and snapshots that may know of it."""
        assert self.writer is not None
        self.writer.close()
        self.writer = None
        aside = part(self.data, seq)
        (aside / FOLDER).mkdir()
        for at, path in list_snapshots(self.data):
            if at > seq:
                path.rename(aside / FOLDER / path.name)
        for name in ("stores", "commits"):
            if (self.data / name).exists():
                (self.data / name).rename(aside / name)
        self.open()
        self._hello_s = 0.0

    def _look_at_failures(self) -> None:
        """What ZeroMQ says of connections that came to nothing: the other's answer to a key is silence."""
        while self._failures.poll(0):
            event = recv_monitor_message(self._failures)["event"]
            why = "" if event == zmq.EVENT_HANDSHAKE_SUCCEEDED else NOT_LET_IN.format(self.context.source, self.data)
            if why and why != self.why:
                log.error("follower: %s", why)
            self.why = why

    def _hello(self, now_s: float) -> None:
        self._hello_s = now_s
        self._attempt += 1
        what = {"version": wire.VERSION, "schema": SCHEMA_HASH, "epoch": self.epoch, "seq": self.last, "crc": self.crc}
        self.say("hello", **what, terms=self.term.history, id=self.term.id, attempt=self._attempt)

    def say(self, op: str, **fields: object) -> bool:
        """Send to the primary, if it is there."""
        try:
            self.socket.send(wire.encode(op, **fields), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def acknowledge(self) -> None:
        """All up to the last sequence is durable here."""
        self.say("ack", seq=self.last, attempt=self._attempt)

    def may_take_over(self) -> bool:
        """Unasked: the primary needs this follower's word for everything, and this one has all that it ever told."""
        silent = self.context.auto_ms and self.silent_s * 1000 >= self.context.auto_ms
        return bool(silent and self.primary["required"] and self.last >= self.primary["durable"])

    def hand_over(self) -> None:
        """Ask a primary that lives to stop and send its end; from one that doesn't, take what came."""
        if not self.is_following or self.silent_s >= DEAD_S:
            return
        at = f"tcp://{socket.gethostname()}:{self.context.port_base}"
        self.say("handover", term=max(self.term.heard, self.term.number) + 1, at=at)
        deadline = time.monotonic() + HANDOVER_S
        while self.ended < 0 and self.silent_s < DEAD_S and time.monotonic() < deadline:
            self.turn()
        if self.ended < 0:
            log.warning("follower: the primary does not say that it has ended: taking over without its word")

    def tell(self) -> None:
        """DATA/standby.json: how far it is."""
        report = {
            "from": self.context.source,
            "state": "following" if self.is_following else "connecting",
            "term": self.term.number,
            "seq": self.last,
            "lag": max(self.primary["seq"] - self.last, 0),
            "required": self.primary["required"],
            "takes_over_unasked": bool(self.context.auto_ms and self.primary["required"]),
            "why": self.why,
            "silent_ms": round(self.silent_s * 1000),
            "pid": os.getpid(),
        }
        write_standing(self.data, report)

    def _snapshot(self, now_s: float) -> None:
        """Where one is due, let a fork of this process write it: the state stands still in there."""
        if self._saver:
            if os.waitpid(self._saver, os.WNOHANG)[0]:
                self._saver = 0
            return
        settings = self.context.settings.snapshots
        behind = int(self.state.record["seq"]) - getattr(self, "_saved_seq", 0)
        is_due = behind >= min(settings.events, SNAPSHOT_EVENTS) or now_s - self._saved_s >= settings.seconds
        if not is_due or not behind:
            return
        self._saved_seq, self._saved_s = int(self.state.record["seq"]), now_s
        self._saver = os.fork()
        if self._saver == 0:
            os._exit(0 if self.save() else 1)

    def save(self) -> bool:
        """A snapshot of the state; a disk that is full stops nothing."""
        try:
            write_snapshot(self.data, self.state, self.epoch, self.context.settings.snapshots.keep)
        except (OSError, SnapshotError) as error:
            log.error("follower: no snapshot: %s", error)
            return False
        return True

    def close(self) -> None:
        """Sync the journal and let go of everything."""
        (self.data / FILE).unlink(missing_ok=True)
        if self.writer is not None:
            self.writer.close()
        self.socket.disable_monitor()
        self.zmq.destroy(linger=200)


def _follow(follower: Follower, told: list[int]) -> int:
    parent = os.getppid()
    while True:
        follower.turn()
        if signal.SIGTERM in told or os.getppid() != parent:
            if follower.epoch:
                follower.save()
            return STOPPED
        if signal.SIGUSR1 in told:
            follower.hand_over()
            return TAKE_OVER
        if follower.may_take_over():
            log.warning("follower: nothing heard for %.1f s: taking over", follower.silent_s)
            return TAKE_OVER


def main(context: Following) -> int:
    """Follow until told to stop or to take over; an exit code of this module, the reason of a failure in the log."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    told: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        told.append(number)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGUSR1, on_signal)
    follower: Follower | None = None
    try:
        follower = Follower(context)
        return _follow(follower, told)
    except (Refused, TermError) as error:
        log.error("follower: %s", error)
        return REFUSED
    except (FollowError, wire.WireError, CurveError, JournalError, zmq.ZMQError, OSError) as error:
        log.error("follower: ended: %s: %s", type(error).__name__, error)
        return exit_code(error)
    finally:
        if follower is not None:
            follower.close()
