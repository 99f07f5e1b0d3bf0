"""The mutants: small ways to break the engine, one after another in the text files beside this, as differences.

    name (file in engine/)
    what it breaks
    -text that stands there once
    +what becomes of it; nothing where this is left out

A text of one line may be a part of a line. Empty lines stand between mutants; a line that begins with # says something.
"""

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent


class Mutant(NamedTuple):
    """In `file`, `old` becomes `new`."""

    name: str
    file: str
    breaks: str
    old: str
    new: str


def _mutant(lines: list[str]) -> Mutant:
    name, _, file = lines[0].rstrip(")").partition(" (")
    texts = {sign: "\n".join(line[1:] for line in lines[2:] if line[0] == sign) for sign in "-+"}
    assert file and texts["-"] and all(line[0] in "-+" for line in lines[2:]), f"no mutant: {lines}"
    return Mutant(name, f"engine/{file}", lines[1], texts["-"], texts["+"])


def listed() -> list[Mutant]:
    """All of them."""
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        lines = [line for line in path.read_text().split("\n") if not line.startswith("#")]
        blocks = "\n".join(lines).strip("\n").split("\n\n")
        found += [_mutant(block.strip("\n").split("\n")) for block in blocks]
    return found
