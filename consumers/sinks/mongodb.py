"""MongoDB, and what speaks its wire: collections of events and of trades, and a cursor of one document.

A document is named by its event's sequence, so a repeat is refused by its name and counts as done. Where the server
has transactions (a replica set or mongos, and tried), documents and cursor are committed together; else the cursor
follows when the server has acknowledged the documents.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal, DecimalException
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.sinks.beginning import first_held
from consumers.sinks.columns import BUSTED_SEQ, COLUMNS, Kind
from consumers.sinks.target import EVENTS, TRADES, BadRow, Batch, ReadableTarget, Row, Target, TargetAway, TargetRefused

log = logging.getLogger(__name__)

SCHEMA = 1  # of the documents; those of an older one may lack fields, none is changed
CURSOR = "cursor"  # collection and name of its document
CONNECT_MS, ANSWER_MS, ACKNOWLEDGE_MS = 2_000, 8_000, 5_000
LOOK_MS = 60_000  # for verbs: some servers go through a whole collection for a range of names
REPEATED = 11000  # a document of that name is there
# Not allowed, who are you, no such command, bad name, somebody's validation, their unique index, Atlas' own.
OPERATOR = {13, 18, 59, 73, 121, REPEATED, 8000}
NOT_OF_A_TRADE = ("type", "reason")  # of a trade they say nothing


def check(settings: SinkSettings) -> None:
    """ConfigError where the URL names no server or database, or options stand there that this kind has no use for."""
    try:
        url = urlsplit(settings.url)
        well = url.scheme in ("mongodb", "mongodb+srv") and bool(url.hostname) and len(url.path) > 1
    except ValueError:
        well = False
    if not well:  # not repeated: it may have a password in it
        raise ConfigError("url", "expected mongodb://[USER:PASSWORD@]HOST[:PORT]/DATABASE[?OPTIONS], or mongodb+srv://")
    default = SinkSettings()
    for name in ("tables", "format", "keep"):
        if getattr(settings, name) != getattr(default, name):
            raise ConfigError(name, "expected nothing: it is not for MongoDB")


def target(settings: SinkSettings, data: Path) -> Target:
    """The sink of these settings."""
    return MongoDB(settings, data)


class MongoDB(ReadableTarget):
    """One database's collections under a prefix."""

    batch_events = 4096
    commit_ms = 10
    marks_busts = True
    tables = (EVENTS, TRADES)

    def __init__(self, settings: SinkSettings, data: Path) -> None:
        self._data, self._name, self._url = data, settings.name, settings.url
        self._prefix = settings.prefix
        self._place = urlsplit(settings.url).netloc.rpartition("@")[2]
        self._client: Any = None
        self._session: Any = None  # of all transactions, where the server has them
        self._epoch = self._from = 0
        self._text_decimals = False

    def open(self, epoch: int) -> int:
        """Connect; a first cursor where there is none; find out what the server can do."""
        with self._sorted():
            at = self._connect(epoch, ANSWER_MS)
            if not self._from:
                self._from = first_held(self._data, self._name)
                at = self._from - 1
                fields = {"epoch": epoch, "seq": at, "held_from": self._from, "schema": SCHEMA}
                self._cursor.insert_one({"_id": CURSOR} | {name: _int64(value) for name, value in fields.items()})
            self._cursor.update_one({"_id": CURSOR}, {"$max": {"schema": _int64(SCHEMA)}})
            self._session = self._succeed() if self._has_transactions() else None
        log.info("%s: %s transactions", self._place, "with" if self._session else "without")
        return at

    def look(self, epoch: int) -> int:
        """The cursor's sequence; makes nothing."""
        with self._sorted():
            return self._connect(epoch, LOOK_MS)

    def write(self, batch: Batch) -> None:
        """Documents, marks of busts, the cursor: in one transaction, or in this order."""
        import pymongo.errors

        found = self._documents(batch)
        with self._sorted():
            if self._session:
                try:
                    self._write_at_once(batch, found)
                    return
                except pymongo.errors.BulkWriteError as error:
                    if _failures(error):  # left by a time without transactions: they count as done
                        raise
            self._write_in_order(batch, found)

    def resend(self, batch: Batch) -> int:
        """Insert what is missing, mark what is not marked."""
        missing: set[int] = set()
        found = self._documents(batch)
        with self._sorted():
            for table in self.tables:
                names = self._collection(table).find(_between(batch.after + 1, batch.upto), {"_id": 1})
                held = {document["_id"] for document in names}
                lost = [document for document in found[table] if document["_id"] not in held]
                self._insert(table, lost)
                missing.update(document["_id"] for document in lost)
            self._mark(batch.busts)
        return len(missing)

    def held_from(self) -> int:
        """1, or where it began."""
        return max(self._from, 1)

    def read(self, table: str, first: int, last: int) -> Iterator[Row]:
        """Documents in the order of their names."""
        columns = COLUMNS[table]
        with self._sorted():
            for document in self._collection(table).find(_between(first, last), {"_id": 0}).sort("_id", 1):
                yield {name: _value(columns[name], value) for name, value in document.items()}

    def close(self) -> None:
        """Let go of the connections."""
        client, self._client, self._session = self._client, None, None
        if client is not None:
            client.close()

    # Connecting

    def _connect(self, epoch: int, answer_ms: int) -> int:
        from pymongo import MongoClient
        from pymongo.read_concern import ReadConcern
        from pymongo.write_concern import WriteConcern

        self.close()
        self._client = MongoClient(
            self._url,
            appname="matchline",
            serverSelectionTimeoutMS=CONNECT_MS,
            connectTimeoutMS=CONNECT_MS,
            socketTimeoutMS=answer_ms,
            retryWrites=False,  # whoever tries again asks for the cursor first
            retryReads=False,
        )
        hello = self._client.admin.command("hello")
        self._replicated = "setName" in hello or hello.get("msg") == "isdbgrid"
        self._text_decimals = _lacks_decimals(self._client)
        self._database = self._client.get_default_database().with_options(
            write_concern=WriteConcern("majority", ACKNOWLEDGE_MS, j=True),
            # What is not with the majority yet can be taken back; a server alone may not know the word.
            read_concern=ReadConcern("majority") if self._replicated else None,
        )
        self._cursor = self._collection(CURSOR)
        return self._read_cursor(epoch)

    def _read_cursor(self, epoch: int) -> int:
        """The cursor's sequence; 0, with `_from` 0, where there is none yet."""
        self._epoch, self._from = epoch, 0
        found = self._cursor.find_one({"_id": CURSOR})
        if found is None:
            if self._collection(EVENTS).find_one({}, {"_id": 1}) is not None:
                raise TargetRefused(f"{self._prefix}.{EVENTS}: has documents but no cursor: of which history?")
            return 0
        if found["epoch"] != epoch:
            raise TargetRefused(f"{self._prefix}.{CURSOR}: is of epoch {found['epoch']}, this history of {epoch}")
        if found.get("schema", 0) > SCHEMA:
            raise TargetRefused(f"{self._prefix}.{CURSOR}: is of schema {found['schema']}, this version knows {SCHEMA}")
        self._from = int(found.get("held_from", 1))
        return int(found["seq"])

    def _has_transactions(self) -> bool:
        """Tried: some servers take the words for one and carry out each command at once."""
        import pymongo.errors

        if not self._replicated:
            return False
        probe = {"_id": "probe"}
        try:
            with self._client.start_session() as session:
                session.start_transaction()
                self._cursor.insert_one(probe, session=session)
                session.abort_transaction()
        except pymongo.errors.OperationFailure:
            return False
        return not self._cursor.delete_one(probe).deleted_count

    def _succeed(self) -> Any:
        """A session, whose name the cursor keeps. A dead process may have left a transaction, which would be in the way
        for a minute: the session that the cursor names is ended."""
        import pymongo.errors

        if (left := self._cursor.find_one({"_id": CURSOR}).get("session")) is not None:
            try:
                self._client.admin.command({"killSessions": [{"id": left}]})
            except pymongo.errors.OperationFailure as error:  # not allowed: then it takes its minute
                log.warning("%s: the session before can't be ended: %s", self._place, _words(error))
        session = self._client.start_session()
        self._cursor.update_one({"_id": CURSOR}, {"$set": {"session": session.session_id["id"]}})
        return session

    def _collection(self, table: str) -> Any:
        return self._database[f"{self._prefix}.{table}"]

    # Writing

    def _write_at_once(self, batch: Batch, found: dict[str, list[dict[str, Any]]]) -> None:
        import pymongo.errors

        session = self._session
        session.start_transaction()
        try:
            here = {"_id": CURSOR, "epoch": _int64(self._epoch), "seq": _int64(batch.after)}
            moved = self._cursor.update_one(here, {"$set": {"seq": _int64(batch.upto)}}, session=session)
            if moved.matched_count != 1:
                raise self._elsewhere(batch)
            for table, documents in found.items():
                if documents:
                    self._collection(table).insert_many(documents, session=session)
            self._mark(batch.busts, session)
            session.commit_transaction()
        except pymongo.errors.AutoReconnect:
            raise  # nobody is there to be told; at the next start the session is ended
        except (pymongo.errors.PyMongoError, TargetAway):
            session.abort_transaction()
            raise

    def _write_in_order(self, batch: Batch, found: dict[str, list[dict[str, Any]]]) -> None:
        here = self._cursor.find_one({"_id": CURSOR})
        if here is None or (here["epoch"], here["seq"]) != (self._epoch, batch.after):
            raise self._elsewhere(batch)
        for table, documents in found.items():
            self._insert(table, documents)
        self._mark(batch.busts)
        whose = {"_id": CURSOR, "epoch": _int64(self._epoch)}
        moved = self._cursor.update_one(whose, {"$max": {"seq": _int64(batch.upto)}})
        if moved.matched_count != 1:
            raise self._elsewhere(batch)

    def _elsewhere(self, batch: Batch) -> TargetAway:
        return TargetAway(
            f"{self._prefix}.{CURSOR}: is not at {batch.after} of epoch {self._epoch} any more: emptied, or moved"
        )

    def _insert(self, table: str, documents: list[dict[str, Any]]) -> None:
        """Those that are there already count as done."""
        import pymongo.errors

        if not documents:
            return
        try:
            self._collection(table).insert_many(documents, ordered=False)
        except pymongo.errors.BulkWriteError as error:
            if _failures(error):
                raise

    def _mark(self, busts: Iterable[tuple[int, int]], session: Any = None) -> None:
        """Trades that were taken back."""
        from pymongo import UpdateOne

        marks = [UpdateOne({"_id": _int64(trade)}, {"$set": {BUSTED_SEQ: _int64(busted)}}) for trade, busted in busts]
        if marks:
            self._collection(TRADES).bulk_write(marks, session=session)

    def _documents(self, batch: Batch) -> dict[str, list[dict[str, Any]]]:
        """Events as documents, for each table. Raises BadRow."""
        from bson.int64 import Int64

        decimal = str if self._text_decimals else _decimal128
        of_kind = {Kind.INTEGER: Int64, Kind.DECIMAL: decimal, Kind.WORD: str, Kind.NAME: str}
        made = {name: of_kind[kind] for name, kind in COLUMNS[EVENTS].items()}
        events = [
            {"_id": Int64(fields["seq"]), **{name: made[name](value) for name, value in fields.items()}}
            for fields in batch.fields
        ]
        trades = [
            {name: value for name, value in document.items() if name not in NOT_OF_A_TRADE}
            for document in events
            if document["type"] == "trade"
        ]
        return {EVENTS: events, TRADES: trades}

    @contextmanager
    def _sorted(self) -> Iterator[None]:
        """What the client raises, as what it means here."""
        import pymongo.errors

        try:
            yield
        except pymongo.errors.PyMongoError as error:
            said = f"{self._place}: {_words(error)}"
            codes = {one.get("code") for one in _failures(error)} or {getattr(error, "code", None)}
            if codes & OPERATOR or isinstance(error, pymongo.errors.ConfigurationError):
                raise TargetRefused(said) from error
            raise TargetAway(said) from error


