"""The tables of `bench pipeline`, `bench balances` and `bench publish`."""

from typing import Any

from bench.gateway_tables import LATENCY_HEAD, LATENCY_RULE, microseconds


def pipeline(figures: dict[str, Any]) -> str:
    """The rates, then what each process uses."""
    used = figures["ns_per_event"]
    rows = [f"| {name} | {ns:,} |" for name, ns in sorted(used.items(), key=lambda one: -one[1])]
    return "\n".join(
        [
            f"{figures['commands']:,} commands were answered at {figures['commands_per_s']:,} a second. Every consumer "
            f"had all {figures['events']:,} events {figures['catch_up_ms']:,} ms after the last answer: "
            f"{figures['events_per_s']:,} events/s through the whole chain.",
            "",
            "| process | ns of a processor for an event |",
            "|---|---|",
            *rows,
            f"| all | {sum(used.values()):,} |",
        ]
    )


def balances(figures: dict[str, Any]) -> str:
    """Rates by flow, durability and events a commit."""
    rows = [
        f"| {found['flow']} | {found['trades_share']:.1%} | {found['durability']} | {found['batch_events']:,} | "
        f"{found['events_per_s']:,} | {found['best_events_per_s']:,} |"
        for found in figures.values()
    ]
    head = "| flow | trades | durability | events a commit | events/s, median | best |\n|---|---|---|---|---|---|"
    return "\n".join([head, *rows])


def publish(figures: dict[str, Any]) -> str:
    """Times by form, then the publisher's cost by who reads."""
    told = [f"| {form} | {microseconds(ns)} |" for form, ns in figures["told"].items()]
    used = [
        f"| {name} | {found['ns_per_event']:,} | {found['messages']:,} | {found['events']:,} |"
        for name, found in figures["used"].items()
    ]
    return "\n".join(
        [
            f"| order → message | {LATENCY_HEAD}",
            f"|---|{LATENCY_RULE}",
            *told,
            "",
            "| who reads everything | ns of the publisher for an event | messages | events |",
            "|---|---|---|---|",
            *used,
        ]
    )
