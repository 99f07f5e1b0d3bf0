"""The proof that a subscriber keeps the engine's book: at every sequence, stopped, and with the publisher killed."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from client.python.subscriber import BookSubscriber
from tests.client.subscribers import SYMBOL, Sides, subscribers
from tests.e2e.flow import commands, write_lines
from tests.pipeline import Pipeline, eventually, standing_still

PART = 1500  # commands of each part of the flow
RATE = 3000  # a second: slow enough that not everything becomes one message
SEEN = 10  # books at least that a subscriber and the reference have both printed


class Reference:
    """The Python subscriber's book at every sequence, read by a thread of its own."""

    def __init__(self, base: int) -> None:
        self._reader = BookSubscriber(SYMBOL, base, timeout_ms=20_000)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.books: dict[int, Sides] = {}
        self._thread.start()

    def _read(self) -> None:
        reader = self._reader
        while not self._end.is_set():
            if reader.poll_one(0.1):
                self.books[reader.seq] = {"bids": dict(reader.bids), "asks": dict(reader.asks)}

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._reader.close()


@contextmanager
def reference(base: int) -> Iterator[Reference]:
    made = Reference(base)
    try:
        yield made
    finally:
        made.close()


def prove(running: Pipeline, made: dict[str, list[str]], folder: Path) -> None:
    """Feed a flow in parts; every book that each of them prints is right, and the last one is the engine's."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    flow = commands(4 * PART, seed)
    parts = [write_lines(folder / f"part-{number}.jsonl", islice(flow, PART)) for number in range(4)]

    def feed(number: int) -> None:
        running.report("feed", str(parts[number]), "--rate", str(RATE))

    feed(0)
    running.settled()
    with subscribers(made, running.base, folder) as started, reference(running.base) as right:
        for each in started:
            eventually(lambda each=each: each.last() is not None, f"{each.name} has a book")
        feed(1)
        with stopped([each.process.pid for each in started]):
            # Nobody is there to connect again: what comes now is sent to none of them.
            before = running.restarts("publisher")
            os.kill(running.pid("publisher"), signal.SIGKILL)
            eventually(lambda: running.restarts("publisher") == before + 1, "the publisher works again")
            feed(2)
            running.settled()
        feed(3)
        running.settled()
        depth = running.report("query", "depth", SYMBOL)
        expected = {side: dict(depth[side]) for side in ("bids", "asks")}
        assert expected["bids"] and expected["asks"]
        for each in started:
            eventually(lambda each=each: each.last() == expected, f"{each.name}'s book is the engine's")
            seen = [(seq, book) for seq, book in each.books() if seq in right.books]
            assert len({seq for seq, _ in seen}) >= SEEN, f"{each.name} printed {len(seen)} books that can be compared"
            wrong = [seq for seq, book in seen if book != right.books[seq]]
            assert not wrong, f"{each.name}'s book is wrong at {wrong[:5]}"


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """All of these stand still."""
    if not pids:
        yield
        return
    with standing_still(pids[0]), stopped(pids[1:]):
        yield
