"""MongoDB's wire on two real servers: one with transactions, one without."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from config.catalog import Catalog
from config.errors import ConfigError
from config.instruments import build_catalog
from config.settings import SinkSettings
from consumers.sinks.kinds import check_sinks, open_target
from consumers.sinks.mongodb import MongoDB
from consumers.sinks.target import BadRow, Batch, TargetAway, TargetRefused
from engine.core import Engine
from ringbuf.codes import FLAG_LAST, EventType
from ringbuf.records import EVENT
from tests.consumers.engine_flow import LIMITS
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.contract import TargetContract
from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.matrix import SinkMatrix, wanted
from tests.disks import filled, small_disk
from tests.servers import ferretdb, secantusdb
from tests.servers.mongo import MongoWire

SEED = 14
PASSWORD = "correct-horse"


def sink(name: str, port: int, login: str = "") -> SinkSettings:
    # Directly: else the client would follow the address that the server says of itself, past a test's link.
    url = f"mongodb://{login}127.0.0.1:{port}/{name[:40]}?directConnection=true&authSource=admin"
    made = SinkSettings("out", "mongodb", url)
    check_sinks((made,))
    return made


def running(module: ModuleType, factory: pytest.TempPathFactory) -> Iterator[MongoWire]:
    started = wanted(module).start(factory.mktemp(module.__name__.rpartition(".")[2]))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def secantus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoWire]:
    yield from running(secantusdb, tmp_path_factory)


@pytest.fixture(scope="module")
def ferret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoWire]:
    yield from running(ferretdb, tmp_path_factory)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), SEED)


@pytest.fixture(params=["secantus", "ferret"])
def server(request: Any) -> MongoWire:
    """Both, one after the other."""
    found: MongoWire = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def database(server: MongoWire, request: Any) -> Iterator[Any]:
    """What a test's sink writes to, empty."""
    with server.connect() as client:
        name = database_of(request.node)
        client.drop_database(name)
        yield client[name]


def database_of(node: Any) -> str:
    return str(node.originalname)[:40]


def opened(settings: SinkSettings, history: History) -> tuple[MongoDB, int]:
    made = open_target(settings, history.data)
    assert isinstance(made, MongoDB)
    try:
        return made, made.open(EPOCH)
    except TargetAway:
        made.close()
        raise


def go_on(settings: SinkSettings, history: History, upto: int | None = None) -> None:
    target, at = opened(settings, history)
    try:
        for batch in history.batches(at, 200, upto):
            target.write(batch)
    finally:
        target.close()


def expect_all(settings: SinkSettings, history: History) -> None:
    target = open_target(settings, history.data)
    try:
        history.expect_in(target)
    finally:
        target.close()


class OnSecantusDB:
    """With transactions."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _server(cls, secantus: MongoWire) -> None:
        cls.server = secantus

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return sink(name, port)


class OnFerretDB:
    """Without."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _server(cls, ferret: MongoWire) -> None:
        cls.server = ferret

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return sink(name, port)


class Contract(TargetContract):
    """How a document is taken away."""

    def take_away(self, settings: SinkSettings, seq: int) -> None:
        with self.server.connect() as client:
            database = client[settings.url.rpartition("/")[2].partition("?")[0]]
            for table in ("events", "trades"):
                database[f"{settings.prefix}.{table}"].delete_one({"_id": seq})


class TestContractOnSecantusDB(OnSecantusDB, Contract):
    """Its promises, in transactions."""


class TestContractOnFerretDB(OnFerretDB, Contract):
    """Its promises, one after another."""


class TestProcessOnSecantusDB(OnSecantusDB, SinkMatrix):
    """Its process in a pipeline."""


@pytest.mark.long  # whoever compares reads in ranges, and each range is a walk through the whole collection there
class TestProcessOnFerretDB(OnFerretDB, SinkMatrix):
    """Its process in a pipeline."""


def test_transactions_are_used_where_they_are_real(secantus: MongoWire, ferret: MongoWire, history: History) -> None:
    for server, real in ((secantus, True), (ferret, False)):
        target, _ = opened(sink("probed", server.port), history)
        assert (target._session is not None) is real
        target.close()
        with server.connect() as client:
            assert client["probed"]["matchline.cursor"].count_documents({}) == 1, "nothing is left of the trial"


