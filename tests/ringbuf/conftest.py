"""What tests of shared memory share: a name of their own, gone afterwards."""

import os
from collections.abc import Iterator

import pytest

from ringbuf.shm import unlink


@pytest.fixture
def segment_name() -> Iterator[str]:
    """A name for one segment, unlinked after the test."""
    name = f"/matchline-test-{os.getpid()}-{os.urandom(4).hex()}"
    yield name
    unlink(name)
