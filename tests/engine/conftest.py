"""Clients of the pipeline that a module's own `running` fixture holds."""

from collections.abc import Iterator

import pytest

from tests.engine.dealer import Client, client_of
from tests.pipeline import Pipeline


@pytest.fixture
def client(running: Pipeline) -> Iterator[Client]:
    with client_of(running) as made:
        yield made


@pytest.fixture
def other(running: Pipeline) -> Iterator[Client]:
    with client_of(running) as made:
        yield made
