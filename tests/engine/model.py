"""Run one stream through the reference and the real engine, and say where they part."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from engine.core import Engine
from engine.state import Limits
from tests.engine.fast import FastEngine, check_frozen, check_levels, check_money, without_nothing
from tests.reference.engine import ReferenceEngine
from tests.reference.features import ALL
from tests.reference.limits import ROOMY, TableLimits
from tests.reference.run_case import answer
from tests.reference.shrink import shrink
from tests.reference.stream import CommandStream, instruments

Command = dict[str, Any] | str


class Difference(Exception):
    """The two engines answered differently."""


def tables_of(limits: TableLimits) -> Limits:
    """The real engine's tables for the reference's limits; small ones, which are quick to look through."""
    return Limits(**asdict(limits), max_nodes=4096, max_balances=1024, max_busted=1 << 15)


class Pair:
    """Both engines, fed the same commands, and a third that folds the real one's events."""

    def __init__(self, limits: TableLimits = ROOMY) -> None:
        listed = instruments(ALL)
        self.plain, self.fast = ReferenceEngine(listed, limits), FastEngine(listed, tables_of(limits))
        self.replayed = Engine(self.fast.engine.limits)
        if self.plain.listed != self.fast.listed:
            raise Difference(f"listings\n  plain {self.plain.listed}\n  fast  {self.fast.listed}")

    def run(self, command: Command) -> list[dict[str, Any]]:
        """The events that both give; raises Difference."""
        plain, fast = answer(self.plain, command), answer(self.fast, command)
        for expected, got in zip(plain, fast, strict=False):
            if got.get("reason") in self.plain.as_good.get(expected["seq"], ()):
                got["reason"] = expected["reason"]  # within a group of reasons any may be given
        if plain != fast:
            lines = [f"command {command}"]
            lines += [f"  plain {event}" for event in plain] + [f"  fast  {event}" for event in fast]
            raise Difference("\n".join(lines))
        try:
            check_frozen(self.fast.engine)
            self.plain.validate()  # the reference's own frozen amounts, books and money
        except AssertionError as error:
            raise Difference(f"after {command}: {error}") from error
        return plain

    def compare_state(self) -> None:
        """Balances, and so frozen amounts, and the books in priority; raises Difference."""
        try:
            check_money(self.fast.engine)
            check_levels(self.fast.engine)
        except AssertionError as error:
            raise Difference(f"money or levels: {error}") from error
        for name, plain, fast in (
            ("balances", without_nothing(self.plain.balances()), without_nothing(self.fast.balances())),
            ("orders", self.plain.orders(), self.fast.orders()),
        ):
            if plain != fast:
                raise Difference(f"{name}\n  plain {plain}\n  fast  {fast}")

    def compare_replay(self) -> None:
        """Folding the events alone gives the same state; raises Difference."""
        self.replayed.apply(np.concatenate(self.fast.records))
        self.fast.records.clear()
        if self.replayed.state_hash() != self.fast.engine.state_hash():
            raise Difference(f"the events up to {self.fast.engine.seq}, folded, give another state")


def find_difference(commands: Iterable[Command], limits: TableLimits) -> Difference | None:
    """The first difference on these commands, looked for after every one."""
    try:
        pair = Pair(limits)
        for command in commands:
            pair.run(command)
            pair.compare_state()
        pair.compare_replay()
    except Difference as difference:
        return difference
    return None


def run_stream(
    seed: int, count: int, state_every: int, limits: TableLimits = ROOMY, features: frozenset[str] = ALL
) -> Counter[str]:
    """Compare on one random stream; a difference is raised as AssertionError with the shrunk commands.

    Events and frozen amounts after every command; balances, books and the folded events after every ``state_every``.
    Returns how often each event (with its reason) was seen.
    """
    source, pair, ran, seen = CommandStream(seed, features), Pair(limits), list[Command](), Counter[str]()
    try:
        for number in range(1, count + 1):
            ran.append(source.next())
            events = pair.run(ran[-1])
            source.saw(events)
            seen.update(f"{event['type']} {event.get('reason', '')}".strip() for event in events)
            if number % state_every == 0 or number == count:
                pair.compare_state()
                pair.compare_replay()
    except Difference as difference:
        raise AssertionError(describe(seed, ran, difference, limits)) from difference
    return seen


def describe(seed: int, ran: Sequence[Command], difference: Difference, limits: TableLimits) -> str:
    """The seed, the difference, and the fewest commands found that still make one."""
    tries = int(os.environ.get("MATCHLINE_SHRINK_TRIES", "80"))
    shrunk = shrink(ran, lambda commands: find_difference(commands, limits) is not None, tries=tries)
    lines = [f"seed {seed}, {limits}, after {len(ran)} commands: {difference}", "shrunk to:", *map(repr, shrunk)]
    return "\n".join([*lines, f"which gives: {find_difference(shrunk, limits)}"])
