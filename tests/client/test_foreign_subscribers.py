"""The subscribers in Go, Node and Java keep the engine's book, whatever they miss. What they stand on is downloaded."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from ops.run_file import PORTS
from tests.client.book_proof import prove
from tests.client.subscribers import GO, JAVA, NODE, SYMBOL, C, Language, subscribers
from tests.pipeline import eventually, free_port_base, pipeline


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


@contextmanager
def forgetful(base: int) -> Iterator[list[bytes]]:
    """Feed and snapshot service that die, as it were, once they have the first question; the questions so far."""
    asked: list[bytes] = []
    over = threading.Event()
    book = {"epoch": 1, "seq": 7, "bids": [["10.00", "2"]], "asks": [["11.00", "3"]]}
    beat = {"epoch": 1, "seq": 7, "topics": {f"depth/{SYMBOL}/": 7}}

    def serve() -> None:
        with zmq.Context() as context, context.socket(zmq.PUB) as feed, context.socket(zmq.ROUTER) as service:
            feed.bind(f"tcp://127.0.0.1:{base + PORTS['feed_json']}")
            service.bind(f"tcp://127.0.0.1:{base + PORTS['replay']}")
            while not over.is_set():
                feed.send_multipart([b"hb/", json.dumps(beat, separators=(",", ":")).encode()])
                if service.poll(50):
                    identity, question = service.recv_multipart()
                    asked.append(question)
                    if len(asked) > 1:
                        service.send_multipart([identity, json.dumps(book, separators=(",", ":")).encode()])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("language", [C, GO, NODE, JAVA], ids=lambda language: language.name)
def test_a_question_that_is_never_answered_is_asked_again(language: Language, tmp_path: Path) -> None:
    if missing := language.missing():
        pytest.skip(missing)
    base = free_port_base(0)
    with forgetful(base) as asked, subscribers({language.name: language.build()}, base, tmp_path) as (one,):
        eventually(lambda: one.last() == {"bids": {"10.00": "2"}, "asks": {"11.00": "3"}}, "it has the book")
        assert len(asked) >= 2
