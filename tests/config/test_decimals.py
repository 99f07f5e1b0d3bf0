"""Decimal text to integers and back, exactly."""

from fractions import Fraction
from random import Random

import pytest

from config.decimals import MAX_UNITS, Scale

CENT = Scale.of_ratio(1, 100)


@pytest.mark.parametrize(
    ("text", "units"),
    [("50000.00", 5_000_000), ("5e4", 5_000_000), (7, 700), ("0.01", 1), ("-0.5", -50), (".5", 50), ("0e999999", 0)],
)
def test_whole_units_are_read_exactly(text: object, units: int) -> None:
    assert CENT.parse(text) == (units, True)


@pytest.mark.parametrize("text", ["0.001", "1e-3", "1.005", "1e-999999"])
def test_a_part_of_a_unit_is_not_exact(text: str) -> None:
    assert not CENT.parse(text)[1]


@pytest.mark.parametrize(
    "value", ["", ".", "1e", "NaN", "inf", " 1", "1_0", "0x1", "١", "1e30", "9" * 200, 1.5, True, None, [], MAX_UNITS]
)
def test_what_is_no_number_or_beyond_63_bits_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        CENT.parse(value)


def test_a_step_that_is_no_power_of_ten_keeps_its_decimals() -> None:
    quarter = Scale.of_ratio(1, 4)
    assert quarter.text(3) == "0.75"
    assert quarter.parse("0.75") == (3, True)
    assert quarter.parse("0.80") == (3, False)


def test_a_unit_without_finite_decimals_is_refused() -> None:
    with pytest.raises(ValueError):
        Scale.of_ratio(1, 3)


def test_reading_what_was_written_gives_the_same_units() -> None:
    seed = 20261124
    random = Random(seed)
    for _ in range(500):
        scale = Scale(random.randrange(1, 1000), random.randrange(0, 19))
        units = random.randrange(-MAX_UNITS // 10**3, MAX_UNITS // 10**3)
        text = scale.text(units)
        assert scale.parse(text) == (units, True), f"seed {seed}: {scale} {units}"
        assert Fraction(text) == Fraction(units * scale.step, 10**scale.decimals), f"seed {seed}: {scale} {units}"
