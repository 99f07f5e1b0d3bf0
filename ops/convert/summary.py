"""What a conversion made, and what it clipped, dropped or inferred on the way."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Summary:
    """Counts of one conversion. `clipped`, `dropped` and `inferred` map what happened, in words, to how often."""

    source: str
    out_dir: Path
    commands: int = 0  # lines written, deposits and opening orders included
    opening_orders: int = 0
    trades_expected: int = 0
    trades_reproduced: int = 0  # by a plain price-time book fed with the same commands
    book_identical: bool = False  # that book at the end against the expected one
    refused_post_only: int = 0  # placed to be refused with would_cross
    messages: dict[str, int] = field(default_factory=dict)  # read, by the source's own type; empty where it has none
    clipped: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    inferred: dict[str, int] = field(default_factory=dict)

    @property
    def commands_path(self) -> Path:
        """The commands, JSON Lines."""
        return self.out_dir / "commands.jsonl"

    @property
    def instruments_path(self) -> Path:
        """The instruments file that the commands need."""
        return self.out_dir / "instruments.toml"

    @property
    def expected_path(self) -> Path:
        """The trades and the end book that should come out."""
        return self.out_dir / "expected.json"

    def clip(self, what: str, count: int = 1) -> None:
        """Note quantities that were cut to what they could be."""
        if count:
            self.clipped[what] = self.clipped.get(what, 0) + count

    def drop(self, why: str, count: int = 1) -> None:
        """Note rows that became no command though they might have meant one."""
        if count:
            self.dropped[why] = self.dropped.get(why, 0) + count

    def infer(self, what: str, count: int = 1) -> None:
        """Note what the record doesn't say and the conversion concluded."""
        if count:
            self.inferred[what] = self.inferred.get(what, 0) + count

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "source": self.source,
            "out": str(self.out_dir),
            "files": {
                "commands": str(self.commands_path),
                "instruments": str(self.instruments_path),
                "expected": str(self.expected_path),
            },
            "commands": self.commands,
            "opening_orders": self.opening_orders,
            "refused_post_only": self.refused_post_only,
            "messages": self.messages,
            "clipped": self.clipped,
            "dropped": self.dropped,
            "inferred": self.inferred,
            "replay": {
                "trades_expected": self.trades_expected,
                "trades_reproduced": self.trades_reproduced,
                "book_identical": self.book_identical,
            },
        }

    def lines(self) -> list[str]:
        """For people."""
        text = [
            f"{self.source}: {self.commands} commands in {self.commands_path},"
            f" {self.opening_orders} of them opening orders",
        ]
        text += [f"  clipped  {count:>7}  {what}" for what, count in self.clipped.items()]
        text += [f"  dropped  {count:>7}  {why}" for why, count in self.dropped.items()]
        text += [f"  inferred {count:>7}  {what}" for what, count in self.inferred.items()]
        text.append(
            f"  a plain price-time book fed with them makes {self.trades_reproduced} of {self.trades_expected}"
            f" expected trades; end book {'identical' if self.book_identical else 'different'}"
        )
        return text
