"""Which day a file is of, and when that day began in New York."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ops.convert.day import day_in_name, midnight_ns


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("AAPL_2012-06-21_34200000_57600000_message_10.csv", date(2012, 6, 21)),
        ("01302019.NASDAQ_ITCH50.gz", date(2019, 1, 30)),
        ("20190130.BX_ITCH_50", date(2019, 1, 30)),
        ("S081321-v50.txt.gz", date(2021, 8, 13)),
        ("99999999.NASDAQ_ITCH50", None),
        ("AAPL_2012-13-41_message.csv", None),
        ("sample.itch", None),
    ],
)
def test_the_day_is_read_from_the_names_that_venues_give(name: str, day: date | None) -> None:
    assert day_in_name(Path(name)) == day


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        (date(2019, 1, 30), 5),
        (date(2019, 3, 10), 5),  # clocks go on at two in the morning
        (date(2019, 3, 11), 4),
        (date(2012, 6, 21), 4),
        (date(2019, 11, 3), 4),
        (date(2019, 11, 4), 5),
        (date(2026, 11, 2), 5),
    ],
)
def test_midnight_in_new_york_follows_daylight_saving_time(day: date, hour: int) -> None:
    assert midnight_ns(day) == int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * 10**9
