"""Reading a ring in batches of whole commands, noticing when the writer was faster."""

from typing import TYPE_CHECKING

import numpy as np

from ringbuf.cursor import Cursor
from ringbuf.layout import TIMING
from ringbuf.records import EVENT, MARKET, offset_of
from ringbuf.ring_kernels import AHEAD, LAPPED, NO_WHOLE_COMMAND, copy_records, limit_of

if TYPE_CHECKING:
    from ringbuf.ring import Ring

_RECORDS = {"event": EVENT, "market": MARKET}


class Lapped(Exception):
    """The record after `position` is no longer in the ring (or never was): read on from the journal, then seek."""

    def __init__(self, position: int, oldest: int) -> None:
        super().__init__(f"sequence {position + 1} is gone from the ring, which now begins at about {oldest}")
        self.position = position
        self.oldest = oldest


class Ahead(Exception):
    """The reader has finished more than was ever published here: another history, or one that lost its end."""

    def __init__(self, position: int, published: int) -> None:
        super().__init__(f"position: expected at most {published} (published), found {position}")
        self.position = position
        self.published = published


class RingReader:
    """Reads after `position`, which begins at the cursor's sequence and runs ahead of it.

    `ahead` = read up to `published`, not only up to what is durable (journal and replica). With `timing`, the
    times of the last batch stand in `.timing` (TIMING records).
    """

    def __init__(self, ring: "Ring", cursor: Cursor | None = None, ahead: bool = False, timing: bool = False) -> None:
        self.ring = ring
        self.cursor = cursor
        self.position = ring.published if cursor is None else cursor.sequence
        self.timing: np.ndarray | None = None
        self._wants_timing = timing
        self._whole_ring = int(ahead or ring.reads_published)
        self._dtype = _RECORDS[ring.kind]
        self._flags_at = offset_of(self._dtype, "flags")

    @property
    def limit(self) -> int:
        """Highest sequence that this reader may have now."""
        return int(limit_of(self.ring.address, self._whole_ring))

    def seek(self, seq: int) -> None:
        """Go on after `seq`, for example after having read up to it in the journal."""
        self.position = seq

    def poll(self, max_records: int) -> np.ndarray | None:
        """The next records as a copy of one's own, ending at a whole command; None = nothing new.

        Gives more than `max_records` only where a single command is longer. Raises Lapped, Ahead.
        """
        if max_records < 1:
            raise ValueError(f"max_records: expected 1 or more, found {max_records}")
        ring = self.ring
        limit = self.limit
        if limit == self.position:
            return None
        most = max_records
        while True:
            wanted = max(0, min(most, limit - self.position, ring.capacity))
            batch = np.empty(wanted, dtype=self._dtype)
            times = np.empty(wanted, dtype=TIMING) if self._wants_timing else None
            count = copy_records(
                ring.address,
                self.position,
                limit,
                wanted,
                batch.ctypes.data,
                0 if times is None else times.ctypes.data,
                self._flags_at,
            )
            if count != NO_WHOLE_COMMAND:
                break
            most *= 2  # one command is longer than the batch; it ends before `limit`
        if count == LAPPED:
            raise Lapped(self.position, max(ring.first_seq, ring.claimed - ring.capacity + 1))
        if count == AHEAD:
            raise Ahead(self.position, ring.published)
        if count == 0:
            return None
        self.position += int(count)
        if times is not None:
            self.timing = times[:count]
        return batch[:count]
