"""docs/recovery.md names tests: each is there, and each combination of who and how has one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "recovery.md").read_text()
WHO = ("Engine", "Journal", "Consumer", "Supervisor", "Host")
HOW = ("dead", "hung", "lagging", "corrupt", "full")


def names_in_the_suite() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        found.update(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    return found


def test_every_test_that_the_page_names_is_in_the_suite() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 40
    assert named - names_in_the_suite() == set()


def test_every_combination_of_who_and_how_has_a_test() -> None:
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
    for who in WHO:
        rows = [row for row in sections[who].splitlines() if row.startswith("| ")]
        for how in HOW:
            matching = [row for row in rows if row.startswith(f"| {how}")]
            assert matching, f"{who}: {how} has no row"
            assert all("`test_" in row for row in matching), f"{who}: {how} names no test"


def test_every_file_that_the_page_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
