"""Accounts: balances and the window of client ids."""

from collections import defaultdict
from dataclasses import dataclass, field

WINDOW = 64


@dataclass
class Balance:
    """Minor units of one asset."""

    available: int = 0
    frozen: int = 0


@dataclass
class Account:
    """One account, from its first accepted deposit on."""

    number: int
    suspended: bool = False
    balances: dict[str, Balance] = field(default_factory=lambda: defaultdict(Balance))
    highest_id: int = -1
    seen: set[int] = field(default_factory=set)

    def is_new(self, client_id: int) -> bool:
        """Above the highest; or among the 64 below it and not seen."""
        if client_id > self.highest_id:
            return True
        return client_id >= self.highest_id - WINDOW and client_id not in self.seen

    def use(self, client_id: int) -> None:
        """Remember an id, whatever becomes of its command."""
        self.seen.add(client_id)
        self.highest_id = max(self.highest_id, client_id)

    def freeze(self, asset: str, amount: int) -> None:
        """Available to frozen; a negative amount the other way."""
        self.balances[asset].available -= amount
        self.balances[asset].frozen += amount

    def is_covered(self) -> bool:
        """No available balance is below zero."""
        return all(balance.available >= 0 for balance in self.balances.values())
