"""Recorded market data to matchline commands: one module a source."""

from collections.abc import Sequence
from pathlib import Path

from config.errors import ConfigError
from ops.convert.summary import Summary

SOURCES = ("bitstamp",)


def convert(source: str, files: Sequence[str | Path], out_dir: str | Path, accounts: int = 16) -> Summary:
    """Write ``commands.jsonl``, ``instruments.toml`` and ``expected.json`` into out_dir from recorded files.

    Raises ConfigError naming the source, file or column that can't be used.
    """
    if source not in SOURCES:
        raise ConfigError("source", f"expected one of {', '.join(SOURCES)}, got {source!r}")
    from ops.convert import bitstamp

    return bitstamp.convert([Path(file) for file in files], Path(out_dir), accounts)
