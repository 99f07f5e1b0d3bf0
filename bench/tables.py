"""Sections of figures as Markdown tables, and docs/performance.md with them put in between its marks.

<!-- measured: NAME -->
(the table of section NAME: whatever stands here is replaced)
<!-- end -->
"""

import re
import statistics
from collections.abc import Callable, Iterable
from typing import Any

from bench.chain_tables import balances, pipeline, publish
from bench.gateway_tables import flood, gateway
from bench.peers.quoted import CPPTRADER_HERE, ratios
from bench.scale_tables import scale
from bench.sections import Sections
from bench.sinks_tables import sinks

_MARK = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(value: float) -> str:
    """Digits in groups of three."""
    return f"{value:,}".replace(",", " ")


def _millions(value: float) -> str:
    return f"{value / 1e6:.2f}"


def _rate_rows(figures: dict[str, Any], more: Callable[[dict[str, Any]], list[Any]]) -> list[list[Any]]:
    rows = []
    for name, found in figures.items():
        label = name.replace("_", " ")
        if "skipped" in found:
            rows.append([label, f"skipped: {found['skipped']}"])
            continue
        rate = [_millions(found["messages_per_s"]), _millions(found["best_messages_per_s"]), found["ns_per_message"]]
        rows.append([label, *rate, *more(found)])
    return rows


_RATE = ["M messages/s, median", "best", "ns a message"]


def yardstick(figures: dict[str, Any]) -> str:
    """The five scenarios; beside CppTrader as quoted."""

    def more(found: dict[str, Any]) -> list[Any]:
        times = f"{found['messages_per_s'] / CPPTRADER_HERE['messages_per_s']:.1f}"
        return [times, _millions(found["events_per_s"]), "yes" if found["sha256_ok"] else "NO"]

    head = ["scenario", *_RATE, "times CppTrader (quoted)", "M events/s", "SHA-256 as published"]
    return table(head, _rate_rows(figures, more))


def flows(figures: dict[str, Any]) -> str:
    """Recorded and generated flow."""

    def more(found: dict[str, Any]) -> list[Any]:
        results = ", ".join(f"{number(count)} {name}" for name, count in found["results"].items())
        return [number(found["messages"]), results]

    return table(["flow", *_RATE, "messages", "their events"], _rate_rows(figures, more))


def standing(figures: dict[str, Any]) -> str:
    """Engines with much in them."""

    def more(found: dict[str, Any]) -> list[Any]:
        size = [number(found[key]) for key in ("symbols", "accounts", "open_orders", "price_levels", "state_mib")]
        return [*size, f"{found['rebuild_s']} ({number(found['rebuild_events'])})"]

    sizes = ["symbols", "accounts", "open orders", "price levels", "tables, MiB"]
    return table(["engine", *_RATE, *sizes, "s to rebuild it (events)"], _rate_rows(figures, more))


def starting(figures: dict[str, Any]) -> str:
    """Seconds of a start."""
    names = {"fresh": "empty cache: all compiled", "warm": "from the cache"}
    rows = [
        [label, *(figures[how][key] for key in ("engine_s", "all_s", "all_cpu_s", "first_answer_s"))]
        for how, label in names.items()
    ]
    return table(["start", "engine loaded, s", "all processes' code, s", "its CPU, s", "then first answer, s"], rows)


def budget(figures: dict[str, Any]) -> str:
    """Nanoseconds by part and scenario, and how each row was measured."""
    scenarios = list(figures["rows"])
    rows = [
        [name.replace("_", " "), *(figures["rows"][scenario][name] for scenario in scenarios), how]
        for name, how in figures["how"].items()
    ]
    total = ["whole", *(figures["total"][scenario] for scenario in scenarios), "the run with a reader"]
    return table(["part", *(f"{scenario}, ns" for scenario in scenarios), "how it was measured"], [*rows, total])


def peers(figures: dict[str, Any]) -> str:
    """matchline and PyPI's engines on one workload."""
    rows = []
    for name, found in figures.items():
        if "skipped" in found:
            rows.append([name, f"skipped: {found['skipped']}"])
            continue
        own = name == "matchline"
        rows.append(
            [
                name if own else f"{name} {found['version']}",
                f"{found['messages_per_s'] / 1e6:.3f}",
                "1" if own else number(found["times_slower"]),
                number(found["messages"]),
                "–" if own else "yes" if found["same_book"] else "NO",
            ]
        )
    head = ["engine", "M messages/s", "times slower than matchline", "messages", "same lots left in the book"]
    return table(head, rows)


def quoted() -> str:
    """Others, as the public benchmark rates them."""
    rate, low, high = (_millions(CPPTRADER_HERE[key]) for key in ("messages_per_s", "lowest", "highest"))
    here = (
        f"CppTrader on this kind of machine, worst scenario, quoted: {rate} M messages/s ({low} to {high} with noise)."
    )
    return here + "\n\n" + table(["engine", "quoted ratio to CppTrader, another machine"], ratios().items())


def ring(figures: dict[str, Any]) -> str:
    """Records a second by readers."""
    rows = [
        [name.removeprefix("readers_"), _millions(found["records_per_s"]), number(found["lapped_records_max"])]
        for name, found in figures.items()
    ]
    return table(["readers", "M records/s", "most records lapped"], rows)


_POINTS = ("p50", "p90", "p99", "p999", "p9999", "max")


