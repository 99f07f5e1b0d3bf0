"""The order flow of the demo: the recorded half hour, or a seeded generator's where that can't be had."""

from dataclasses import dataclass
from pathlib import Path

from ops.convert import convert
from ops.convert.fetch import FetchError, fetch, recorded_files
from ops.convert.generate import generate
from ops.convert.summary import Summary
from ops.output import say

RECORDED = "Half an hour of Bitstamp BTC/USD, 2026-05-02, as recorded"
SEED = 1


@dataclass(frozen=True)
class Flow:
    """Commands ready to feed. `title` says in words what they are, `recorded` whether they are a real venue's."""

    summary: Summary
    title: str
    recorded: bool


def obtain(folder: Path, cache: Path, commands: int, made_up: bool) -> Flow:
    """The flow, written into `folder`; a recording is fetched into `cache` once.

    `made_up` asks for the generator at once; `commands` is how many it makes after its opening orders.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not made_up:
        try:
            files = recorded_files() or fetch(cache)
        except FetchError as error:
            say(f"no recorded order flow: {error}")
            say("a seeded generator, calibrated to that recording, stands in for it")
        else:
            say("converting the recorded order flow to commands")
            return Flow(convert("bitstamp", files, folder), RECORDED, recorded=True)
    say(f"generating {commands:,} commands, seed {SEED}")
    title = f"Made up by a seeded generator (seed {SEED}), calibrated to a recorded half hour of Bitstamp BTC/USD"
    return Flow(generate(folder, commands, SEED), title, recorded=False)
