"""docs/clients.md is of the clients, versions and calls that `python -m tests.clients` would run now."""

import ast
import re
from pathlib import Path

import pytest

from tests.clients.installed import RECIPES
from tests.clients.page import PAGE, section_of

CLIENTS = sorted(recipe.stem for recipe in RECIPES.iterdir())
TELLING = ("call", "await_call", "refused", "setdefault", "ask")


def section(client: str) -> str:
    """What the page has of it."""
    return PAGE.read_text().split(f"{section_of(client)}\n")[1].split("\n## ")[0]


def calls_on_page(client: str) -> list[str]:
    """In order."""
    return re.findall(r"^\| `(.+)` \|", section(client), re.M)


def named_by_driver(client: str) -> list[re.Pattern[str]]:
    """What its driver calls calls. A name that is put together may have anything where the driver puts something in."""
    tree = ast.parse((RECIPES.parent / f"drive_{client}.py").read_text())
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute) and node.args:
            function = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            names += [node.args[0]] * (function in TELLING)
        elif isinstance(node, ast.Subscript):
            names.append(node.slice)
        elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
            names += [each.elts[0] if isinstance(each, ast.Tuple) else each for each in node.iter.elts]
    return [pattern for name in names if (pattern := pattern_of(name)) is not None]


def pattern_of(name: ast.expr) -> re.Pattern[str] | None:
    """Of a literal, or of one with something put in; None of anything else."""
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return re.compile(re.escape(name.value))
    if isinstance(name, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else None for part in name.values]
        return re.compile("".join(".+" if part is None else re.escape(part) for part in parts))
    return None


def test_every_client_is_on_the_page_in_its_pinned_version() -> None:
    found = re.findall(r"^## (.+)$", PAGE.read_text(), re.M)
    assert sorted(found) == sorted(section_of(client).removeprefix("## ") for client in CLIENTS)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_call_on_the_page_is_one_of_the_drivers(client: str) -> None:
    names = named_by_driver(client)
    assert calls_on_page(client)
    assert [call for call in calls_on_page(client) if not any(name.fullmatch(call) for name in names)] == []


@pytest.mark.parametrize("client", CLIENTS)
def test_every_check_of_a_client_is_on_the_page(client: str) -> None:
    tree = ast.parse(Path(RECIPES.parent, f"test_{client}.py").read_text())
    tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    rows = re.findall(r"^\| ([^`|]+) \| (?:yes|no) \|$", section(client), re.M)
    assert rows == [name.removeprefix("test_").replace("_", " ") for name in tests]