def test_a_transaction_that_a_dead_process_left_is_not_in_the_way(secantus: MongoWire, history: History) -> None:
    settings = sink("left", secantus.port)
    dead, at = opened(settings, history)
    dead._session.start_transaction()
    cursor = dead._client["left"]["matchline.cursor"]
    assert cursor.update_one({"_id": "cursor"}, {"$set": {"seq": 1}}, session=dead._session).matched_count == 1
    go_on(settings, history)  # while that one neither commits nor aborts
    expect_all(settings, history)
    dead.close()


def test_repeats_count_as_done(server: MongoWire, database: Any, history: History, request: Any) -> None:
    settings = sink(database.name, server.port)
    go_on(settings, history)
    database["matchline.cursor"].update_one({"_id": "cursor"}, {"$set": {"seq": history.batch(0, 100).upto}})
    go_on(settings, history)
    assert database["matchline.events"].count_documents({}) == history.last
    expect_all(settings, history)


def test_documents_without_a_cursor_are_refused(server: MongoWire, database: Any, history: History) -> None:
    settings = sink(database.name, server.port)
    go_on(settings, history, upto=200)
    database["matchline.cursor"].delete_one({"_id": "cursor"})
    with pytest.raises(TargetRefused, match="no cursor"):
        opened(settings, history)


def test_a_database_dropped_meanwhile_begins_again_from_the_first_event(
    server: MongoWire, database: Any, history: History
) -> None:
    settings = sink(database.name, server.port)
    target, at = opened(settings, history)
    batches = list(history.batches(at, 200))
    target.write(batches[0])
    database.client.drop_database(database.name)
    with pytest.raises(TargetAway, match="emptied"):
        target.write(batches[1])
    target.close()
    go_on(settings, history)
    expect_all(settings, history)


def test_of_two_writers_one_is_away_and_nothing_is_doubled(server: MongoWire, database: Any, history: History) -> None:
    settings = sink(database.name, server.port)
    (first, at), (second, _) = opened(settings, history), opened(settings, history)
    batch = history.batch(at, 100)
    first.write(batch)
    with pytest.raises(TargetAway, match="moved"):
        second.write(batch)
    first.close()
    second.close()
    go_on(settings, history)
    expect_all(settings, history)


def test_an_older_schema_is_taken_over_and_a_newer_refused(server: MongoWire, database: Any, history: History) -> None:
    settings, cursor = sink(database.name, server.port), database["matchline.cursor"]
    go_on(settings, history, upto=200)
    cursor.update_one({"_id": "cursor"}, {"$unset": {"schema": "", "held_from": ""}})  # as from before there was one
    go_on(settings, history)
    expect_all(settings, history)
    assert cursor.find_one({"_id": "cursor"})["schema"] == 1
    cursor.update_one({"_id": "cursor"}, {"$set": {"schema": 2}})
    with pytest.raises(TargetRefused, match="schema 2, this version knows 1"):
        opened(settings, history)


def test_numbers_are_int64_and_decimals_exact(server: MongoWire, database: Any, history: History) -> None:
    from bson.decimal128 import Decimal128
    from bson.int64 import Int64

    go_on(sink(database.name, server.port), history)
    decimals = str if "ferretdbVersion" in database.client.admin.command("buildInfo") else Decimal128
    trade = next(database["matchline.trades"].find())
    assert {type(trade[name]) for name in ("_id", "seq", "ts_ns", "account", "maker_order_id")} == {Int64}
    assert {type(trade[name]) for name in ("price", "qty", "fee", "maker_leaves")} == {decimals}
    fields = history.batch(0, history.last).trades[0]
    assert (trade["seq"], str(trade["price"]), str(trade["fee"])) == (fields["seq"], fields["price"], fields["fee"])


def test_a_unique_index_of_somebody_else_is_no_repeat(secantus: MongoWire, history: History) -> None:
    settings = sink("indexed", secantus.port)
    go_on(settings, history, upto=100)
    with secantus.connect() as client:
        events = client["indexed"]["matchline.events"]
        events.create_index("order_id", unique=True, partialFilterExpression={"type": "trade"})
        with pytest.raises(TargetRefused, match="order_id"):
            go_on(settings, history)
        events.drop_indexes()
    go_on(settings, history)
    expect_all(settings, history)


