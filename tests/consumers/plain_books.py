"""What a story leads to, as dictionaries: balances, ledger lines, orders, days."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Plain:
    """The same story as dictionaries."""

    balances: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    lines: list[tuple[int, int, int, int, int, int, int]] = field(default_factory=list)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    clients: dict[tuple[int, int], int] = field(default_factory=dict)
    days: dict[tuple[int, int, int], dict[str, int]] = field(default_factory=dict)
    volumes: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def book(self, seq: int, account: int, asset: int, available: int, frozen: int) -> None:
        if available == 0 and frozen == 0:
            return
        row = self.balances.setdefault((account, asset), [0, 0])
        row[0] += available
        row[1] += frozen
        self.lines.append((seq, account, asset, available, frozen, *row))

    def add(self, day: int, account: int, asset: int, name: str, amount: int) -> None:
        line = self.days.setdefault(
            (day, account, asset), dict.fromkeys(("deposits", "withdrawals", "received", "paid", "fees", "other"), 0)
        )
        line[name] += amount
