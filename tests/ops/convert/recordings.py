"""Where tests look for recorded files that this repository may not hold."""

import os
from pathlib import Path

import pytest

from ops.convert.fetch import DEFAULT_CACHE, FOLDER, FetchError, fetch, recorded_files

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / DEFAULT_CACHE  # where what can be fetched is put
FOLDERS = [Path(os.environ[name]) for name in ("MATCHLINE_RECORDINGS",) if name in os.environ] + [CACHE]


def bitstamp_files() -> list[Path]:
    """The recorded half hour, fetched where no folder has it; the test is skipped where it can't be had."""
    try:
        return next(filter(None, map(recorded_files, FOLDERS)), None) or fetch(CACHE)
    except FetchError as error:
        pytest.skip(
            f"no {FOLDER} in {' or '.join(map(str, FOLDERS))}, and {error}. Its data states no licence, so it is not in"
            " the repository: run this test once where PyPI can be reached (the last of these folders keeps it), or"
            f" name a folder that holds {FOLDER} in MATCHLINE_RECORDINGS"
        )
