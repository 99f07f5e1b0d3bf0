"""Exact decimal text to and from integers: the only place where a decimal point exists.

A `Scale` is one unit (a tick, a lot, a minor unit) as ``step x 10**-decimals``. Text is read exactly: no float
anywhere. It is written in one canonical form, everywhere: with exactly the unit's decimals, no exponent, no
thousands mark. So a price at tick 0.01 is ``"50000.00"``, a quantity at lot 0.0001 ``"0.5000"``, an amount of
an asset with 6 decimals ``"100000.000000"``.
"""

import re
from dataclasses import dataclass

MAX_UNITS = 2**63 - 1

# What counts as a number: the forms of decimal.Decimal that are finite, in ASCII, without underscores or blanks.
_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,6}))?", re.ASCII)
_MAX_PLACES = 250
_MAX_TEXT = 128  # longer text is no sensible number and would only cost time


def split_decimal(value: object) -> tuple[int, int]:
    """Read a JSON or TOML value as ``mantissa x 10**-places``, normalised: no trailing zeros with places > 0.

    Accepts ``str`` and ``int``. Raises ValueError for everything else (floats, booleans, NaN, blanks).
    """
    if type(value) is int:
        if not -MAX_UNITS <= value <= MAX_UNITS:
            raise ValueError("beyond 63 bits")
        return value, 0
    if type(value) is not str or len(value) > _MAX_TEXT:
        raise ValueError("not a decimal string")
    found = _NUMBER.fullmatch(value)
    if found is None:
        raise ValueError("not a decimal string")
    sign, whole, fraction, exponent = found.groups()
    digits = whole + (fraction or "")
    if not digits:
        raise ValueError("not a decimal string")
    mantissa = int(digits)
    places = len(fraction or "") - (int(exponent) if exponent else 0)
    if mantissa == 0:
        return 0, 0
    while places > 0 and mantissa % 10 == 0:
        mantissa //= 10
        places -= 1
    if places > _MAX_PLACES:  # nearly nothing, and off every step: keep it cheap
        return (-1 if sign == "-" else 1), _MAX_PLACES
    if places < 0:
        if -places > 19:  # any whole number this long is beyond 63 bits
            raise ValueError("beyond 63 bits")
        mantissa *= 10**-places
        places = 0
    return (-mantissa if sign == "-" else mantissa), places


@dataclass(frozen=True, slots=True)
class Scale:
    """One unit worth ``step x 10**-decimals``, ``step`` >= 1 and ``decimals`` >= 0."""

    step: int
    decimals: int

    @classmethod
    def of_ratio(cls, numerator: int, denominator: int) -> "Scale":
        """The unit ``numerator / denominator`` with the fewest decimals.

        Raises ValueError where the value has no finite decimal form or is not above zero.
        """
        if numerator <= 0 or denominator <= 0:
            raise ValueError("not above zero")
        decimals = 0
        while numerator % denominator:
            numerator *= 10
            decimals += 1
            if decimals > 64:
                raise ValueError("no finite decimal form")
        return cls(numerator // denominator, decimals)

    def parse(self, value: object) -> tuple[int, bool]:
        """Read text (or an int) as ``(units, exact)``; not exact: units is rounded toward minus infinity.

        Raises ValueError where the value is no number or beyond 63 bits of units.
        """
        mantissa, places = split_decimal(value)
        if places <= self.decimals:
            units, rest = divmod(mantissa * 10 ** (self.decimals - places), self.step)
        else:  # more decimals than the unit has: never exact, as split_decimal leaves no trailing zeros
            units, rest = mantissa // (self.step * 10 ** (places - self.decimals)), 1
        if not -MAX_UNITS <= units <= MAX_UNITS:
            raise ValueError("beyond 63 bits")
        return units, rest == 0

    def exact(self, value: object) -> int:
        """Read text (or an int) as whole units; raises ValueError where it is none."""
        units, exact = self.parse(value)
        if not exact:
            raise ValueError("not a whole number of units")
        return units

    def text(self, units: int) -> str:
        """The canonical decimal string of ``units``."""
        value = units * self.step
        decimals = self.decimals
        if decimals == 0:
            return str(value)
        if value < 0:
            digits = str(-value).zfill(decimals + 1)
            return f"-{digits[:-decimals]}.{digits[-decimals:]}"
        digits = str(value).zfill(decimals + 1)
        return f"{digits[:-decimals]}.{digits[-decimals:]}"

    @property
    def unit_text(self) -> str:
        """The unit itself as a decimal string, such as ``"0.01"``."""
        return self.text(1)
