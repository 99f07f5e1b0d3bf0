"""Answers are never taken back, and each command takes effect exactly once."""

from typing import Any

import numpy as np

from ringbuf.codes import FLAG_LAST, NO_ID, ORDER_PAIRED, STEP_SESSION, Op, OrderType, Side
from tests.faults.checker.evidence import Event, Finding

ANSWERS, SEQUENCE, ONCE, CONTENT = "answers kept", "sequence", "effect once", "effect as asked"
_PLACES = (int(Op.PLACE), int(Op.REPLACE))
_EFFECTS = {
    int(Op.DEPOSIT): ("deposited",),
    int(Op.WITHDRAW): ("withdrawn",),
    int(Op.PLACE): ("accepted",),
    int(Op.CANCEL): ("cancelled",),
    int(Op.AMEND): ("amended",),
    int(Op.REPLACE): ("cancelled",),
    int(Op.MASS_CANCEL): ("cancelled", "mass_cancelled"),
}


def check_told(history: np.ndarray, told: list[np.ndarray]) -> list[Finding]:
    """Every answer that anybody was ever given stands in the history at its sequence, byte for byte."""
    place = {seq: at for at, seq in enumerate(history["seq"].tolist())}
    found = []
    for session, events in enumerate(told):
        for event in events:
            at = place.get(int(event["seq"]))
            if at is None:
                said = f"session {session} was told event {event['seq']}, which is not in the history"
            elif history[at].tobytes() != event.tobytes():
                said = f"session {session} was told event {event['seq']} otherwise: {event}, history {history[at]}"
            else:
                continue
            found.append(Finding(ANSWERS, said))
    return found


class Sequence:
    """Sequences run from 1 without a gap; nothing twice."""

    def __init__(self) -> None:
        self._next = 1
        self._ended = True
        self.found: list[Finding] = []

    def take(self, event: Event) -> None:
        """One event of the history."""
        if event["seq"] != self._next:
            self.found.append(Finding(SEQUENCE, f"event {event['seq']} stands where {self._next} is due"))
        self._next = event["seq"] + 1
        self._ended = bool(event["flags"] & FLAG_LAST)

    def end(self) -> None:
        """The history ends with a whole command."""
        if not self._ended:
            self.found.append(Finding(SEQUENCE, f"the history ends inside a command, at {self._next - 1}"))


class Commands:
    """Chains of events against what was sent: each client id has one that is no repeat's refusal, and it fits."""

    def __init__(self, sent: list[np.ndarray]) -> None:
        self._sent: dict[tuple[int, int], dict[str, Any]] = {}
        for commands in sent:
            names = commands.dtype.names or ()
            for row in commands.tolist():
                command = dict(zip(names, row, strict=True))
                self._sent.setdefault((command["account"], command["client_id"]), command)
        self._effects: dict[tuple[int, int], int] = {}  # command → sequence of its first event
        self._chain_ended = True
        self.repeats = 0
        self.found: list[Finding] = []

    def take(self, event: Event) -> None:
        """One event of the history."""
        if event["session"] == STEP_SESSION or event["session"] == 0:
            return  # the engine's own steps; listings at the beginning
        begins, self._chain_ended = self._chain_ended, bool(event["flags"] & FLAG_LAST)
        if begins:
            self._chain(event)

    def _chain(self, event: Event) -> None:
        """The first event of what a command caused."""
        paired = event["type"] == "accepted" and event["order_flags"] & ORDER_PAIRED
        named = event["client_id"] if event["request_id"] == NO_ID or paired else event["request_id"]
        key = (event["account"], named)
        command = self._sent.get(key)
        what = f"event {event['seq']} ({event['type']}) of account {key[0]}, client id {key[1]}"
        if command is None:
            self.found.append(Finding(ONCE, f"{what}: nobody sent this command"))
        elif event["type"] == "rejected" and event["reason"] == "duplicate_client_id":
            self.repeats += 1
            if key not in self._effects:
                self.found.append(Finding(ONCE, f"{what}: refused as a repeat, but it never took effect"))
        elif key in self._effects:
            self.found.append(Finding(ONCE, f"{what}: a second effect, the first is event {self._effects[key]}"))
        else:
            self._effects[key] = event["seq"]
            self._fits(event, command, what)

    def _fits(self, event: Event, command: dict[str, Any], what: str) -> None:
        if event["type"] == "rejected":
            return
        expected = _EFFECTS[command["op"]]
        if event["type"] not in expected:
            self.found.append(Finding(CONTENT, f"{what}: expected {' or '.join(expected)}"))
        names = ["symbol", "qty_lots"]
        if command["op"] == Op.PLACE:
            names += ["price_ticks", "stop_price_ticks", "display_lots", "expire_ts_ns", "order_type", "tif", "stp"]
            if event["side"] != Side(command["side"]).name.lower():
                self.found.append(Finding(CONTENT, f"{what}: side {event['side']}, sent {Side(command['side']).name}"))
        elif command["op"] not in (Op.DEPOSIT, Op.WITHDRAW):
            names = ["qty_lots"] if command["op"] == Op.AMEND else []
        trails = command["op"] == Op.PLACE and command["order_type"] == OrderType.TRAILING_STOP
        if trails:  # its distance stands in the command's price
            event = event | {"price_ticks": event["trail_ticks"]}
        for name in names:
            if event[name] != command[name]:
                self.found.append(Finding(CONTENT, f"{what}: {name} {event[name]}, sent {command[name]}"))

    def end(self) -> None:
        """All was answered in the end, so all took effect."""
        for account, client_id in sorted(self._sent.keys() - self._effects.keys()):
            self.found.append(Finding(ONCE, f"account {account}, client id {client_id}: sent, but never took effect"))

    @property
    def effects(self) -> int:
        """How many commands took effect, refusals included."""
        return len(self._effects)
