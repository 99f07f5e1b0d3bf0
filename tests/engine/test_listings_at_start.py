"""A new history begins with every listing of the instruments file, also where its engine dies among them."""

import os
from pathlib import Path

import numpy as np
import pytest

from config.context import Context
from config.settings import Settings
from engine.core import Engine
from engine.process import _Serving
from engine.recovery import recover
from ringbuf.lanes import Lanes
from ringbuf.ring import Ring
from ringbuf.shm import unlink
from tests.consumers.engine_flow import LIMITS, catalog_of
from tests.reference.stream import INSTRUMENTS


@pytest.mark.parametrize("killed_after", range(7))
def test_an_engine_killed_among_its_first_listings_is_followed_by_one_that_lists_the_rest(
    tmp_path: Path, killed_after: int
) -> None:
    name = f"mltest{os.getpid()}-listings"
    commands = catalog_of(INSTRUMENTS, tmp_path).seed_commands()
    ring = Ring.create(f"/{name}.events", 4096, "event", 5, "journal")
    lanes = Lanes.create(f"/{name}.lanes", lanes=4, capacity=64)
    try:
        context = Context(name, tmp_path, 1024, Settings(), 5, catalog_of(INSTRUMENTS, tmp_path))
        for upto in (killed_after, len(commands), len(commands)):  # dies; does the rest; has nothing left to do
            serving = _Serving(context, ring, lanes, recover(LIMITS, tmp_path, ring, lambda _: None))
            serving.seed(commands[:upto])
        expected = Engine(LIMITS).run(commands)
        assert ring.published == len(expected)
        found = ring.records[np.arange(1, len(expected) + 1)]
        assert found.tobytes() == expected.tobytes()
    finally:
        for made in (ring, lanes):
            made.close()
            unlink(made.name)
