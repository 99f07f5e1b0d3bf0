"""What is beyond limit and market orders, by name, so that a suite can leave out what an engine does not have yet."""

import random

ORDERS = frozenset({"stop", "take_profit", "iceberg", "gtd", "collar", "min_qty", "mass_side"})
PAIRS = frozenset({"trailing", "oco", "replace"})
STATES = frozenset({"states", "band", "auction"})
CHANGES = frozenset({"group", "change", "delist", "disconnect"})
ALL = ORDERS | PAIRS | STATES | CHANGES


def some(seed: int) -> frozenset[str]:
    """All of them for every third seed, else about half: the fewer there are, the oftener each meets each other."""
    if seed % 3 == 0:
        return ALL
    chosen = frozenset(random.Random(seed).sample(sorted(ALL), (len(ALL) + 1) // 2))
    return chosen | {"states"} if chosen & STATES else chosen
