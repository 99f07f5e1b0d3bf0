"""A Kafka broker and a history to write, for the modules that ask for them."""

from collections.abc import Iterator

import pytest

from tests.consumers.sinks.history import History, make_history
from tests.consumers.sinks.topics import SEED, ManyPortKafka, running


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyPortKafka]:
    """One for all tests of a module: it takes seconds to start."""
    with running(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), SEED)
