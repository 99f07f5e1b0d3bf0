"""What a client has asked for and is not told yet: a client hears the answers in the order in which it asked.

So for it there is one engine. What several shards answer is told when all of it is there; what one shard says after an
answer that is held back is held back with it.
"""

import numpy as np

from engine.entry.frames import refused_json, refused_records
from ops.shards.records import joined
from ringbuf.codes import FLAG_LAST, EventType, Reason
from ringbuf.records import EVENT


class Asked:
    """The commands of one message, or one command for all shards. Events are in the numbers of outside.

    form: 1 = records, 0 = JSON. number: of the session when it was asked. left: answers that each shard owes.
    """

    __slots__ = ("commands", "for_all", "form", "is_told", "left", "number", "parts", "refused")

    def __init__(self, form: int, number: int, for_all: bool) -> None:
        self.form = form
        self.number = number
        self.for_all = for_all
        self.left: dict[int, int] = {}
        self.commands: dict[int, np.ndarray] = {}
        self.parts: list[tuple[int, np.ndarray]] = []  # (shard, events), as they came
        self.refused: list[tuple[np.ndarray, Reason]] = []  # commands that no engine took
        self.is_told = False

    def send(self, shard: int, commands: np.ndarray) -> None:
        """These commands (COMMAND) are one shard's."""
        self.commands[shard] = commands
        self.left[shard] = len(commands)

    def is_done(self) -> bool:
        """Whether nobody owes an answer any more."""
        return not any(self.left.values())

    def refuse(self, shard: int, commands: np.ndarray, reason: Reason) -> None:
        """These were not taken."""
        self.left[shard] -= len(commands)
        self.refused.append((commands, reason))

    def lost(self, shard: int) -> np.ndarray:
        """A shard will not answer any more: the commands of which nobody knows whether it took them."""
        owed, self.left[shard] = self.left[shard], 0
        return self.commands[shard][len(self.commands[shard]) - owed :]

    def find(self, shard: int, account: int, client_id: int) -> np.ndarray | None:
        """The last command for a shard with this account and client id, as one COMMAND record."""
        sent = self.commands[shard]
        found = np.flatnonzero((sent["account"] == account) & (sent["client_id"] == client_id))
        return sent[found[-1] : found[-1] + 1] if len(found) else None

    def events(self) -> np.ndarray:
        """Everything that was answered, in one order."""
        if not self.parts:
            return np.empty(0, EVENT)
        if not self.for_all:
            return joined([events for _, events in self.parts])
        by_shard = {shard: [events for one, events in self.parts if one == shard] for shard, _ in self.parts}
        return merged([joined(by_shard[shard]) for shard in sorted(by_shard)], is_whole=not self.refused)

    def frames_of_refused(self, session: int) -> list[bytes]:
        """The refusals in the form that was asked in."""
        frames: list[bytes] = []
        for commands, reason in self.refused[:1] if self.for_all else self.refused:
            if self.form:
                frames.append(refused_records(commands, session, reason))
            else:
                frames += [refused_json(command, reason) for command in commands]
        return frames


# Of several refusals the one that says most; the others only say that this shard does not know what is meant.
_VAGUE = (Reason.UNKNOWN_ACCOUNT, Reason.UNKNOWN_ORDER, Reason.UNKNOWN_SYMBOL)


def merged(answers: list[np.ndarray], is_whole: bool = True) -> np.ndarray:
    """The answers of all shards to one command as one: what any of them did; a refusal only where none did anything.

    Of the last events of the shards only the very last is one: it ends the command. Not whole: a shard did not take it,
    so what ends it is that refusal, and who asked sends it again.
    """
    did = [events for events in answers if not (events["type"] == EventType.REJECTED).all()]
    if not is_whole:
        whole = joined([np.empty(0, EVENT), *did])
        whole["flags"] &= ~np.uint8(FLAG_LAST)
        return whole
    if not did:
        ranked = sorted(answers, key=lambda events: int(events["reason"][-1]) in _VAGUE)
        return ranked[0]
    whole = joined(did)
    whole["flags"] &= ~np.uint8(FLAG_LAST)
    whole["flags"][-1] |= FLAG_LAST
    return whole
