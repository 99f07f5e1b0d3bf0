"""FerretDB v1: MongoDB's wire on SQLite, without transactions. Built here from its Go module."""

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.servers.base import HOST
from tests.servers.found import CannotBuild, built, lacking, program, run
from tests.servers.mongo import MongoWire

RECIPE = Path(__file__).parent / "recipes" / "ferretdb"


@functools.cache
def missing() -> str:
    """What is not here of FerretDB; builds it where it can be, which takes minutes the first time."""
    if lacks := lacking({"go": "Go 1.24 or newer"}, "pymongo"):
        return lacks
    try:
        binary()
    except CannotBuild as why:
        return f"FerretDB can't be built: {why}"
    return ""


def start(folder: Path, options: Sequence[str] = ()) -> "FerretDB":
    """An empty server; options as recipes/ferretdb/main.go takes them."""
    return FerretDB(folder, options).start()


def binary() -> Path:
    """The program."""
    recipe = "".join(path.read_text() for path in sorted(RECIPE.iterdir()))
    return built("ferretdb", recipe, _build) / "ferretdb"


def _build(folder: Path) -> None:
    source = folder / "source"
    shutil.copytree(RECIPE, source)
    # Without C: no compiler is needed, and the SQLite inside is Go as well.
    run(program("go"), "build", "-o", "../ferretdb", ".", cwd=source, CGO_ENABLED="0")


class FerretDB(MongoWire):
    """One FerretDB."""

    name = "ferretdb"

    def command(self) -> list[str]:
        return [str(binary()), "-listen", f"{HOST}:{self.port}", "-folder", f"{self.data}/", *self.options]
