"""Redis on a real server: the contract, the process matrix, and what only streams do."""

from collections.abc import Iterator

import pytest

from config.settings import SinkSettings
from consumers.sinks.kinds import open_target
from tests.consumers.journal_files import EPOCH
from tests.consumers.sinks.contract import TargetContract
from tests.consumers.sinks.history import History
from tests.consumers.sinks.matrix import SinkMatrix, wanted
from tests.servers import redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    started = wanted(redis).start(tmp_path_factory.mktemp("redis"))
    yield started
    started.stop()


def sink(name: str, port: int, **more: object) -> SinkSettings:
    return SinkSettings("out", "redis", f"redis://127.0.0.1:{port}/0", prefix=name[:48], **more)


class TestContract(TargetContract):
    """Its promises as every target's."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _server(cls, server: redis.Redis) -> None:
        cls.server = server

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return sink(name, port)

    def take_away(self, settings: SinkSettings, seq: int) -> None:
        with self.server.connect() as client:
            for stream in ("events", "trades"):
                client.xdel(f"{settings.prefix}:{stream}", f"{seq}-0")

    def test_what_is_missing_is_sent_again_and_nothing_else(
        self, history: History, request: pytest.FixtureRequest
    ) -> None:
        """At the end; what is missing before later entries can't be put back, and is counted as lost."""
        settings = self.settings(request.node.name, self.server.port)
        self.fill(settings, history)
        for seq in (history.last - 1, history.last):
            self.take_away(settings, seq)
        target = open_target(settings, history.data)
        assert target.look(EPOCH) == history.last
        assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 2
        assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 0
        assert target.lost == 0
        history.expect_in(target)
        for seq in (17, 200, 201):
            self.take_away(settings, seq)
        assert sum(target.resend(batch) for batch in history.batches(0, 150)) == 0
        assert target.lost == 3
        with pytest.raises(AssertionError, match="event 17 is missing"):
            history.expect_in(target)
        target.close()


class TestProcess(SinkMatrix):
    """Its process in a pipeline."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _server(cls, server: redis.Redis) -> None:
        cls.server = server

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return sink(name, port)
