"""docs/scaling.md: the tables of `bench scale`."""

from typing import Any

_SKEW = {0: "all alike", 800: "0.8", 1000: "1.0", 1200: "1.2"}


def scale(figures: dict[str, Any]) -> str:
    """Costs of the stages, then what N engines give."""
    costs = figures["costs"]
    stages = "\n".join(f"| {name} | {ns:,} |" for name, ns in figures["stages"].items())
    rows = "\n".join(_row(row) for row in figures["rows"])
    return (
        f"Measured over {figures['measured_commands']:,} commands, CPU time of all threads, in full batches; the "
        f"entries and the feed with a subscriber to everything:\n\n| stage | ns a command |\n|---|---|\n{stages}\n\n"
        f"A shard's slowest process is `{costs['slowest']}`: {costs['shard_ns']:,} ns, so a shard takes "
        f"{_per_s(10**9 // costs['shard_ns'])} commands/s; the entry of all passes on "
        f"{_per_s(10**9 // costs['entry_ns'])}, the feed of all {_per_s(10**9 // costs['feed_ns'])}.\n\n"
        "| skew | engines | hottest shard's share | arithmetic, commands/s | simulated | behind one entry | "
        f"transfers per 1000 orders |\n|---|---|---|---|---|---|---|\n{rows}"
    )


def _row(row: dict[str, Any]) -> str:
    rates = " | ".join(_per_s(row[name]) for name in ("arithmetic_per_s", "simulated_per_s", "one_entry_per_s"))
    return (
        f"| {_SKEW[row['skew_per_mille']]} | {row['engines']} | {row['hot_share']:.1%} | {rates} | "
        f"{row['transfers_per_1000_orders']} |"
    )


def _per_s(count: int) -> str:
    return f"{count / 1e6:.2f} M" if count >= 1_000_000 else f"{count / 1e3:.0f} k"
