"""The tables of `bench gateway` and `bench flood`."""

from typing import Any

_POINTS = ("p50", "p99", "p999", "max")
LATENCY_HEAD = f"{' | '.join(f'{point}, µs' for point in _POINTS)} |"
LATENCY_RULE = "---|" * len(_POINTS)
_PHASES = {
    "quiet": "quiet",
    "two_spin": "two other processes spin",
    "flooded": "the gateway is flooded",
    "killed": "the gateway is killed again and again",
}


def microseconds(found: dict[str, int]) -> str:
    """The cells of LATENCY_HEAD."""
    return " | ".join(f"{found[point] / 1_000:,.1f}" for point in _POINTS)


def gateway(figures: dict[str, Any]) -> str:
    """Orders by way in, REST's rate, streams by how many read them."""
    rest = figures["rest"]
    ways = [f"| {way} | {microseconds(ns)} |" for way, ns in figures["orders"].items()]
    streams = [
        f"| {name.removeprefix('subscribers_')} | {what} | {microseconds(found[key])} |"
        for name, found in figures["streams"].items()
        for key, what in (("trade_ns", "trade"), ("depth_ns", "level in `depth@100ms`"))
    ]
    shares = [
        f"| {name.removeprefix('subscribers_')} | {found['trades_per_s']} | {found['messages_per_s']:,} | "
        f"{found['gateway_share']:.1%} |"
        for name, found in figures["streams"].items()
    ]
    return "\n".join(
        [
            f"| order → acknowledgement | {LATENCY_HEAD}",
            f"|---|{LATENCY_RULE}",
            *ways,
            "",
            f"REST takes {rest['orders_per_s']:,} orders/s (best {rest['best_orders_per_s']:,}) over "
            f"{rest['connections']} connections, placed and cancelled in turn; each costs the gateway's process "
            f"{rest['gateway_us_per_order']} µs.",
            "",
            f"| WebSockets | sent → told | {LATENCY_HEAD}",
            f"|---|---|{LATENCY_RULE}",
            *streams,
            "",
            "| WebSockets | trades a second | messages a second | of one core, the gateway |",
            "|---|---|---|---|",
            *shares,
        ]
    )


def flood(figures: dict[str, Any]) -> str:
    """Orders through shared memory by what becomes of the gateway meanwhile."""
    rows = [
        f"| {what} | {microseconds(figures[phase]['ns'])} | {figures[phase]['of_quiet']['p50']} | "
        f"{figures[phase]['of_quiet']['p99']} | {figures[phase]['orders']:,} |"
        for phase, what in _PHASES.items()
    ]
    head = f"| meanwhile | {LATENCY_HEAD} p50 of quiet's | p99 of quiet's | orders |\n|---|{LATENCY_RULE}---|---|---|"
    return "\n".join([head, *rows])
