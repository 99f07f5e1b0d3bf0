"""Run one stream through the reference and the real engine, and say where they part."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from engine.core import Engine
from tests.engine.fast import FastEngine, without_nothing
from tests.reference.engine import ReferenceEngine
from tests.reference.shrink import shrink
from tests.reference.stream import INSTRUMENTS, CommandStream

Command = dict[str, Any] | str


class Difference(Exception):
    """The two engines answered differently."""


class Pair:
    """Both engines, fed the same commands."""

    def __init__(self) -> None:
        self.plain, self.fast = ReferenceEngine(INSTRUMENTS), FastEngine(INSTRUMENTS)
        if self.plain.listed != self.fast.listed:
            raise Difference(f"listings\n  plain {self.plain.listed}\n  fast  {self.fast.listed}")

    def run(self, command: Command) -> list[dict[str, Any]]:
        """The events that both give; raises Difference."""
        plain, fast = self.plain.run(command), self.fast.run(command)
        if fast[0].get("reason") in self.plain.as_good:  # within a group of reasons any may be given
            fast[0]["reason"] = plain[0]["reason"]
        if plain != fast:
            lines = [f"command {command}"]
            lines += [f"  plain {event}" for event in plain] + [f"  fast  {event}" for event in fast]
            raise Difference("\n".join(lines))
        return plain

    def compare_state(self) -> None:
        """Balances, and so frozen amounts, and the books in priority; raises Difference."""
        self.plain.validate()  # frozen is recomputed here from the open orders
        for name, plain, fast in (
            ("balances", without_nothing(self.plain.balances()), without_nothing(self.fast.balances())),
            ("orders", self.plain.orders(), self.fast.orders()),
        ):
            if plain != fast:
                raise Difference(f"{name}\n  plain {plain}\n  fast  {fast}")

    def compare_replay(self) -> None:
        """Folding the events alone gives the same state; raises Difference."""
        replayed = Engine(self.fast.engine.limits)
        replayed.apply(np.concatenate(self.fast.records))
        if replayed.state_hash() != self.fast.engine.state_hash():
            raise Difference("the events, folded, give another state")


def find_difference(commands: Iterable[Command]) -> Difference | None:
    """The first difference on these commands, looked for after every one."""
    pair = Pair()
    try:
        for command in commands:
            pair.run(command)
            pair.compare_state()
        pair.compare_replay()
    except Difference as difference:
        return difference
    return None


def run_stream(seed: int, count: int, state_every: int) -> None:
    """Compare on one random stream; a difference is raised as AssertionError with the shrunk commands."""
    source, pair, ran = CommandStream(seed), Pair(), list[Command]()
    try:
        for number in range(1, count + 1):
            ran.append(source.next())
            source.saw(pair.run(ran[-1]))
            if number % state_every == 0 or number == count:
                pair.compare_state()
        pair.compare_replay()
    except Difference as difference:
        raise AssertionError(describe(seed, ran, difference)) from difference


def describe(seed: int, ran: Sequence[Command], difference: Difference) -> str:
    """The seed, the difference, and the fewest commands found that still make one."""
    shrunk = shrink(ran, lambda commands: find_difference(commands) is not None, tries=80)
    lines = [f"seed {seed}, after {len(ran)} commands: {difference}", "shrunk to:", *map(repr, shrunk)]
    return "\n".join([*lines, f"which gives: {find_difference(shrunk)}"])
