"""What is listed on all shards together, under the ids of outside, as the shards' journals tell it."""

import time
from dataclasses import replace

import numpy as np

from config.catalog import IS_LISTING, Catalog, Instrument
from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from ops.shards.layout import Shards
from ops.shards.records import events_outside

AGAIN_S = 0.05  # nobody looks into the journals more often


class Listings:
    """`catalog`: of all shards; `parts`: each shard's own, under its own ids."""

    def __init__(self, shards: Shards) -> None:
        self.shards = shards
        self.parts = [Catalog() for _ in range(shards.count)]
        self.catalog = Catalog()
        self._journals: list[JournalReader | None] = [None] * shards.count
        self._looked_s = 0.0
        self.refresh()

    def refresh(self) -> bool:
        """Read again what the journals list; False where that was done a moment ago. Raises JournalError."""
        now_s = time.monotonic()
        if now_s - self._looked_s < AGAIN_S:
            return False
        for shard in range(self.shards.count):
            journal = self._journal(shard)
            self.parts[shard] = Catalog.from_events(journal.listed(journal.last)) if journal.last else Catalog()
        self.catalog = together(self.parts)
        self._looked_s = now_s
        return True

    def refresh_now(self) -> None:
        """Read again, however lately that was done: something was told that is not in here yet. Raises JournalError."""
        self._looked_s = 0.0
        self.refresh()

    def fold(self, events: np.ndarray) -> None:
        """Events were told: where they list or change something, the journals have it by now."""
        if IS_LISTING[events["type"]].any():
            self.refresh_now()

    def _journal(self, shard: int) -> JournalReader:
        found = self._journals[shard]
        if found is None:
            found = self._journals[shard] = JournalReader(self.shards.folder(shard))
        return found

    def is_complete(self) -> bool:
        """Whether every shard lists something: its history has begun."""
        return all(part.assets for part in self.parts)

    def shard_of(self, symbol: str) -> int | None:
        """Where an instrument trades, or traded before it was delisted; None where nobody lists it."""
        found = self.catalog.find_instrument(symbol)
        return None if found is None else self.shards.inside(found.id)[0]

    def next_shard(self) -> int:
        """Where the next instrument belongs: the shard with the fewest, so that ids outside have no gaps."""
        counts = [len(part.instruments) for part in self.parts]
        return counts.index(min(counts))

    def trade_of(self, seq: int) -> np.void | None:
        """The event of a sequence of outside, in the numbers of outside; None where there is none."""
        shard, inside = self.shards.inside(seq)
        try:
            event = self._journal(shard).record(inside)
        except JournalError:
            return None
        found: np.void = events_outside(event, self.shards, shard)[0]
        return found

    def close(self) -> None:
        """Close the journals."""
        for journal in self._journals:
            if journal is not None:
                journal.close()


def together(parts: list[Catalog]) -> Catalog:
    """One catalog of all parts. What no shard has listed yet, though one of a greater id is, stands there unlisted."""
    whole = Catalog()
    longest = max(parts, key=lambda part: len(part.assets))
    for asset in longest.assets:
        whole.take(asset)
    found: dict[int, Instrument] = {}
    for shard, part in enumerate(parts):
        for one in part.instruments:
            found[one.id * len(parts) + shard] = one
    for number in range(max(found, default=-1) + 1):
        own = found.get(number)
        if own is not None:
            whole.take(replace(own, id=number))
        else:
            whole.take(replace(next(iter(found.values())), id=number, symbol="", listed=False))
    return whole


def differing(parts: list[Catalog]) -> str:
    """How the shards' assets contradict each other, in words; "" where each list is the beginning of the longest."""
    longest = max(range(len(parts)), key=lambda shard: len(parts[shard].assets))
    for shard, part in enumerate(parts):
        for one, other in zip(part.assets, parts[longest].assets, strict=False):
            if (one.name, one.decimals) != (other.name, other.decimals):
                return f"asset {one.id} is {one.name} on shard {shard}, {other.name} on shard {longest}"
    return ""
