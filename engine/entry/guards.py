"""Cancel on disconnect: whose orders are ended when a session that asked for it is no longer heard.

A ROUTER does not see a client go, so silence counts: a guarded session has to be heard (any message, a ping too)
within `silent_s`. Which accounts are guarded stands in a file as well, so that they still are after entry's own end:
sessions do not outlive it, and such an account counts as last heard when entry began again, until a new session asks
for it or the time is up.
"""

from pathlib import Path

from config.guarded import read_guarded, write_guarded

STANDSTILL = 4  # more than this part of `silent_s` between two looks is entry's own pause, nobody's silence


class Guards:
    """Sessions by number and the account that each guards. `clock_s` only runs while entry does."""

    def __init__(self, path: Path, silent_s: float) -> None:
        self.silent_s = silent_s
        self.clock_s = 0.0
        self._path = path
        self._looked_s: float | None = None
        self._account: dict[int, int] = {}  # by session number; -1 - account where no session is left
        self._heard_s: dict[int, float] = {}
        for account in read_guarded(path):
            self._account[-1 - account] = account
            self._heard_s[-1 - account] = 0.0
        self._stored = set(self._account.values())
        self._is_changed = False  # since `store` last looked: it is called for every batch of messages

    def watch(self, number: int, account: int) -> None:
        """From now on this session is guarded, and its account with it."""
        self.release(-1 - account)
        self._account[number] = account
        self._heard_s[number] = self.clock_s
        self._is_changed = True

    def release(self, number: int) -> None:
        """Guard this session no more."""
        if self._account.pop(number, None) is not None:
            del self._heard_s[number]
            self._is_changed = True

    def account_of(self, number: int) -> int | None:
        """The account that a session guards."""
        return self._account.get(number)

    def heard(self, number: int) -> None:
        """A message of this session has come."""
        if number in self._heard_s:
            self._heard_s[number] = self.clock_s

    def lost(self, number: int) -> None:
        """This session is known to be gone: its time is up."""
        if number in self._heard_s:
            self._heard_s[number] = self.clock_s - self.silent_s

    def look(self, now_s: float) -> list[tuple[int, int]]:
        """(session number, account) of all whose time is up; number < 0: a session of before entry's last start."""
        if self._looked_s is not None:
            self.clock_s += min(now_s - self._looked_s, self.silent_s / STANDSTILL)
        self._looked_s = now_s
        last_s = self.clock_s - self.silent_s
        return [(number, self._account[number]) for number, heard_s in self._heard_s.items() if heard_s <= last_s]

    def store(self) -> None:
        """Write the file where the accounts are others than those in it."""
        if not self._is_changed:
            return
        self._is_changed = False
        accounts = set(self._account.values())
        if accounts == self._stored:
            return
        write_guarded(self._path, accounts)
        self._stored = accounts
