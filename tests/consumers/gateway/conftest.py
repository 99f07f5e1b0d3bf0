"""Who asks a module's pipeline, its fixture `running`."""

import pytest

from tests.consumers.gateway.asking import Client
from tests.consumers.gateway.keys import OTHER, OWNER, client_of
from tests.pipeline import Pipeline


@pytest.fixture(scope="module")
def owner(running: Pipeline) -> Client:
    return client_of(running, OWNER)


@pytest.fixture(scope="module")
def other(running: Pipeline) -> Client:
    return client_of(running, OTHER)
