"""Our subscribers for C and asyncio keep the engine's book, whatever they miss."""

import sys
from pathlib import Path

import pytest

from tests.client.book_proof import prove
from tests.client.subscribers import C
from tests.pipeline import ROOT, pipeline

LINES = 40


def test_c_and_python_subscribers_have_the_engines_book_at_every_sequence(tmp_path: Path) -> None:
    missing = C.missing()
    made = {
        "asyncio": [sys.executable, "-m", "client.examples.async_subscriber"],
        "example": [sys.executable, "-m", "client.examples.subscriber"],
    }
    if not missing:
        made["c"] = C.build()
    with pipeline(tmp_path) as running:
        running.up()
        prove(running, made, tmp_path)
    if missing:
        pytest.skip(missing)


@pytest.mark.parametrize(
    "file",
    [
        "c/subscriber.c", "c/sender.c", "examples/subscriber.py", "examples/async_subscriber.py", "go/subscriber.go",
        "java/Subscriber.java", "node/subscriber.mjs",
    ],
)  # fmt: skip
def test_they_are_short_enough_to_be_read_at_once(file: str) -> None:
    lines = (ROOT / "client" / file).read_text().splitlines()
    assert len(lines) <= LINES and max(map(len, lines)) <= 130
