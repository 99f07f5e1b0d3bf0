"""One running pipeline for all clients of a test run, and its market."""

import random
from collections.abc import Iterator

import pytest

from tests.clients.market import Market
from tests.pipeline import Pipeline, pipeline

CONFIG = """
[gateway]
orders_per_10s = 10000
weight_per_minute = 60000
"""


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("clients"), config=CONFIG, web=True) as made:
        made.up()
        yield made


@pytest.fixture(scope="package")
def market(running: Pipeline) -> Iterator[Market]:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    made = Market(running, seed)
    yield made
    made.close()