def test_a_decimal_of_more_than_34_digits_is_a_bad_row_of_which_nothing_is_taken(
    secantus: MongoWire, tmp_path: Path
) -> None:
    events = with_long_decimals()
    catalog, last = Catalog.from_events(events), len(events)
    target, _ = opened(sink("long", secantus.port), History(tmp_path, events))
    with pytest.raises(BadRow, match="34 digits"):
        target.write(Batch(events, 0, last, catalog))
    target.write(Batch(events[:-1], 0, last - 1, catalog))
    target.write(Batch(events[:0], last - 1, last, catalog))
    assert [row["seq"] for row in target.read("events", 1, last)] == list(range(1, last))
    target.close()


def with_long_decimals() -> np.ndarray:
    """Listings, and a cancelled event whose quantity has 36 digits."""
    terms = {"tick_size": "1", "price_min": "1", "price_max": "2", "maker_fee_ppm": 0, "taker_fee_ppm": 0}
    assets = [{"name": "B", "decimals": 9}, {"name": "Q", "decimals": 9}]
    instrument = {"symbol": "B-Q", "base": "B", "quote": "Q", "lot_size": "1234567891.000000001", **terms}
    first = Engine(LIMITS).run(build_catalog({"asset": assets, "instrument": [instrument]}).seed_commands())
    made = np.zeros(1, EVENT)
    made["seq"], made["type"], made["flags"] = len(first) + 1, EventType.CANCELLED, FLAG_LAST
    made["qty_lots"] = 9_223_372_036_854_775_807
    return np.concatenate([first, made])


def test_a_wrong_password_is_refused_and_never_told(tmp_path: Path, history: History) -> None:
    server = wanted(secantusdb).start(tmp_path / "server")
    try:
        with server.connect() as client:
            client.admin.command("createUser", "sink", pwd=PASSWORD, roles=["readWriteAnyDatabase"])
        server.stop()
        server.options = ["--auth"]
        server.answers = lambda: listens(server.port)  # who has no password gets no other answer
        server.restart()
        for login in ("sink:battery-staple@", ""):
            with pytest.raises(TargetRefused) as refused:
                opened(sink("locked", server.port, login), history)
            chain: BaseException | None = refused.value
            while chain is not None:
                assert "battery-staple" not in str(chain) and PASSWORD not in str(chain)
                chain = chain.__cause__
        settings = sink("locked", server.port, f"sink:{PASSWORD}@")
        go_on(settings, history)
        expect_all(settings, history)
    finally:
        server.stop()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_full_disk_is_away_and_goes_on_once_there_is_room(tmp_path: Path, history: History) -> None:
    server = wanted(secantusdb).SecantusDB(tmp_path / "server")
    with small_disk(tmp_path / "server", 300) as disk:
        server.start()
        try:
            settings = sink("disk", server.port)
            go_on(settings, history, upto=100)
            with filled(disk), pytest.raises(TargetAway):
                go_on(settings, history)
            go_on(settings, history)
            expect_all(settings, history)
        finally:
            server.stop()


def test_a_server_that_is_alone_gets_no_transactions(tmp_path: Path, history: History) -> None:
    server = wanted(secantusdb).start(tmp_path / "server", ["--standalone"])
    try:
        settings = sink("alone", server.port)
        target, _ = opened(settings, history)
        assert target._session is None
        target.close()
        go_on(settings, history)
        expect_all(settings, history)
    finally:
        server.stop()


def test_a_url_or_an_option_that_is_none_of_mongodb_is_refused_without_its_password() -> None:
    for url in ("http://h/d", "mongodb://u:secret@h", "mongodb://u:secret@h/", "mongodb:///d"):
        with pytest.raises(ConfigError, match=r"sink\[0\].url") as refused:
            check_sinks((SinkSettings("out", "mongodb", url),))
        assert "secret" not in str(refused.value)
    for option in ({"tables": "events"}, {"format": "binary"}, {"keep": 5}):
        settings = SinkSettings(**{"name": "out", "kind": "mongodb", "url": "mongodb://h/d", **option})
        with pytest.raises(ConfigError, match=next(iter(option))):
            check_sinks((settings,))
