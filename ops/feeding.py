"""Recorded flow into a running pipeline: a window of commands under way, sent again where their answers were lost."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from client.python.entry_client import EntryClient, EntryRefused, NoAnswer
from client.python.lane_client import LaneClient
from config.catalog import Catalog
from config.json_commands import LISTING_OPS, decode_lines
from consumers.journal.format import JournalError
from consumers.journal.reader import JournalReader
from ops.entry_link import open_entry
from ops.output import say
from ops.run_file import RunFile, live_run
from ops.shards.layout import read_shards
from ops.shards.listings import Listings
from ringbuf.codes import CMD_GROUP, GROUP_MAX, NO_ID, EventType, Op, Reason
from ringbuf.records import COMMAND
from ringbuf.shm import SegmentError

WINDOW = 2048
# Half of the client ids that an account's window remembers: so many commands under way, and one that comes back
# because entry had no room for it is never so far behind the others that it could only be refused as a duplicate.
SAFE_WINDOW = 32
CHUNK = 256
POLL_MS = 20
ROOM_S = 0.02  # before what was refused is sent again
PROBE_S = 1.0  # without an answer so long: is the session still known?
STALL_S = 30.0  # without an answer so long from a living pipeline: the answers are lost
PROGRESS_S = 2.0
_READ = 65536
# Sent twice without a client id these would count twice.
_ONCE = np.array([Op.DEPOSIT, Op.WITHDRAW, Op.PLACE, Op.AMEND, Op.REPLACE], np.uint8)


class FeedFailed(Exception):
    """The feed can't go on; the message says why and how far it got."""


class History:
    """Listings and trades so far, from the journal: what turns JSON commands into records."""

    def __init__(self, data: Path) -> None:
        self.journal = JournalReader(data)
        self.catalog = Catalog()
        self._seen = 0
        self.refresh()

    def fold(self, events: np.ndarray) -> None:
        """Take in listings among events that were told."""
        self.catalog.fold_all(events)

    def refresh(self) -> None:
        """Fold the listings that have come since."""
        last = self.journal.last
        if self._seen + 1 < self.journal.first or not self._seen:  # what was not seen yet may be removed already
            self.catalog.fold_all(self.journal.listed(last))
            self._seen = last
        while self._seen < last:
            events = self.journal.read(self._seen + 1, min(_READ, last - self._seen))
            self.catalog.fold_all(events)
            self._seen += len(events)

    def trade_of(self, seq: int) -> np.void | None:
        """The event of a sequence, for a bust; None where there is none."""
        try:
            found: np.void = self.journal.record(seq)[0]
        except JournalError:
            return None
        return found

    def close(self) -> None:
        """Close the journal's files."""
        self.journal.close()


def history_of(data: Path) -> "History | Listings":
    """What is listed in a data directory: of one pipeline, or of all shards under the ids of outside."""
    shards = read_shards(data)
    return History(data) if shards is None else Listings(shards)


class Link(Protocol):
    """A client of the pipeline, either way."""

    @property
    def session(self) -> int:
        """What the answers' `session` field holds."""

    def send(self, commands: np.ndarray) -> int:
        """How many went in, from the first on."""

    def receive(self, timeout_ms: int) -> np.ndarray:
        """EVENT records that have come."""

    def own_answers(self, events: np.ndarray) -> int:
        """How many commands of this link they finish."""

    def close(self) -> None:
        """Let go."""


@dataclass
class _Sent:
    """A command under way (one COMMAND). `refused`: entry did not take it, it goes again."""

    command: np.ndarray
    refused: bool = False


