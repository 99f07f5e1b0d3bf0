"""A trading client under faults: what it sent and what it was told, to the byte and in the order of arrival.

It sends binary commands at a rate, sends again with the same client id what was not answered (repeats are harmless),
and opens its connection anew where order entry says that it is another one. Everything is written down before it is
acted on: the checker compares it with the history.
"""

import random
import threading
import time
from collections import deque
from pathlib import Path

import numpy as np

from client.python.entry_client import EntryClient, NoAnswer
from ringbuf.codes import CMD_GROUP, FLAG_LAST, NO_ID, ORDER_PAIRED, EventType
from ringbuf.records import COMMAND, EVENT, EVENT_ORDER
from tests.faults.flow import AccountFlow

WINDOW = 24  # commands of one account under way: half of the client ids that the engine remembers, with room
MESSAGE = 64  # commands a message
WAIT_MS = 4
HELLO_S = 0.5
PROBE_S = 0.15  # silent so long: does entry still know this session?
SILENCE_S = 1.5  # a command not answered so long is sent again
ROOM_S = 0.01  # after `overloaded`
Key = tuple[int, int]  # account, client id


def names_command(event: np.void) -> Key:
    """(account, client id) of the command whose first event this is."""
    request = int(event["request_id"])
    paired = event["type"] == EventType.ACCEPTED and event["order_flags"] & ORDER_PAIRED
    return int(event["account"]), int(event["client_id"]) if request == NO_ID or paired else request


