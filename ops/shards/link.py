"""One client's connection to one shard's own order entry, which so knows whose orders are whose.

Everything goes in binary and names the session that the shard's entry gave: what was under way when a shard went away
is never overtaken by what comes after it, it is lost as a whole, and the client is told.
"""

from collections import deque

import numpy as np
import orjson
import zmq

from ops.shards.asked import Asked
from ops.shards.layout import CLIENT_ID_STEP, Shards
from ops.shards.records import commands_inside, events_outside, selected
from ringbuf.codes import FLAG_LAST, Reason
from ringbuf.records import EVENT, RECORD_SIZE

LANE = 1  # order entry's command lane on every shard: the top byte of its sessions
QUEUE = 100_000
FRAMES = 4096  # taken in one go, about
PROBE_S = 0.5  # an answer owed so long: is the session still known there?
AWAY_S = 5.0  # not even that answered for so long: the shard is away
GREET_S = 1.0  # how long the first commands wait for the shard's hello


class LinkLost(Exception):
    """The shard's entry is away or another: what was under way may or may not have been taken."""


class Link:
    """A DEALER to a shard. `session`: as its events carry it, 0 = not yet greeted."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str, shards: Shards, shard: int,
                 now_s: float, guard: int | None = None, watched: bool = False) -> None:  # fmt: skip
        self.shard = shard
        self._shards = shards
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)  # what it had not sent is dropped with it: so nothing goes twice
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.setsockopt(zmq.SNDHWM, QUEUE)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self.socket.connect(endpoint)
        self.session = 0
        self.guard = guard
        self.watched = watched  # ask now and then whether the shard is there, though nothing is owed
        self.silent_ms = 0
        self.pending: deque[Asked] = deque()
        self.held = False  # the shard's entry refused something: it takes nothing of the session before a hello
        self.notices: list[dict[str, object]] = []
        self._queue: list[tuple[Asked, np.ndarray]] = []  # until it is greeted
        self._latest: Asked | None = None  # the last one that was answered here
        self._begun_s = self._heard_s = self._asked_s = now_s
        self._probed_s: float | None = None  # since when a probe has not been answered
        self.hello(now_s)

    def hello(self, now_s: float) -> None:
        """Say hello, again: what is refused ends, what is lost shows."""
        said: dict[str, object] = {"op": "hello", "format": "binary"}
        if self.guard is not None:
            said |= {"account": self.guard, "cancel_on_disconnect": True}
        self._asked_s = now_s
        self.held = False
        self._put(orjson.dumps(said))

    def probe(self, now_s: float) -> None:
        """Be heard there, and see whether it still is the same; what is held stays so."""
        held = self.held
        self.hello(now_s)
        self.held = held

    def _put(self, frame: bytes) -> bool:
        try:
            self.socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def send(self, asked: Asked, commands: np.ndarray) -> None:
        """Commands (COMMAND, of outside) for this shard; `asked` owes their answers."""
        asked.send(self.shard, commands)
        self.pending.append(asked)
        if self.session:
            self._forward(asked, commands)
        else:
            self._queue.append((asked, commands))

    def _forward(self, asked: Asked, commands: np.ndarray) -> None:
        own = commands_inside(commands, self._shards)
        own["session"] = self.session & 0xFFFFFF
        if not self._put(own.tobytes()):
            self._refuse(asked, commands, Reason.OVERLOADED)
            self.held = True

    def _refuse(self, asked: Asked, commands: np.ndarray, reason: Reason) -> None:
        asked.refuse(self.shard, commands, reason)
        if not asked.left[self.shard]:
            self.pending.remove(asked)

    def receive(self, now_s: float) -> list[np.ndarray]:
        """Take what has come: answers go to who asked; events for nobody's asking are returned. Raises LinkLost."""
        loose: list[np.ndarray] = []
        records: list[bytes] = []  # a frame an event: all that are there are taken as one
        for frame in self._frames(now_s):
            if frame and len(frame) % RECORD_SIZE == 0:
                records.append(frame)
                continue
            if records:
                loose += self._records(np.frombuffer(b"".join(records), EVENT))
                records = []
            self._notice(orjson.loads(frame))
        if records:
            loose += self._records(np.frombuffer(b"".join(records), EVENT))
        return loose

    def _frames(self, now_s: float) -> list[bytes]:
        frames: list[bytes] = []
        while len(frames) < FRAMES:
            try:
                frames += self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            self._heard_s, self._probed_s = now_s, None
        return frames

    def _notice(self, notice: dict[str, object]) -> None:
        if notice.get("op") != "hello":
            if notice.get("op") != "pong":
                self.notices.append(notice)
            return
        number = notice["session"]
        assert isinstance(number, int)
        session = LANE << 24 | number
        if self.session and session != self.session:
            raise LinkLost(f"shard {self.shard}: its order entry was restarted")
        silent_ms = notice.get("silent_ms", 0)
        self.silent_ms = silent_ms if isinstance(silent_ms, int) else 0
        if not self.session:
            self.session = session
            queue, self._queue = self._queue, []
            for asked, commands in queue:
                self._forward(asked, commands)

    def _records(self, events: np.ndarray) -> list[np.ndarray]:
        refused = events["seq"] == 0
        if refused.any():
            for one in events[refused]:
                self._refused(one)
            events = selected(events, ~refused)
        if not len(events):
            return []
        own = events["session"] == self.session
        ends = np.flatnonzero(own & (events["flags"] & FLAG_LAST != 0))
        told = events_outside(events, self._shards, self.shard)
        told["session"] = np.where(own, 1, 0)  # whose it is, until it is told: see entry
        at = taken = 0
        loose: list[np.ndarray] = []
        while at < len(told):
            if not self.pending:
                self._after(told[at:], loose)
                break
            head = self.pending[0]
            owed = head.left[self.shard]
            if taken + owed <= len(ends):
                cut = int(ends[taken + owed - 1]) + 1
                taken += owed
                head.left[self.shard] = 0
                self.pending.popleft()
            else:
                cut = len(told)
                head.left[self.shard] -= len(ends) - taken
                taken = len(ends)
            head.parts.append((self.shard, told[at:cut]))
            self._latest = head
            at = cut
        return loose

    def _after(self, events: np.ndarray, loose: list[np.ndarray]) -> None:
        """Events behind the last answer: told with it where it is still held back."""
        if self._latest is not None and not self._latest.is_told and not self._latest.for_all:
            self._latest.parts.append((self.shard, events))
        else:
            loose.append(events)

    def _refused(self, answer: np.void) -> None:
        """The shard's entry took no such command: the newest one of that name."""
        self.held = True
        for asked in reversed(self.pending):
            client_id = int(answer["client_id"])
            named = client_id // CLIENT_ID_STEP if client_id > 0 else client_id
            command = asked.find(self.shard, int(answer["account"]), named)
            if command is not None:
                self._refuse(asked, command, Reason(int(answer["reason"])))
                return

    def look(self, now_s: float) -> None:
        """Timers. Raises LinkLost where the shard does not answer."""
        if not self.session and now_s - self._begun_s > GREET_S:
            for asked, commands in self._queue:
                self._refuse(asked, commands, Reason.OVERLOADED)
            self._queue = []
            raise LinkLost(f"shard {self.shard}: its order entry is away")
        if self._probed_s is not None and now_s - self._probed_s > AWAY_S:
            raise LinkLost(f"shard {self.shard}: its order entry has not answered for {AWAY_S:g} s")
        # Not for a guard: only what its client sends may keep that one heard.
        waits = self.pending or self.watched
        if self.session and waits and now_s - max(self._heard_s, self._asked_s) > PROBE_S:
            self.probe(now_s)
            self._probed_s = now_s if self._probed_s is None else self._probed_s

    def close(self) -> None:
        """Let go of the socket, and of what it had not sent."""
        self.socket.close()
