"""Events into MARKET records: a pure fold, so the same events give the same records with the same numbers.

The work is done by consumers.marketdata.kernels, which says in which order a command's records come; here is what
surrounds it: tables and output that grow, and the times of busted trades.
"""

from collections.abc import Callable

import numpy as np

from consumers.journal.checks import fill_checksums
from consumers.marketdata import kernels, memory
from consumers.marketdata.candles import LateBust
from consumers.marketdata.tables import CANDLES, Tables
from ringbuf.codes import EventType, MarketType
from ringbuf.cuts import cut_places
from ringbuf.records import EVENT, EVENT_BUST, MARKET

OUT_RECORDS = 32_768  # room between two commits at rest; longer only until the next `take`
TRADE = int(MarketType.TRADE)

TradeTime = Callable[[int, int], int | None]  # (symbol, trade's sequence) -> its ts_ns

_GROWS = {
    kernels.MORE_ORDERS: "orders",
    kernels.MORE_LEVELS: "levels",
    kernels.MORE_MINUTES: "minutes",
    kernels.MORE_SYMBOLS: "symbols",
    kernels.MORE_ACTIVE: "active",
}


class FoldError(Exception):
    """Events that do not hang together; the message names the sequence."""


class MarketFold:
    """Takes whole commands; `take` hands over the records since the last call.

    epoch: its low 32 bits stand in `spare` of each record. trade_time: when a trade that a bust names took place.
    late_busts: what trades busted since `take` take from candles that have ended.
    `layout`, `pack`, `unpack`, `fold`: a consumers.checkpoint.Memory.
    """

    layout = memory.LAYOUT

    def __init__(self, epoch: int, trade_time: TradeTime) -> None:
        self.trade_time = trade_time
        self.late_busts: list[LateBust] = []
        self._tables = Tables(epoch)
        self._set_out(np.empty(OUT_RECORDS, MARKET))

    def _set_out(self, out: np.ndarray) -> None:
        self._out = out
        self._tables.record["out"], self._tables.record["out_length"] = out.ctypes.data, len(out)

    @property
    def mseq(self) -> int:
        """Number of the last record."""
        return self._tables["mseq"]

    @property
    def symbols(self) -> int:
        """How many instruments are listed."""
        return self._tables["symbols_used"]

    def apply(self, events: np.ndarray) -> None:
        """Fold EVENT records that end with a whole command. Raises FoldError."""
        events = np.ascontiguousarray(events)
        times = self._bust_times(events)
        late = np.zeros((CANDLES * len(times), kernels.LATE_FIELDS), np.int64)
        tables = self._tables
        told = tables["out_used"]
        tables.record["at"] = tables.record["bust_at"] = tables.record["late_used"] = 0
        tables.record["bust_times"], tables.record["late"] = times.ctypes.data, late.ctypes.data
        while (code := kernels.fold_events(tables.address, events.ctypes.data, len(events))) != kernels.DONE:
            self._make_room(code, events)
        fill_checksums(self.records()[told:])
        self.late_busts += [tuple(row) for row in late[: tables["late_used"]].tolist()]

    def _make_room(self, code: int, events: np.ndarray) -> None:
        """What the kernel lacked for the command that it stopped before."""
        first = self._tables["at"]
        if code == kernels.BAD_SYMBOL:
            raise FoldError(f"command at event {int(events['seq'][first])}: symbol: expected a listed one")
        if code == kernels.NO_END:
            raise FoldError(f"command at event {int(events['seq'][first])}: expected its last event in the batch")
        if code == kernels.MORE_OUT:
            longer = np.empty(2 * len(self._out), MARKET)
            longer[: len(self._out)] = self._out
            self._set_out(longer)
            return
        self._tables.grow(_GROWS[code], 4 * int(cut_places(events[first:])[0]))

    def _bust_times(self, events: np.ndarray) -> np.ndarray:
        """When the trades took place that the batch's busts name: i64 a bust, -1 where nobody knows."""
        busts = events[events["type"] == EventType.BUSTED].view(EVENT_BUST)
        found = np.full(len(busts), -1, np.int64)
        for at, bust in enumerate(busts):
            symbol, seq = int(bust["symbol"]), int(bust["trade_seq"])
            ts_ns = _time_in(events[events["type"] == EventType.TRADE], symbol, seq)
            if ts_ns is None:
                records = self.records()
                ts_ns = _time_in(records[records["type"] == TRADE], symbol, seq)
            if ts_ns is None:
                ts_ns = self.trade_time(symbol, seq)
            if ts_ns is not None:
                found[at] = ts_ns
        return found

    def records(self) -> np.ndarray:
        """The MARKET records since `take`, checksums and all; a view, good until the next `apply` or `take`."""
        return self._out[: self._tables["out_used"]]

    def take(self) -> np.ndarray:
        """A copy of the MARKET records since the last call; also forgets what changed since then."""
        records = self.records().copy()
        self.forget()
        return records

    def forget(self) -> None:
        """The records since `take` are stored: begin anew."""
        self._tables.record["out_used"] = 0
        self.late_busts.clear()
        if len(self._out) > OUT_RECORDS:
            self._set_out(np.empty(OUT_RECORDS, MARKET))

    def pack(self) -> list[memoryview]:
        """All that goes on beyond a command, records not yet taken left out."""
        return memory.pack(self._tables)

    def unpack(self, packed: bytes) -> None:
        """Be what was packed; nothing is left to take."""
        self._tables = memory.unpack(packed)
        self._set_out(self._out)
        self.forget()

    def fold(self, events: np.ndarray) -> None:
        """As `apply`, of events whose records were taken before. Raises FoldError."""
        self.apply(events)
        self.forget()

    def depth(self, symbol: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(bids, asks) as (price_ticks, total_lots), best first; for tests and questions, not for speed."""
        return self._side(symbol, "bids", -1), self._side(symbol, "asks", 1)

    def _side(self, symbol: int, name: str, sign: int) -> list[tuple[int, int]]:
        links, levels = self._tables.array("links"), self._tables.array("levels")
        found = []
        slot = int(links[self._tables.array("symbols")[name][symbol], 0])
        while slot:
            found.append((sign * int(levels["key"][slot]), int(levels["total_lots"][slot])))
            slot = int(links[slot, 0])
        return found


def _time_in(trades: np.ndarray, symbol: int, seq: int) -> int | None:
    """ts_ns of a symbol's trade among EVENT or MARKET records in sequence, None where it isn't there."""
    at = int(np.searchsorted(trades["seq"], seq))
    if at < len(trades) and trades["seq"][at] == seq and trades["symbol"][at] == symbol:
        return int(trades["ts_ns"][at])
    return None


def fold_all(events: np.ndarray) -> tuple[MarketFold, np.ndarray]:
    """A fold over a whole history, and its records."""
    fold = MarketFold(0, lambda symbol, seq: int(events["ts_ns"][seq - 1]))
    fold.apply(events.view(EVENT))
    return fold, fold.take()
