"""Names of orders that are under way, across all gateways of a pipeline: one name is one order, whoever is asked.

Each is a locked byte of a file, its place a hash of account and name. The kernel lets go of what a dead process held.
"""

import fcntl
import hashlib
import os
from pathlib import Path

FILE = ("gateway", "claims")
_PLACES = 1 << 62


class Claims:
    """One process's hand on the file. Such locks are a process's, not a thread's or a request's: taken once here."""

    def __init__(self, data: Path) -> None:
        path = Path(data, *FILE)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._held: set[int] = set()

    def take(self, account: int, names: list[str]) -> bool:
        """Claim all of them, or none; False where one is under way, here or in another gateway."""
        places = {_place(account, name) for name in names}
        if len(places) < len(names) or not self._held.isdisjoint(places):
            return False
        for place in places:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except (BlockingIOError, PermissionError):  # POSIX allows either
                self._let_go(places & self._held)
                return False
            self._held.add(place)
        return True

    def give_back(self, account: int, names: list[str]) -> None:
        """They are answered."""
        self._let_go({_place(account, name) for name in names})

    def _let_go(self, places: set[int]) -> None:
        for place in places:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
            self._held.discard(place)

    def close(self) -> None:
        """Let go of all."""
        os.close(self._file)


def _place(account: int, name: str) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=8, key=account.to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") % _PLACES
