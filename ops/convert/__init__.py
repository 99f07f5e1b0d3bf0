"""Recorded market data to matchline commands: one module a source."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from config.errors import ConfigError
from ops.convert.summary import Summary

SOURCES = ("bitstamp", "lobster", "itch")


def convert(
    source: str,
    files: Sequence[str | Path],
    out_dir: str | Path,
    accounts: int = 16,
    stocks: Sequence[str] = (),
    day: date | None = None,
) -> Summary:
    """Write ``commands.jsonl``, ``instruments.toml`` and ``expected.json`` into out_dir from recorded files.

    `stocks` (itch: only these; lobster: the one, where the file's name doesn't tell) and `day` (where the file's name
    doesn't tell) are not for bitstamp. Raises ConfigError naming the source, file, offset or column that can't be used.
    """
    paths, out = [Path(file) for file in files], Path(out_dir)
    if source == "itch":
        from ops.convert import itch

        return itch.convert(paths, out, accounts, stocks, day)
    if source == "lobster":
        from ops.convert import lobster

        if len(stocks) > 1:
            raise ConfigError("--symbol", f"expected one, as a LOBSTER file has, got {len(stocks)}")
        return lobster.convert(paths, out, accounts, stocks[0] if stocks else None, day)
    if source != "bitstamp":
        raise ConfigError("source", f"expected one of {', '.join(SOURCES)}, got {source!r}")
    from ops.convert import bitstamp

    if stocks or day:
        raise ConfigError("--symbol, --date", "expected with lobster and itch only")
    return bitstamp.convert(paths, out, accounts)
