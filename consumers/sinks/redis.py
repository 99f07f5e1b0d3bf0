"""Redis: a stream of events, one of trades, and their cursor; with each commit its trades by Pub/Sub.

All is written in transactions (MULTI), guarded by WATCH on the cursor: all of one or nothing, whoever is killed. Plain
pipelining would not do: where the server refuses some commands in the middle (out of memory, disk full) and takes the
next ones, the former could never be put in again, since the ids of a stream only grow.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.sinks.beginning import first_held
from consumers.sinks.column_text import JSON, RESP, ColumnText
from consumers.sinks.columns import COLUMNS, Kind
from consumers.sinks.redis_link import RedisLink, check_url, packed
from consumers.sinks.redis_market import MarketKeys
from consumers.sinks.target import EVENTS, TRADES, Batch, ReadableTarget, Row, Target, TargetAway, TargetRefused
from ringbuf.codes import EventType
from ringbuf.cuts import cut_places

SCHEMA = 1  # of keys and fields; a stream takes any fields, so an older one needs nothing but its number raised
CHUNK = 2048  # events of a transaction: the next ones are encoded while the server carries it out
PAGE = 2000  # entries that are read at a time
REPEATED = "equal or smaller than the target stream top item"  # the server's words for an id that it has had
_TRADES_HOLD = (EventType.TRADE, EventType.BUSTED)
_PUSHED = {
    **dict.fromkeys(_TRADES_HOLD, b"trade"),
    **dict.fromkeys((EventType.HALTED, EventType.RESUMED, EventType.STATE, EventType.UNCROSSED), b"status"),
    **dict.fromkeys((EventType.LISTED_INSTRUMENT, EventType.CHANGED_INSTRUMENT), b"status"),
    EventType.DELISTED_INSTRUMENT: b"status",
}
_IN_TRADES, _IS_PUSHED = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
_IN_TRADES[list(_TRADES_HOLD)] = _IS_PUSHED[list(_PUSHED)] = True


def check(settings: SinkSettings) -> None:
    """ConfigError where the URL is none of Redis, or options stand there that this kind has no use for."""
    check_url(settings.url)
    default = SinkSettings()
    for name in ("tables", "format"):
        if getattr(settings, name) != getattr(default, name):
            raise ConfigError(name, "expected nothing: it is not for Redis")


def target(settings: SinkSettings, data: Path) -> Target:
    """The sink of these settings."""
    return Redis(settings, data)


class Redis(ReadableTarget):
    """One server's keys under a prefix."""

    batch_events = 16_384
    commit_ms = 2
    marks_busts = False  # an entry of a stream can't be changed: a bust is an entry of its own
    tables = (EVENTS, TRADES)

    def __init__(self, settings: SinkSettings, data: Path) -> None:
        self._data, self._name = data, settings.name
        self._keep = settings.keep
        self._prefix = settings.prefix.encode()
        self._keys = {table: self._prefix + b":" + table.encode() for table in self.tables}
        self._cursor_key = self._prefix + b":cursor"
        self._link = RedisLink(settings.url)
        self._market = MarketKeys(data, settings.prefix)
        self._fields, self._json = ColumnText(RESP), ColumnText(JSON)
        self._heads = {table: _Heads(key) for table, key in self._keys.items()}
        self._epoch = self._from = 0
        self.lost = 0

    def open(self, epoch: int) -> int:
        """Connect; a first cursor where there is none."""
        self._fields, self._json = ColumnText(RESP), ColumnText(JSON)
        self._market.begin()
        at = self.look(epoch)
        fields = {"schema": SCHEMA}  # not the sequence: what a dead process has sent may only now be carried out
        if not self._from:
            self._from = first_held(self._data, self._name)
            at = self._from - 1
            fields |= {"epoch": epoch, "seq": at, "held_from": self._from}
        self._link.ask("HSET", self._cursor_key, *(word for item in fields.items() for word in item))
        return at

    def look(self, epoch: int) -> int:
        """Connect; the cursor's sequence."""
        self._link.connect()
        self._epoch, self._from, self.lost = epoch, 0, 0
        held = [self._link.ask("TYPE", key) for key in self._keys.values()]
        self._refuse_types(held)
        found, seq, schema, held_from = self._link.ask("HMGET", self._cursor_key, "epoch", "seq", "schema", "held_from")
        if found is None or seq is None:
            for key in (key for key, what in zip(self._keys.values(), held, strict=True) if what == b"stream"):
                self._refuse_entries(key)
            return 0
        if int(found) != epoch:
            raise TargetRefused(f"{self._said()}: is of epoch {int(found)}, this history of {epoch}")
        if int(schema or 0) > SCHEMA:
            raise TargetRefused(f"{self._said()}: is of schema {int(schema)}, this version knows {SCHEMA}")
        self._from = int(held_from or 1)
        return int(seq)

    def write(self, batch: Batch) -> None:
        """Some transactions, one after the other; while the server carries out one, the next is made and sent."""
        link, before = self._link, False
        for part in parts(batch):
            queued = self._queue(part)
            if before:
                self._carried_out(link.reply())
            self._check_before(part)
            link.replies(queued)  # any error here, and nothing is carried out
            link.send(packed("EXEC"))
            before = True
        self._carried_out(link.reply())
        self._market.changed(batch.events, batch.catalog)

    def resend(self, batch: Batch) -> int:
        """Put missing entries at the end of the streams; those before a later one are `lost`: ids only grow."""
        sent: set[int] = set()
        lost: set[int] = set()
        for table in self.tables:
            events = self._of_table(table, batch.events)
            held = {seq for seq, _ in self._entries(table, batch.after + 1, batch.upto)}
            missing = np.array([seq not in held for seq in events["seq"].tolist()], np.bool_)
            if missing.any():
                put = self._append(table, events[missing], batch.catalog)
                sent |= put
                lost |= set(events["seq"][missing].tolist()) - put
        self.lost += len(lost)
        return len(sent - lost)

    def held_from(self) -> int:
        """1, or with `keep` what the last trim had to leave."""
        return max(self._from, 1)

    def read(self, table: str, first: int, last: int) -> Iterator[Row]:
        """Entries of a stream; the stream of trades without its busts, which are no trades."""
        columns = COLUMNS[table]
        for _, words in self._entries(table, first, last):
            fields = dict(zip(words[::2], words[1::2], strict=True))
            if table == EVENTS or fields["type"] == "trade":
                yield {name: _value(columns[name], text) for name, text in fields.items() if name in columns}

    def idle(self, now_ns: int) -> None:
        """Ticker and depth of the symbols in which something has happened."""
        commands = self._market.due(now_ns)
        if commands:
            self._link.send(b"".join(commands))
            self._link.replies(len(commands))

    def close(self) -> None:
        """Let go of the connection."""
        self._link.close()

    def _said(self) -> str:
        return self._cursor_key.decode()

    def _refuse_types(self, types: list[bytes]) -> None:
        for key, held in zip(self._keys.values(), types, strict=True):
            if held not in (b"none", b"stream"):
                raise TargetRefused(f"{key.decode()}: is a {held.decode()}, expected a stream")

    def _refuse_entries(self, key: bytes) -> None:
        """A stream that has ever had an entry is of some history; one that a consumer group has made is of none."""
        state = self._link.ask("XINFO", "STREAM", key)
        if dict(zip(state[::2], state[1::2], strict=True))[b"last-generated-id"] != b"0-0":
            raise TargetRefused(f"{key.decode()}: has entries, and no cursor {self._said()} says of which history")

    # What is written

    def _queue(self, part: Batch) -> int:
        """Send a transaction but for its EXEC: how many replies follow those that `_check_before` reads."""
        head = [("WATCH", self._cursor_key), ("HMGET", self._cursor_key, "epoch", "seq")]
        head += [("TYPE", key) for key in self._keys.values()]
        commands = [packed(*command) for command in head]
        commands.append(packed("MULTI"))
        commands += self._commands(part.events, part.catalog)
        commands += self._ending(part.upto)
        self._link.send(b"".join(commands))
        return len(commands) - len(head)

    def _check_before(self, part: Batch) -> None:
        """The replies before MULTI: nobody has touched what this writes to."""
        _, cursor, *types = self._link.replies(2 + len(self._keys))
        self._refuse_types(types)
        if cursor != [b"%d" % self._epoch, b"%d" % part.after]:
            expected = [self._epoch, part.after]
            raise TargetAway(f"{self._said()}: is {cursor}, expected {expected}: emptied, or moved by another")

    def _of_table(self, table: str, events: NDArray[np.void]) -> NDArray[np.void]:
        return events if table == EVENTS else events[_IN_TRADES[events["type"]]]

    def _commands(self, events: NDArray[np.void], catalog: Catalog) -> list[bytes]:
        """Entries of both streams, and what is pushed."""
        counts, texts = self._fields.encode(events, catalog)
        seqs = events["seq"].tolist()
        commands = self._entries_of(EVENTS, seqs, counts, texts)
        at = np.flatnonzero(_IN_TRADES[events["type"]]).tolist()
        commands += self._entries_of(TRADES, [seqs[i] for i in at], [counts[i] for i in at], [texts[i] for i in at])
        return commands + self._pushes(events, catalog)

    def _entries_of(self, table: str, seqs: list[int], counts: list[int], texts: list[bytes]) -> list[bytes]:
        heads = self._heads[table]
        return [
            b"%b$%d\r\n%d-0\r\n%b" % (heads[count], len(str(seq)) + 2, seq, text)
            for seq, count, text in zip(seqs, counts, texts, strict=True)
        ]

    def _pushes(self, events: NDArray[np.void], catalog: Catalog) -> list[bytes]:
        """What subscribers are told of, as JSON, on `PREFIX:trade/SYM/` and `PREFIX:status/SYM/`."""
        events = events[_IS_PUSHED[events["type"]]]
        texts = self._json.encode(events, catalog).texts
        channels: dict[tuple[int, int], bytes] = {}
        commands = []
        for kind, symbol, text in zip(events["type"].tolist(), events["symbol"].tolist(), texts, strict=True):
            channel = channels.get((kind, symbol))
            if channel is None:
                known = symbol < len(catalog.instruments)
                name = catalog.instruments[symbol].symbol.encode() if known else b"*"  # a halt of everything
                channel = channels[kind, symbol] = b"%b:%b/%b/" % (self._prefix, _PUSHED[kind], name)
            commands.append(
                b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(channel), channel, len(text), text)
            )
        return commands

    def _ending(self, upto: int) -> list[bytes]:
        """The cursor and trimming."""
        if self._keep:
            self._from = max(self._from, upto - self._keep + 1)
        commands = [packed("HSET", self._cursor_key, "seq", upto, "held_from", self._from)]
        if self._keep:
            commands += [packed("XTRIM", key, "MAXLEN", "~", self._keep) for key in self._keys.values()]
        return commands

    def _carried_out(self, replies: list[Any] | None) -> None:
        """Whether a transaction was; an entry that is there already counts as done."""
        if replies is None:
            raise TargetAway(f"{self._said()}: was moved by somebody else in the middle of a write")
        for reply in replies:
            if isinstance(reply, Exception) and REPEATED not in str(reply):
                raise self._link.sorted(reply)

    # What is read, and sent again

    def _entries(self, table: str, first: int, last: int) -> Iterator[tuple[int, list[str]]]:
        """Sequence and words (field, value, field, …) of the entries from `first` to `last`."""
        while first <= last:
            page = self._link.ask("XRANGE", self._keys[table], f"{first}-0", f"{last}-0", "COUNT", PAGE)
            for entry_id, words in page:
                first = int(entry_id.partition(b"-")[0]) + 1
                yield first - 1, [word.decode() for word in words]
            if len(page) < PAGE:
                return

    def _append(self, table: str, events: NDArray[np.void], catalog: Catalog) -> set[int]:
        """Put the events in that are later than the stream's last entry; which these were.

        The stream's last id may be beyond its last entry, where that was deleted: it is set back first.
        """
        link, key = self._link, self._keys[table]
        link.ask("WATCH", key)
        newest = link.ask("XREVRANGE", key, "+", "-", "COUNT", 1)
        top = int(newest[0][0].partition(b"-")[0]) if newest else 0
        events = events[events["seq"] > top]
        if not len(events):
            link.ask("UNWATCH")
            return set()
        counts, texts = self._fields.encode(events, catalog)
        commands = self._entries_of(table, events["seq"].tolist(), counts, texts)
        if link.ask("EXISTS", key):
            commands.insert(0, packed("XSETID", key, f"{top}-0"))
        link.send(b"".join((packed("MULTI"), *commands)))
        link.replies(1 + len(commands))
        replies = link.ask("EXEC")
        if replies is None:
            raise TargetAway(f"{key.decode()}: was written meanwhile; send again once it is still")
        self._carried_out(replies)
        return set(events["seq"].tolist())


class _Heads(dict[int, bytes]):
    """How an XADD to a stream begins, by how many fields follow its id."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, count: int) -> bytes:
        made = self[count] = b"*%d\r\n" % (3 + 2 * count) + packed("XADD", self._key).partition(b"\r\n")[2]
        return made


def parts(batch: Batch) -> Iterator[Batch]:
    """A batch in pieces of about CHUNK events, cut between commands."""
    cuts, at = cut_places(batch.events), 0
    while at < len(batch.events):
        behind = int(np.searchsorted(cuts, at + CHUNK))
        end = int(cuts[behind]) if behind < len(cuts) - 1 else len(batch.events)
        upto = batch.upto if end == len(batch.events) else int(batch.events["seq"][end - 1])
        yield Batch(
            batch.events[at:end], batch.after if at == 0 else int(batch.events["seq"][at - 1]), upto, batch.catalog
        )
        at = end
    if not len(batch.events):
        yield batch


def _value(kind: Kind, text: str) -> int | str | Decimal:
    if kind is Kind.INTEGER:
        return int(text)
    return Decimal(text) if kind is Kind.DECIMAL else text
