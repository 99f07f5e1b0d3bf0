"""The sink's process in a pipeline, on a real broker."""

import pytest

from config.settings import SinkSettings
from tests.consumers.sinks.matrix import SinkMatrix
from tests.consumers.sinks.topics import ManyPortKafka, OverLink, settings


@pytest.fixture(scope="module", autouse=True)
def _server(broker: ManyPortKafka) -> None:
    OverLink.server = broker


class TestProcess(OverLink, SinkMatrix):
    """Its process in a pipeline."""

    @classmethod
    def settings(cls, name: str, port: int) -> SinkSettings:
        return settings(port, "matrix", "binary")