def _microseconds(found: dict[str, int]) -> list[str]:
    return [f"{found[point] / 1_000:.2f}" for point in _POINTS]


def hop(figures: dict[str, Any]) -> str:
    """There and back, and one way."""
    names = {"round_trip_ns": "there and back", "one_way_ns": "one way (half of it)"}
    return table(["µs", *_POINTS], [[label, *_microseconds(figures[key])] for key, label in names.items()])


def latency(figures: dict[str, Any]) -> str:
    """Command to event by way of waiting and rate, from due and from sent."""
    rows = []
    for wait, rates in figures.items():
        for rate, found in rates.items():
            asked = number(int(rate.removesuffix("_per_s")))
            for key, label in (("from_due_ns", "due"), ("from_sent_ns", "sent")):
                rows.append([wait, asked, number(found["reached_per_s"]), label, *_microseconds(found[key])])
    return table(["engine waits by", "asked, a second", "reached", "µs since", *_POINTS], rows)


def attacks(figures: dict[str, Any]) -> str:
    """What the worst command of each attack takes, and the steps that it sets going."""
    rows = []
    for name, found in figures.items():
        times = [number(found["median_ns"]), number(found["p999_ns"]), f"{found['worst_ns'] / 1_000:.1f}"]
        steps = [f"{found['longest_step_ns'] / 1_000:.1f}", f"{found['worst_steps_ns'] / 1_000_000:.2f}"]
        steps = [number(found["most_steps_of_a_command"]), *steps] if found["steps"] else ["–"] * 3
        label = name.replace("_", " ")
        rows.append([label, number(found["commands"]), *times, number(found["worst_events"]), *steps])
    command = ["commands", "median, ns", "p99.9, ns", "worst, µs", "its events"]
    return table(["attack", *command, "most steps of a command", "longest, µs", "all of them, ms"], rows)


def recovery(figures: dict[str, Any]) -> str:
    """Restart, start, takeover, journal."""
    live, journal = figures["live"], figures["journal"]
    takeover = live["take_over_ms"]
    rows = []
    for which, changed in (("tenth", "a tenth of them cancelled and placed anew"), ("all", "all of them in turn")):
        restart = figures["restart"][which]
        orders, after = number(restart["open_orders"]), number(restart["events_after"])
        rows += [
            [
                f"restart: {orders} open orders, {changed}; {after} events after the snapshot",
                "from the command until journal and engine are at work",
                f"{restart['ready_s']} s",
            ],
            ["", "of that the engine (snapshot and events)", f"{restart['engine_s']} s"],
            ["", "of that reading and checking the snapshot", f"{restart['snapshot_s']} s"],
        ]
    rows += [
        [
            "start of a whole pipeline, kernels compiled before",
            "from the command until every process is at work",
            f"{live['warm_start_s']} s",
        ],
        [
            f"engine killed ({live['kills']} times)",
            "from the kill until the next answer, median (most)",
            f"{takeover['median']} ms ({takeover['max']} ms)",
        ],
    ]
    for mode in ("journal", "fsync"):
        median, best = (_millions(journal[mode][key]) for key in ("events_per_s", "best_events_per_s"))
        what = f"journal, durability `{mode}`, {number(journal['events'])} events"
        rows.append([what, "from published to safe", f"{median} M events/s (best {best})"])
    return table(["what", "measured", ""], rows)


def standby(figures: dict[str, Any]) -> str:
    """Silence while another host's standby takes over."""
    rows = []
    for how, what in (
        ("told", "`promote` typed: until the standby answers, the verb's own start included"),
        ("killed", "every process of the primary killed: until the standby, whose word it needs, answers"),
    ):
        times = figures[f"{how}_ms"]
        rows.append([what, f"{statistics.median(times):.0f} ms", f"{max(times):.0f} ms", str(len(times))])
    return table(["takeover by another host", "median", "most", "runs"], rows)


def conditions(found: dict[str, Any]) -> str:
    """One line."""
    quick = " `--quick`: few runs." if found.get("quick") else ""
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items() if name != "quick")
    return f"Conditions: {said}.{quick}"


_TABLES: dict[str, Callable[..., str]] = {
    "yardstick": yardstick,
    "flows": flows,
    "standing": standing,
    "starting": starting,
    "budget": budget,
    "peers": peers,
    "ring": ring,
    "hop": hop,
    "latency": latency,
    "attacks": attacks,
    "recovery": recovery,
    "standby": standby,
    "scale": scale,
    "sinks": sinks,
    "pipeline": pipeline,
    "balances": balances,
    "publish": publish,
    "gateway": gateway,
    "flood": flood,
}


def section(name: str, sections: Sections) -> str:
    """A section's table with its conditions; says so where nothing was measured."""
    if name == "quoted":
        return quoted()
    if name not in sections:
        return "Not measured yet."
    return f"{_TABLES[name](sections[name]['figures'])}\n\n{conditions(sections[name]['conditions'])}"


def fill(page: str, sections: Sections) -> str:
    """The page with every marked table made anew. Raises KeyError for a mark that names no section."""

    def put(mark: re.Match[str]) -> str:
        name = mark[2]
        if name != "quoted" and name not in _TABLES:
            raise KeyError(f"docs/performance.md: no section {name!r}")
        return f"{mark[1]}{section(name, sections)}\n{mark[3]}"

    return _MARK.sub(put, page)
