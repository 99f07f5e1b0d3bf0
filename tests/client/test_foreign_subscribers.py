"""The subscribers in Go, Node and Java keep the engine's book, whatever they miss. What they stand on is downloaded."""

from pathlib import Path

import pytest

from tests.client.book_proof import prove
from tests.client.subscribers import GO, JAVA, NODE
from tests.pipeline import pipeline


def test_each_has_the_engines_book_at_every_sequence(tmp_path: Path) -> None:
    missing = {language.name: language.missing() for language in (GO, NODE, JAVA)}
    made = {language.name: language.build() for language in (GO, NODE, JAVA) if not missing[language.name]}
    if made:
        with pipeline(tmp_path) as running:
            running.up()
            prove(running, made, tmp_path)
    lacks = [f"{name}: {why}" for name, why in missing.items() if why]
    if lacks:
        pytest.skip("; ".join(lacks))
