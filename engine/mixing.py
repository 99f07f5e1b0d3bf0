"""Multipliers of the hashes behind the engine's open-addressing tables.

Who knows them can choose client ids that all begin in one cell, and make every look-up there walk over thousands of
others. So the live engine draws them from a seed that nobody sees. They decide where a thing lies in memory, and
nothing else: events and state hash are the same under every seed, which a test checks.

Ids come one after another, so the multiples of `key_mix` have to fall evenly all over the table, as those of the golden
ratio do. That is so where the continued fraction of key_mix / 2**64 has no large term: it is made of small ones.
"""

import random
import secrets

TERMS = 48  # more than 64 bits can tell
LARGEST_TERM = 3


def secret_seed() -> int:
    """A seed that nobody can guess: for whatever reads ids that strangers chose."""
    return secrets.randbits(128)


def mixes(seed: int) -> tuple[int, int]:
    """(key_mix, owner_mix) of a seed: odd, as i64."""
    draw = random.Random(seed)
    above, below = 0, 1  # a fraction below 1
    for _ in range(TERMS):
        above, below = below, draw.randint(1, LARGEST_TERM) * below + above
    key_mix = (above << 64) // below | 1
    return _as_i64(key_mix), _as_i64(draw.getrandbits(64) | 1)


def _as_i64(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
