"""Where tests look for recorded files that this repository may not hold."""

import os
from pathlib import Path

from ops.convert.fetch import DEFAULT_CACHE

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / DEFAULT_CACHE  # where what can be fetched is put
FOLDERS = [Path(os.environ[name]) for name in ("MATCHLINE_RECORDINGS",) if name in os.environ] + [CACHE]