class Feed:
    """One run of `feed`. Counts: `sent` (repeats too), `answered`, `duplicates`, `rejected`, `trades`, `resumed`."""

    def __init__(self, data: Path, via: str, rate: int | None, patience_s: float) -> None:
        self._data = data
        self._via = via
        self._rate = rate
        self._patience_s = patience_s
        self._history = history_of(data)
        self._link: Link | None = None
        self._window = WINDOW
        self._ready: deque[np.ndarray] = deque()  # decoded, not sent: arrays of one COMMAND
        self._pending: deque[_Sent] = deque()  # sent, not answered, in order
        self._refused = False  # something under way was refused
        self.sent = self.answered = self.rejected = self.trades = self.resumed = self.unsure = 0
        self._answer_s = self._probe_s = self._told_s = self._start_s = time.monotonic()

    def run(self, path: Path) -> None:
        """Feed the whole file; returns when all is answered. Raises FeedFailed, OSError."""
        self._connect()
        self._start_s = self._answer_s = time.monotonic()
        with path.open("rb") as file:
            lines = _chunks(file)
            held: list[bytes] = []
            ended = False
            while True:
                if not held and not ended:
                    held = next(lines, [])
                    ended = not held
                if not held and not self._ready and not self._pending:
                    return
                if held and len(self._ready) < CHUNK:
                    held = self._decode(held)
                self._push()
                more = len(self._ready) < CHUNK and not ended
                self._pull(0 if more and len(self._pending) < self._window else self._patience_ms())
                self._progress()

    def _patience_ms(self) -> int:
        """Nothing can be sent before an answer comes or, at a rate, before its time."""
        return POLL_MS if self._rate is None or not self._ready else 1

    def _decode(self, lines: list[bytes]) -> list[bytes]:
        """Decode some of these lines; the rest. A listing or a bust waits until all before it is answered."""
        if b'"bust"' in lines[0] and (self._ready or self._pending):
            return lines
        if not self._pending and not self._ready:
            self._history.refresh()
        out = np.zeros(len(lines) + GROUP_MAX, COMMAND)
        count, records = decode_lines(lines, self._history.catalog, out, self._history.trade_of)
        listed = int(out["op"][records - 1]) in LISTING_OPS
        self._ready.extend(out[at : at + 1] for at in range(records))
        if listed:
            while self._ready or self._pending:
                self._push()
                self._pull(POLL_MS)
            self._history.refresh()
        return lines[count:]

    def _push(self) -> None:
        """Send as many as window and rate allow."""
        assert self._link is not None
        if self._refused and not self._all_refused():
            return
        room = min(self._window - len(self._pending), CHUNK, len(self._ready))
        if self._rate is not None:
            room = min(room, int((time.monotonic() - self._start_s) * self._rate) - self.sent)
        if room <= 0:
            return
        batch = [self._ready.popleft() for _ in range(room)]
        while self._ready and batch[-1]["flags"][0] & CMD_GROUP:  # the others of its group with it
            batch.append(self._ready.popleft())
        fitted = self._link.send(np.concatenate(batch))
        self._ready.extendleft(reversed(batch[fitted:]))
        self._pending.extend(map(_Sent, batch[:fitted]))
        self.sent += fitted

    def _pull(self, timeout_ms: int) -> None:
        """Take answers; look after the link where none come."""
        assert self._link is not None
        events = self._link.receive(timeout_ms if self._pending else min(timeout_ms, 2))
        now_s = time.monotonic()
        refused = events[events["seq"] == 0]
        for one in refused:
            self._refuse(int(one["account"]), int(one["client_id"]), int(one["reason"]))
        events = events[events["seq"] != 0]
        self._history.fold(events)
        mine = events[events["session"] == self._link.session]
        finished = min(self._link.own_answers(mine), len(self._pending))
        self._take_off(finished)
        self.answered += finished
        self.rejected += int(np.count_nonzero(mine["type"] == EventType.REJECTED))
        self.trades += int(np.count_nonzero(mine["type"] == EventType.TRADE))
        if isinstance(self._link, EntryClient):
            self._heed(self._link)
        if finished or len(refused) or not self._pending:
            self._answer_s = self._probe_s = now_s
        elif now_s - self._probe_s > PROBE_S:
            self._probe_s = now_s
            self._look_after(now_s)

    def _heed(self, link: EntryClient) -> None:
        """Entry's own words: another session = what was under way is lost or not answered to us."""
        try:
            session = link.answered_session()
        except EntryRefused:  # keys are asked for since its restart: a new link shows what it takes
            session = -1
        if session is not None and session != link.session:
            self._reopen("order entry was restarted")
            return
        link.notices.clear()

    def _refuse(self, account: int, client_id: int, reason: int) -> None:
        """Entry did not take this command, nor what names this session after it."""
        for sent in self._pending:
            if not sent.refused and (int(sent.command["account"][0]), int(sent.command["client_id"][0])) == (
                account,
                client_id,
            ):
                sent.refused = True
                break
        if not self._refused and reason == Reason.STORAGE_FULL:
            say("feed: the journal fails (storage_full): waiting for it")
        self._refused = True

    def _take_off(self, finished: int) -> None:
        """The oldest so many that were not refused are answered."""
        refused = []
        while finished:
            sent = self._pending.popleft()
            if sent.refused:
                refused.append(sent)
            else:
                finished -= 1
        self._pending.extendleft(reversed(refused))

    def _all_refused(self) -> bool:
        """Whether nothing is under way any more; what was refused then goes again, in order, in smaller bites."""
        if not all(sent.refused for sent in self._pending):
            return False
        self._ready.extendleft(sent.command for sent in reversed(self._pending))
        self._pending.clear()
        self._refused = False
        self._window = SAFE_WINDOW
        time.sleep(ROOM_S)
        return True

    def _look_after(self, now_s: float) -> None:
        """No answer for a while: a restarting engine is waited for, a link that is gone is opened again."""
        if live_run(self._data) is None:
            self._reopen("the pipeline is gone")
        elif isinstance(self._link, LaneClient) and not self._link.is_current:
            self._reopen("the pipeline was restarted")
        elif isinstance(self._link, EntryClient):
            self._link.ask_session()
        if now_s - self._answer_s > max(STALL_S, self._patience_s):
            raise FeedFailed(f"no answer for {now_s - self._answer_s:.0f} s: {self.answered} answered")

    def _reopen(self, why: str) -> None:
        """A new link; what was under way goes again, in order, except what must not come twice."""
        assert self._link is not None
        say(f"feed: {why}: {len(self._pending)} commands under way are sent again")
        self._link.close()
        self._link = None
        once = [sent for sent in self._pending if not sent.refused and _must_not_come_twice(sent.command)]
        self.unsure += len(once)
        again = [sent.command for sent in self._pending if sent.refused or not _must_not_come_twice(sent.command)]
        self._pending.clear()
        self._refused = False
        self._ready.extendleft(reversed(again))
        self.resumed += 1
        self._connect()

    def _connect(self) -> None:
        """Open the link; waits for a pipeline that is being restarted. FeedFailed after the patience."""
        deadline = time.monotonic() + self._patience_s
        while True:
            run = live_run(self._data)
            if run is not None:
                try:
                    self._link = self._open(run)
                except (NoAnswer, EntryRefused, SegmentError) as error:
                    why = str(error)
                else:
                    self._answer_s = self._probe_s = time.monotonic()
                    return
            else:
                why = f"no pipeline is running on {self._data}"
            if time.monotonic() > deadline:
                raise FeedFailed(f"{why}: {self.answered} answered")
            time.sleep(0.1)

    def _open(self, run: RunFile) -> Link:
        # Two feeds fit into one lane.
        self._window = min(WINDOW, int(run.settings["ring"]["lane_capacity"]) // 2)
        if self._via == "shm":
            assert isinstance(self._history, History)  # the verb refuses it for shards
            return LaneClient(run.name, "feed", self._history.journal.read)
        return open_entry(self._data, run, 2.0)

    def _progress(self) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= PROGRESS_S:
            self._told_s = now_s
            seconds = max(now_s - self._start_s, 1e-3)
            say(f"feed: {self.answered:,} answered, {len(self._pending)} under way, {self.answered / seconds:,.0f}/s")

    def summary(self) -> dict[str, Any]:
        """The counts for `--json`."""
        seconds = max(time.monotonic() - self._start_s, 1e-6)
        return {
            "commands": self.answered + len(self._pending) + len(self._ready) + self.unsure,
            "answered": self.answered,
            "sent": self.sent,
            "rejected": self.rejected,
            "trades": self.trades,
            "resumed": self.resumed,
            "unsure": self.unsure,
            "seconds": round(seconds, 3),
            "commands_per_s": round(self.answered / seconds),
            "via": self._via,
        }

    def close(self) -> None:
        """Let go of link and journal."""
        if self._link is not None:
            self._link.close()
        self._history.close()


def _must_not_come_twice(command: np.ndarray) -> bool:
    return int(command["client_id"][0]) == NO_ID and command["op"][0] in _ONCE


def _chunks(file: Any) -> Iterator[list[bytes]]:
    """The file's lines, blank ones left out, in chunks."""
    readline: Callable[[], bytes] = file.readline
    chunk: list[bytes] = []
    while line := readline():
        if line.strip():
            chunk.append(line)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