def _failures(error: Any) -> list[dict[str, Any]]:
    """What went wrong in a bulk write, but for documents that are there: a unique index of somebody's is another."""
    details = getattr(error, "details", None) or {}
    found = [one for kind in ("writeErrors", "writeConcernErrors") for one in details.get(kind, ())]
    return [one for one in found if one["code"] != REPEATED or not _is_name(one.get("errmsg", ""))]


def _is_name(text: str) -> bool:
    """Whether what is there twice is `_id`; a server that doesn't name the index means this one."""
    return " index: " not in text or " index: _id_" in text


def _words(error: Any) -> str:
    """The first that went wrong, without the server's whole answer and the client's view of all servers."""
    text = next((one.get("errmsg", "") for one in _failures(error)), "") or str(error)
    for rest in (", full error: ", ", Timeout: ", " (configured timeouts: "):
        text = text.partition(rest)[0]
    return text


def _lacks_decimals(client: Any) -> bool:
    """FerretDB 1 (later ones name themselves otherwise) drops the connection at a Decimal128: text it is, there."""
    return "ferretdbVersion" in client.admin.command("buildInfo")


@lru_cache(1 << 16)
def _decimal128(text: str) -> Any:
    """34 digits at most. Raises BadRow."""
    from bson.decimal128 import Decimal128

    try:
        made = Decimal128(text)
    except DecimalException as error:
        raise BadRow(f"{text} does not fit into the 34 digits of a Decimal128") from error
    return made


def _int64(value: int) -> Any:
    from bson.int64 import Int64

    return Int64(value)


def _between(first: int, last: int) -> dict[str, Any]:
    return {"_id": {"$gte": _int64(first), "$lte": _int64(last)}}


def _value(kind: Kind, value: Any) -> int | str | Decimal:
    if kind is Kind.INTEGER:
        return int(value)
    if kind is Kind.DECIMAL:
        return Decimal(value) if isinstance(value, str) else value.to_decimal()
    return str(value)
