"""Decimal text to whole numbers of a unit and back, by exact fractions."""

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_63 = 2**63 - 1
MAX_ACCOUNT = 2**32 - 2
_FORM = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,6}))?", re.ASCII)


class Refused(Exception):
    """A command is answered by `rejected` with this reason."""

    def __init__(self, reason: str, order: object = None, as_good: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.order = order  # the known open order that the refusal is about
        self.as_good = as_good  # reasons of the same group that apply as well
        self.of_text = False  # the text is wrong, so that what it names is not believed


def read_number(value: object) -> Fraction:
    """A JSON number of the house: an int or a decimal string. Floats, booleans and words are malformed."""
    if type(value) is int:
        if abs(value) > MAX_63:
            raise Refused("malformed")
        return Fraction(value)
    if type(value) is not str or len(value) > 128:
        raise Refused("malformed")
    found = _FORM.fullmatch(value)
    if found is None or not (found[2] or found[3]):
        raise Refused("malformed")
    mantissa = int(found[2] + (found[3] or ""))
    exponent = int(found[4] or 0) - len(found[3] or "")
    if mantissa == 0:
        return Fraction(0)
    if exponent > 200:
        raise Refused("malformed")
    amount = mantissa * Fraction(10) ** max(exponent, -400)
    return -amount if found[1] == "-" else amount


def read_integer(value: object, low: int = 0, high: int = MAX_63) -> int:
    """A JSON integer (ids, accounts, times); decimal strings are not integers."""
    if type(value) is not int or not low <= value <= high:
        raise Refused("malformed")
    return value


@dataclass(frozen=True)
class Unit:
    """One tick, lot or minor unit."""

    size: Fraction

    @property
    def decimals(self) -> int:
        """The fewest decimals that write one unit exactly."""
        decimals = 0
        while (self.size * 10**decimals).denominator != 1:
            decimals += 1
        return decimals

    def count(self, value: object) -> Fraction:
        """How many units that text says, perhaps not a whole number; malformed beyond 63 bits."""
        units = read_number(value) / self.size
        if not -MAX_63 <= units.numerator // units.denominator <= MAX_63:
            raise Refused("malformed")
        return units

    def text(self, units: int) -> str:
        """The decimal string, always with the unit's decimals."""
        decimals = self.decimals
        scaled = units * self.size * 10**decimals
        assert scaled.denominator == 1
        digits = str(abs(scaled.numerator)).rjust(decimals + 1, "0")
        sign = "-" if scaled < 0 else ""
        return sign + (digits if decimals == 0 else f"{digits[:-decimals]}.{digits[-decimals:]}")


def minor_unit(decimals: int) -> Unit:
    """The minor unit of an asset with that many decimals."""
    return Unit(Fraction(1, 10**decimals))
