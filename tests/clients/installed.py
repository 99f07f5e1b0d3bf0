"""Each client in an environment of its own, with every package pinned, built once below var/clients."""

import sys
from pathlib import Path

from tests.servers.found import CannotBuild, built, run

RECIPES = Path(__file__).with_name("recipes")
CACHE = Path(__file__).resolve().parents[2] / "var" / "clients"


def requirements(client: str) -> dict[str, str]:
    """Version by package, the client's own first."""
    lines = (RECIPES / f"{client}.txt").read_text().split()
    return dict(line.split("==", 1) for line in lines)


def python(client: str, recipes: Path = RECIPES) -> Path:
    """The interpreter that has this client, or another tool of which `recipes` has the packages. Raises CannotBuild."""
    recipe = recipes / f"{client}.txt"

    def build(folder: Path) -> None:
        run(sys.executable, "-m", "venv", "--without-pip", "environment", cwd=folder)
        pip = (sys.executable, "-m", "pip", "--python", "environment", "--quiet", "--disable-pip-version-check")
        run(*pip, "install", "--no-deps", "--no-compile", "--requirement", str(recipe), cwd=folder)

    named = f"{recipe.read_text()}{sys.version_info.major}.{sys.version_info.minor}"
    return built(client, named, build, CACHE) / "environment" / "bin" / "python"


def missing(client: str, recipes: Path = RECIPES) -> str:
    """Why it can't be had here; "" where it can."""
    try:
        python(client, recipes)
    except CannotBuild as why:
        return f"{client} can't be had: {why}"
    return ""
