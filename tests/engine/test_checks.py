"""Decimals in an amend become whole steps exactly as fractions say."""

import random
from fractions import Fraction

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from engine.checks import whole_steps

MAX_63 = 2**63 - 1


def test_whole_steps_agree_with_fractions() -> None:
    seed = 11
    draw = random.Random(seed)
    for _ in range(20_000):
        decimals = draw.randrange(19)
        places = draw.randrange(decimals + 1)
        step = draw.choice((1, 5, 25, 2, 4, 3, 7, 10**9, draw.randrange(1, 1000), draw.randrange(1, 2**62)))
        mantissa = draw.choice((draw.randrange(1000), draw.randrange(2**63), 10 ** draw.randrange(18)))
        if draw.randrange(2):
            mantissa = min(mantissa * step, MAX_63)
        steps = Fraction(mantissa, 10**places) / Fraction(step, 10**decimals)
        if steps.denominator != 1:
            expected = -1
        else:
            expected = steps.numerator if steps <= MAX_63 else -2
        found = whole_steps(mantissa, places, step, decimals)
        assert found == expected, f"seed {seed}: {mantissa}e-{places} in steps of {step}e-{decimals}"
