"""Step 6 of nine: best bid and offer, depth, ticker, candles; one writer of the market ring.

The store is committed first, then the ring gets the same records: who is behind the ring reads the feed log. At a
start the state is that of the last checkpoint in the store, with the journal folded from there on.
"""

from typing import Any

import numpy as np

from consumers.checkpoint import CHECKPOINT, Checkpoints, put_checkpoint, take_up
from consumers.funds import listed_events
from consumers.marketdata.fold import FoldError, MarketFold
from consumers.marketdata.store import (
    NAME,
    TABLES,
    feed_after,
    last_mseq,
    put_records,
    take_from_candles,
    trade_at,
)
from consumers.runtime import ConsumerError, run
from consumers.stored import open_store, put_listed
from ringbuf.layout import CLAIMED_AT, PUBLISHED_AT
from ringbuf.ring import Ring
from ringbuf.ring_kernels import write_i64
from ringbuf.shm import SegmentMissing

CHUNK = 16384


class MarketData:
    """The consumer on the runtime."""

    name = NAME

    def open(self, context: Any) -> int:
        """Open the store, rebuild the state, give the ring what it lacks."""
        self.store = open_store(context, NAME, (*TABLES, CHECKPOINT))
        self.fold = MarketFold(context.epoch, self._trade_time)
        self._listed: list[np.void] = []
        self._rebuild(context)
        self.ring = market_ring(context.name, context.epoch, context.settings.ring.market_capacity, self.fold.mseq)
        self._fill_ring()
        return self.store.sequence

    def _rebuild(self, context: Any) -> None:
        try:
            begun = take_up(self.store, context.data, self.fold)
        except FoldError as error:
            raise ConsumerError(str(error)) from error
        self._folded = self.store.sequence
        self.checkpoints = Checkpoints(context.settings.snapshots.events, begun)
        with self.store.read() as txn:
            stored = last_mseq(txn, self.store)
        if stored != self.fold.mseq:
            raise ConsumerError(
                f"the journal up to {self._folded} gives {self.fold.mseq} market records, the store has {stored}: "
                f"move stores/{NAME} away to have it rebuilt"
            )

    def _fill_ring(self) -> None:
        """Records that are committed and that the ring lacks, from the feed log."""
        while self.ring.published < self.fold.mseq:
            with self.store.read() as txn:
                records = feed_after(txn, self.store, self.ring.published, CHUNK)
            if not len(records):
                raise ConsumerError(f"the feed log has nothing after {self.ring.published}")
            self._publish(records)

    def _publish(self, records: np.ndarray) -> None:
        """Append what the ring lacks: a store that is made again while others run is behind the ring at first."""
        records = records[max(self.ring.published - int(records["mseq"][0]) + 1, 0) :] if len(records) else records
        step = max(self.ring.capacity // 4, 1)
        for at in range(0, len(records), step):
            self.ring.append(records[at : at + step])
        self.ring.wake()

    def _trade_time(self, symbol: int, seq: int) -> int | None:
        with self.store.read() as txn:
            trade = trade_at(txn, self.store, symbol, seq)
        return None if trade is None else int(trade["ts_ns"])

    def apply(self, events: np.ndarray) -> None:
        """Fold a batch."""
        self._listed.extend(listed_events(events))
        try:
            self.fold.apply(events)
        except FoldError as error:
            raise ConsumerError(str(error)) from error
        self._folded = int(events["seq"][-1])

    def commit(self, sequence: int) -> None:
        """Store, then ring."""
        records = self.fold.records()
        due = self.checkpoints.due(sequence)

        def write(txn: Any) -> None:
            put_listed(txn, self.store, self._listed)
            put_records(txn, self.store, records)
            take_from_candles(txn, self.store, self.fold.late_busts, records)
            if due:
                put_checkpoint(txn, self.store, sequence, self.fold)

        self.store.commit(sequence, write)
        if due:
            self.checkpoints.at = sequence
        self._listed.clear()
        self._publish(records)
        self.fold.forget()

    def idle(self, now_ns: int) -> None:
        """Nothing to do at rest."""

    def close(self) -> None:
        """A checkpoint of what is committed; let go of ring and store; the supervisor unlinks the ring."""
        try:
            if self._folded == self.store.sequence:
                self.checkpoints.keep(self.store, self.fold)
        finally:
            self.ring.close()
            self.store.close()


def market_ring(name: str, epoch: int, capacity: int, mseq: int) -> Ring:
    """The supervisor's market ring (made here where there is none), no further back than its capacity from `mseq`.

    This process is the ring's one writer: where the ring is new and the history is not, it jumps forward. A reader
    behind that finds itself lapped and reads the feed log. Where the store is made again, the ring is ahead of it for
    a while: the same history gives the same records.
    """
    segment = f"/{name}.market"
    try:
        ring = Ring.attach(segment, "market")
    except SegmentMissing:
        ring = Ring.create(segment, capacity, "market", epoch, "memory", stale="reclaim")
    if ring.epoch != epoch:
        raise ConsumerError(f"{segment}: of epoch {ring.epoch}, expected {epoch}")
    begin = mseq - ring.capacity
    if ring.published < begin:
        write_i64(ring.address + CLAIMED_AT, begin)
        write_i64(ring.address + PUBLISHED_AT, begin)
    return ring


def main(context: Any) -> int:
    """Run until told to stop; the exit code."""
    return run(MarketData(), context)
