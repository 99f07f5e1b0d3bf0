"""Writes client/c/matchline.h and docs/wire.md from the dtypes: `python -m ringbuf.generate`.

`--check` writes nothing and exits 1 where a file is not what would be written.
"""

import argparse
import sys
from pathlib import Path

from ringbuf.c_header import c_header
from ringbuf.wire_page import wire_page

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Every generated file and its text."""
    return {ROOT / "client/c/matchline.h": c_header(), ROOT / "docs/wire.md": wire_page()}


def stale_files() -> list[Path]:
    """Generated files that are missing or differ from what would be written."""
    return [path for path, text in generated().items() if not path.exists() or path.read_text() != text]


def main(arguments: list[str] | None = None) -> int:
    """Write, or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say which files are not up to date")
    options = parser.parse_args(arguments)
    stale = stale_files()
    for path in stale:
        print(f"{'not up to date' if options.check else 'written'}: {path.relative_to(ROOT)}", file=sys.stderr)
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generated()[path])
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