class Session(threading.Thread):
    """Some accounts on one connection. `sent`: [(monotonic s, COMMAND bytes)], `told`: [(monotonic s, EVENT bytes)].

    `resent`: how many commands of `sent` are repeats. `stop_drawing` ends the flow: the thread goes on until all is
    answered, then waits for `let_go`.
    """

    def __init__(self, number: int, endpoint: str, accounts: range, rate: float, seed: int, folder: Path) -> None:
        super().__init__(name=f"session-{number}", daemon=True)
        rng = random.Random(seed)
        self.flows = {account: AccountFlow(account, rng) for account in accounts}
        self.sent: list[tuple[float, bytes]] = []
        self.told: list[tuple[float, bytes]] = []
        self.resent = self.connections = 0
        self.stop_drawing, self.let_go = threading.Event(), threading.Event()
        self.failed: BaseException | None = None
        self._endpoint, self._rate, self._rng = endpoint, rate, rng
        self._link: EntryClient | None = None
        self._under_way: dict[Key, tuple[float, np.ndarray]] = {}
        self._room = dict.fromkeys(accounts, WINDOW)
        self._ready: deque[np.ndarray] = deque()  # drawn or to be repeated
        self._first: Key | None = None  # the command whose events are coming in
        self._heard_s = self._probe_s = self._hold_s = 0.0
        self._files = [(folder / f"session-{number}.{what}").open("wb") for what in ("sent", "told")]

    @property
    def open_commands(self) -> int:
        """How many wait for their answer."""
        return len(self._under_way) + len(self._ready)

    @property
    def last_expiry_ns(self) -> int:
        """When the last of its gtd orders ends."""
        return max(flow.last_expiry_ns for flow in self.flows.values())

    def run(self) -> None:
        """Until let go."""
        try:
            self._trade()
        except BaseException as error:  # noqa: BLE001  shown by whoever waits for this thread
            self.failed = error
        finally:
            if self._link is not None:
                self._link.close()
            for file in self._files:
                file.close()

    def _trade(self) -> None:
        for flow in self.flows.values():
            self._take_in(flow.openings())
        due, last_s, opened = 0.0, time.monotonic(), False
        while not self.let_go.is_set():
            if self._link is None and not self._connect():
                continue
            now_s = time.monotonic()
            opened = opened or not self.open_commands  # nobody trades before all deposits are answered
            due = min(due + (now_s - last_s) * self._rate, 4 * MESSAGE) if opened else 0.0
            last_s = now_s
            if opened and not self.stop_drawing.is_set():
                due -= self._draw(int(due))
            self._push(now_s)
            self._pull()
            self._look_after(time.monotonic())

    def _draw(self, count: int) -> int:
        drawn = 0
        while drawn < count:
            account = self._rng.choice(list(self._room))
            if self._room[account] <= 4:  # a group takes four
                return count  # what can't be sent in time is not caught up
            commands = self.flows[account].draw()
            self._take_in([commands])
            drawn += len(commands)
        return drawn

    def _take_in(self, drawn: list[np.ndarray]) -> None:
        for commands in drawn:
            self._ready.append(commands)
            self._room[int(commands["account"][0])] -= len(commands)

    def _connect(self) -> bool:
        try:
            self._link = EntryClient(self._endpoint, HELLO_S)
        except NoAnswer:
            return False
        self.connections += 1
        self._first = None
        self._heard_s = self._probe_s = time.monotonic()
        return True

    def _push(self, now_s: float) -> None:
        assert self._link is not None
        while self._ready and now_s >= self._hold_s:
            batch = []
            while self._ready and sum(map(len, batch)) < MESSAGE:
                batch.append(self._ready.popleft())
            message = np.concatenate(batch)
            if not self._link.send(message):
                self._ready.extendleft(reversed(batch))
                return
            self._note(self.sent, 0, message.tobytes())
            for command in (message[at : at + 1] for at in range(len(message))):
                self._under_way[int(command["account"][0]), int(command["client_id"][0])] = (now_s, command)

    def _note(self, where: list[tuple[float, bytes]], file: int, content: bytes) -> None:
        where.append((time.monotonic(), content))
        self._files[file].write(content)

    def _pull(self) -> None:
        assert self._link is not None
        events = self._link.receive(WAIT_MS)
        if not len(events):
            return
        self._heard_s = self._probe_s = time.monotonic()
        self._note(self.told, 1, events.tobytes())
        refused = events[events["seq"] == 0]  # entry had no room
        if len(refused):
            self._repeat([(int(event["account"]), int(event["client_id"])) for event in refused])
            self._hold_s = self._heard_s + ROOM_S
        for event in events[(events["session"] == self._link.session) & (events["seq"] != 0)].view(EVENT_ORDER):
            if self._first is None:
                self._first = names_command(event)
            if event["flags"] & FLAG_LAST:
                if self._under_way.pop(self._first, None) is not None:
                    self._room[self._first[0]] += 1
                self._first = None

    def _repeat(self, keys: list[Key]) -> None:
        """Again, in the order of their client ids. A group's members go alone: any of them may have been answered."""
        again = []
        for key in sorted(keys):
            found = self._under_way.pop(key, None)
            if found is not None:
                again.append(found[1])
        self.resent += len(again)
        self._ready.extendleft(reversed(self._ungrouped(again)))

    @staticmethod
    def _ungrouped(commands: list[np.ndarray]) -> list[np.ndarray]:
        """Members of one group that follow one another stay together, so that a group is whole or was never taken."""
        groups: list[np.ndarray] = []
        open_group = False
        for command in commands:
            if open_group:
                groups[-1] = np.concatenate([groups[-1], command])
            else:
                groups.append(command)
            open_group = bool(command["flags"][0] & CMD_GROUP)
        return groups

    def _look_after(self, now_s: float) -> None:
        assert self._link is not None
        known = self._link.answered_session()
        self._link.notices.clear()
        if known is not None and known != self._link.session:
            self._link.close()
            self._link = None
            self._repeat(list(self._under_way))
            return
        if not self._under_way:
            self._probe_s = now_s
        elif now_s - self._probe_s > PROBE_S:
            self._probe_s = now_s
            self._link.ask_session()
        late = [key for key, (at_s, _) in self._under_way.items() if now_s - at_s > SILENCE_S]
        if late:
            self._repeat(late)


def sent_commands(session: Session) -> np.ndarray:
    """Every command that went out (COMMAND), repeats too."""
    return np.frombuffer(b"".join(content for _, content in session.sent), COMMAND)


def told_events(session: Session) -> np.ndarray:
    """Every event that came in (EVENT); `overloaded` (sequence 0) is none and left out."""
    events = np.frombuffer(b"".join(content for _, content in session.told), EVENT)
    return events[events["seq"] != 0]
