"""SecantusDB: MongoDB's wire on WiredTiger, with transactions.

Its licence is GPL-2.0-only: it runs as a process of its own from an environment of its own, and is never imported.
"""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.servers.base import HOST
from tests.servers.found import CannotBuild, built, lacking, run
from tests.servers.mongo import MongoWire

PACKAGE = "SecantusDB==0.7.0b3"


@functools.cache
def missing() -> str:
    """What is not here of SecantusDB; fetches it where it can be had."""
    if lacks := lacking({}, "pymongo"):
        return lacks
    try:
        environment()
    except CannotBuild as why:
        return f"{PACKAGE} can't be had: {why}"
    return ""


def start(folder: Path, options: Sequence[str] = ()) -> "SecantusDB":
    """An empty server; options as secantusd-py takes them."""
    return SecantusDB(folder, options).start()


def environment() -> Path:
    """The virtual environment it is in."""
    return built("secantusdb", f"{PACKAGE} on Python {sys.version}", _install)


def _install(folder: Path) -> None:
    run(sys.executable, "-m", "venv", str(folder), cwd=folder)
    run("bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE, cwd=folder)


class SecantusDB(MongoWire):
    """One secantusd-py that syncs its log at every commit."""

    name = "secantusdb"

    def prepare(self) -> None:
        (self.folder / "secantusd.toml").touch()

    def command(self) -> list[str]:
        return [
            *(str(environment() / "bin" / "secantusd-py"), "--host", HOST, "--port", str(self.port)),
            *("--storage-path", str(self.data), "--sync-on-commit"),
            # Empty, but named: without it one from the user's home would be read.
            *("--config", str(self.folder / "secantusd.toml")),
            *self.options,
        ]
