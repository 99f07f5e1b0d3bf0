"""A subscriber of 40 lines that is stopped for ten seconds of a flow has the engine's book afterwards."""

import json
import random
import subprocess
import sys
from pathlib import Path

from client.python.subscriber import BookSubscriber
from tests.e2e.flow import commands, write_lines
from tests.pipeline import ROOT, eventually, pipeline, standing_still

EXAMPLE = ROOT / "client" / "examples" / "subscriber.py"
SYMBOL, RATE, SECONDS = "BTC-USDT", 2_000, 10


def last_book(out: Path) -> dict[str, list[list[str]]]:
    """Both sides of the last whole line that the example has printed."""
    whole = [line for line in out.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    book = json.loads(whole[-1])
    return {side: book[side] for side in ("bids", "asks")}


def test_a_subscriber_that_was_stopped_for_ten_seconds_ends_with_the_engines_book(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    flow = write_lines(tmp_path / "commands.jsonl", commands(RATE * SECONDS, seed))
    out = tmp_path / "book.jsonl"
    with pipeline(tmp_path) as running, out.open("wb") as file:
        running.up()
        example = subprocess.Popen([sys.executable, str(EXAMPLE), SYMBOL, str(running.base)], stdout=file)
        reader = BookSubscriber(SYMBOL, running.base)
        try:
            eventually(lambda: out.stat().st_size > 0, "the example has a book")
            with standing_still(example.pid):  # and reader does not poll meanwhile either
                before = running.published()
                fed = running.report("feed", str(flow), "--rate", str(RATE))
                assert fed["seconds"] >= SECONDS, fed
                running.settled()
                last = running.published()
            depth = running.report("query", "depth", SYMBOL)
            expected = {side: depth[side] for side in ("bids", "asks")}
            assert expected["bids"] and expected["asks"]
            eventually(lambda: last_book(out) == expected, "the example's book is the engine's")
            missed = reader.replay(f"trade/{SYMBOL}/", before + 1, last)
            trades = running.report("query", "trades", SYMBOL, "--last", "50")["trades"]
            assert [message["seq"] for message in missed][-50:] == [trade["seq"] for trade in trades]
            assert [message["prev"] for message in missed] == [0, *(message["seq"] for message in missed[:-1])]
        finally:
            reader.close()
            example.kill()
            example.wait()
