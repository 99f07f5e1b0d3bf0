"""The day of a US equity recording, and when it began: the files themselves count from midnight in New York."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ops.convert.summary import Summary

# As venues and vendors name their files: 2012-06-21, 01302019, 20190130, S081321
_DASHED = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_DIGITS = re.compile(r"(?<!\d)(\d{8}|\d{6})(?!\d)")
_FORMS = {8: ("%m%d%Y", "%Y%m%d"), 6: ("%m%d%y",)}
_UNKNOWN = date(1970, 1, 1)


def day_of(path: Path, given: date | None, summary: Summary) -> date:
    """The day that was given, else the one in the file's name, else 1970-01-01, noted as inferred."""
    day = given or day_in_name(path)
    if day is None:
        summary.infer(f"day {_UNKNOWN}: neither --date nor the file's name tells it")
    return day or _UNKNOWN


def day_in_name(path: Path) -> date | None:
    """The first day that the file's name tells, or None."""
    dashed = _DASHED.search(path.name)
    texts = ["".join(dashed.groups())] if dashed else _DIGITS.findall(path.name)
    for text in texts:
        for form in _FORMS[len(text)]:
            try:
                day = datetime.strptime(text, form).date()
            except ValueError:
                continue
            if 1990 <= day.year < 2100:  # 20190130 is no 20 September 0130
                return day
    return None


def midnight_ns(day: date) -> int:
    """Midnight in New York as ns since the epoch, UTC.

    By the rule in force since 2007 (second Sunday of March to first Sunday of November), which covers all such
    recordings: hosts often lack a time zone database.
    """
    starts, ends = _sunday(day.year, 3, 2), _sunday(day.year, 11, 1)
    hours = 4 if starts < day <= ends else 5
    return int((datetime(day.year, day.month, day.day, hours, tzinfo=UTC)).timestamp()) * 1_000_000_000


def _sunday(year: int, month: int, which: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (which - 1))
