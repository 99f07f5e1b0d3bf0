"""Who follows this primary, what each was sent and has acknowledged."""

import time
from collections import deque
from dataclasses import dataclass, field

from consumers.replication.wire import BATCH, WINDOW
from consumers.source import JournalSource

SILENT_S = 1.0  # not heard for so long: counts as missing
GONE_S = 60.0  # not heard for so long: forgotten; it says hello when it is back


@dataclass
class Follower:
    """One follower's place. sent: last sequence sent; ends: of the batches under way; acked: durable with it;
    attempt: of the hello that it was welcomed for."""

    identity: bytes
    id: str
    source: JournalSource
    acked: int
    attempt: int
    heard_s: float = field(default_factory=time.monotonic)
    ends: deque[int] = field(default_factory=deque)
    wants_end: bool = False  # has asked to take over: is told when it has all

    @property
    def sent(self) -> int:
        """Last sequence sent."""
        return self.source.position

    @property
    def is_heard(self) -> bool:
        """Whether it was heard just now."""
        return time.monotonic() - self.heard_s < SILENT_S

    def next_batch(self, limit: int) -> bytes | None:
        """The next records to send, up to `limit` (the end of a command); None = nothing, or enough under way."""
        if self.sent >= limit or self.sent - self.acked >= WINDOW:
            return None
        self.source.allow(limit)
        events = self.source.next(BATCH)
        if events is None:
            return None
        self.ends.append(self.sent)
        return events.tobytes()

    def acknowledge(self, seq: int) -> bool:
        """Everything up to `seq` is durable with it; False where no batch ended there."""
        if seq == self.acked:
            return True
        if seq not in self.ends:
            return False
        while self.ends and self.ends[0] <= seq:
            self.ends.popleft()
        self.acked = seq
        return True
