"""The table of `bench sinks`: what one sink's process writes into each store, server on the same host."""

from collections.abc import Iterator
from typing import Any

_STORES = {"sql": "MariaDB, PostgreSQL", "redis": "Redis Streams", "mongodb": "MongoDB's wire", "kafka": "Kafka"}


def sinks(figures: dict[str, Any]) -> str:
    """One table a kind of store; what could not be started is named."""
    return "\n\n".join(_section(_STORES[kind], found) for kind, found in figures.items())


def _section(store: str, found: dict[str, Any]) -> str:
    if "missing" in found:
        return f"**{store}**: not measured, {found['missing']}."
    return f"| {store} | a second | µs of each in the sink's process |\n|---|---|---|\n" + "\n".join(_rows(found))


def _rows(found: dict[str, Any]) -> Iterator[str]:
    for case, measured in found.items():
        if case == "conditions":
            continue
        if "missing" in measured:
            yield f"| {case} | not measured: {measured['missing']} | |"
            continue
        (rate,) = (name for name in measured if name.endswith("_per_s") and not name.startswith("median"))
        (used,) = (name for name in measured if name.startswith("client_us"))
        yield f"| {case} | {measured[rate]:,} {rate.removesuffix('_per_s')} | {measured[used]} |"
