"""The contract of every target on a real broker, with values in both forms."""

import pytest

from config.settings import SinkSettings
from consumers.sinks.kafka_place import place_of
from consumers.sinks.target import EVENTS, TRADES
from tests.consumers.sinks.contract import TargetContract
from tests.consumers.sinks.topics import PLAIN, ManyPortKafka, OverLink, rewrite, settings


@pytest.fixture(scope="module", autouse=True)
def _server(broker: ManyPortKafka) -> None:
    OverLink.server = broker


class KafkaContract(OverLink, TargetContract):
    form: str

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return settings(port, f"{cls.form}-{name[:32]}", cls.form, PLAIN)

    def take_away(self, settings: SinkSettings, seq: int) -> None:
        """Nobody can take a record out of a log: the topics are made anew without it."""
        assert isinstance(self.server, ManyPortKafka)
        for table in (EVENTS, TRADES):
            rewrite(self.server, place_of(settings).topic(table), lambda message: message.seq != seq)


class TestJson(KafkaContract):
    """Values in JSON."""

    form = "json"


class TestBinary(KafkaContract):
    """Values as records."""

    form = "binary"
