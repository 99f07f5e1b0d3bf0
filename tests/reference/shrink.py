"""Make a failing list of commands as short as it gets, by delta debugging."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(commands: Sequence[T], fails: Callable[[list[T]], bool], tries: int = 3000) -> list[T]:
    """The shortest list found that still fails; ``commands`` itself must fail. At most ``tries`` runs of ``fails``."""
    kept = list(commands)
    size = max(len(kept) // 2, 1)
    while tries > 0:
        start, removed = 0, False
        while start < len(kept) and tries > 0:
            shorter = kept[:start] + kept[start + size :]
            tries -= 1
            if shorter and fails(shorter):
                kept, removed = shorter, True
            else:
                start += size
        if size == 1 and not removed:
            break
        size = max(size // 2, 1)
    return kept
