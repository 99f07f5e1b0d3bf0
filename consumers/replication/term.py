"""DATA/term.json: whose turn it is to write this history, and what this directory is in it.

A term is a number that grows with each promotion. A history of terms, ``(term, sequence after which it began, who
began it)`` oldest first, says where two copies part: at the first term that they don't share. The first term of every
history is 1 and begins at 0. A directory without the file is a primary in term 1.

| role    | what may happen to the directory                                                          |
|---------|-------------------------------------------------------------------------------------------|
| primary | `up`; `standby` makes it a follower                                                       |
| standby | `standby` goes on following, `promote` makes it the primary of the next term              |
| mirror  | `mirror` goes on reading another host's events out of a topic; it never writes its own     |
| deposed | heard of a higher term: `standby` cuts what the new primary hasn't got, and makes it one  |
"""

import dataclasses
import fcntl
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PRIMARY, STANDBY, DEPOSED, MIRROR = "primary", "standby", "deposed", "mirror"
ROLES = (PRIMARY, STANDBY, DEPOSED, MIRROR)
FILE = "term.json"

History = tuple[tuple[int, int, str], ...]
FIRST: History = ((1, 0, ""),)


class TermError(Exception):
    """term.json can't be read, or forbids what is asked; the message says which and why."""


@dataclass(frozen=True)
class Term:
    """What the file says. id: of this directory, among those that share the history.

    heard: the highest term known of. where: whom it follows (standby, mirror), where the higher term is (deposed), whom
    it took over from (primary, "" = nobody). follower: id of the one whose word is required, "" = not yet any.
    """

    id: str = ""
    role: str = PRIMARY
    history: History = FIRST
    heard: int = 1
    where: str = ""
    follower: str = ""

    @property
    def number(self) -> int:
        """The term that this directory's history ends in."""
        return self.history[-1][0]

    def deposed_by(self) -> str:
        """What an operator is told."""
        return f"deposed: term {self.heard} is at {self.where}"


def read_term(data: Path) -> Term:
    """The directory's term. Raises TermError naming the file and the field that is wrong."""
    path = Path(data) / FILE
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return Term()
    except ValueError as error:
        raise TermError(f"{path}: expected the JSON that this program wrote: {error}") from error
    names = {field.name for field in dataclasses.fields(Term)}
    if not isinstance(found, dict) or set(found) != names:
        raise TermError(f"{path}: expected the fields {', '.join(sorted(names))}")
    term = Term(**{**found, "history": parse_history(found["history"], str(path))})
    if term.role not in ROLES:
        raise TermError(f"{path}: role: expected one of {', '.join(ROLES)}, not {term.role!r}")
    return term


def parse_history(found: object, what: str) -> History:
    """A history of terms from JSON. Raises TermError where it is none."""
    rows = found if isinstance(found, list) else []
    good = all(isinstance(row, list) and list(map(type, row)) == [int, int, str] for row in rows)
    history = tuple((row[0], row[1], row[2]) for row in rows) if good else ()
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in zip(history, history[1:], strict=False))
    if not history or history[0] != FIRST[0] or not rising:
        raise TermError(f"{what}: history: expected [term, begins after, by whom] from term 1 on, rising")
    return history


def update_term(data: Path, change: Callable[[Term], Term]) -> Term:
    """Change the file, durably and in one step; the new content. An id is made where there is none. Raises OSError."""
    with (Path(data) / "term.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read_term(data)
        after = change(before if before.id else dataclasses.replace(before, id=uuid.uuid4().hex))
        if after != before:
            _write(Path(data), after)
        return after


def _write(data: Path, term: Term) -> None:
    fresh = data / f"{FILE}.new"
    with fresh.open("w") as file:
        json.dump(dataclasses.asdict(term), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(data / FILE)
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def promoted(term: Term, last: int) -> Term:
    """The same directory as the primary of the next term, which begins after sequence ``last``."""
    number = max(term.heard, term.number) + 1
    history = (*term.history, (number, last, term.id))
    return dataclasses.replace(term, role=PRIMARY, history=history, heard=number, follower="")


def deposed(term: Term, number: int, where: str) -> Term:
    """The same directory after it heard of a higher term."""
    return dataclasses.replace(term, role=DEPOSED, heard=max(number, term.heard), where=where)


def following(term: Term, history: History, where: str) -> Term:
    """The same directory as a follower of a primary with this history of terms."""
    heard = max(history[-1][0], term.heard)
    return dataclasses.replace(term, role=STANDBY, history=history, heard=heard, where=where, follower="")


def shared_until(one: History, other: History) -> int | None:
    """The sequence up to which two copies are the same history; None = as far as both go."""
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    ends = [history[same][1] for history in (one, other) if len(history) > same]
    return min(ends) if ends else None
