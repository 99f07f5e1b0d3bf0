"""MongoDB's wire on two real servers: one with transactions, one without."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from config.settings import SinkSettings
from tests.consumers.sinks.contract import TargetContract
from tests.consumers.sinks.matrix import SinkMatrix, wanted
from tests.servers import ferretdb, secantusdb
from tests.servers.mongo import MongoWire


def sink(name: str, port: int) -> SinkSettings:
    # Directly: else the client would follow the address that the server says of itself, past a test's link.
    return SinkSettings("out", "mongodb", f"mongodb://127.0.0.1:{port}/{name[:40]}?directConnection=true")


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


class TestProcessOnFerretDB(OnFerretDB, SinkMatrix):
    """Its process in a pipeline."""
