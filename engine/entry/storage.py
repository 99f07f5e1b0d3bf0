"""Whether what is accepted now can become durable: by what the journal's cursor says.

A journal that can't write or sync ends with a named error, its cursor says `failed`, and the supervisor starts it again
until it can (space is back). Until then order entry refuses with `storage_full`, cancels too: a cancel that can't be
made durable may not be confirmed. What was taken before is answered once the journal is back. A journal that was
killed says nothing of the kind: its restart takes milliseconds, and commands wait for it.
"""

import logging

from ringbuf.cursor import CursorState
from ringbuf.ring import Ring

log = logging.getLogger(__name__)


class Storage:
    """What order entry knows of the journal. `failing`: refuse."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self.failing = False
        self.look()

    def look(self) -> None:
        """Look at the journal's cursor again: `failed` begins a refusal, only `running` ends it."""
        state = self._ring.gate_state
        if state == CursorState.FAILED and not self.failing:
            log.error("entry: the journal has failed: what comes now is refused with storage_full")
            self.failing = True
        elif state in (CursorState.RUNNING, CursorState.CATCHING_UP) and self.failing:
            log.info("entry: the journal is back: commands are taken again")
            self.failing = False
