"""Percentiles of latencies, exact: every one is kept and sorted."""

import numpy as np

_POINTS = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "p9999": 0.9999}


def percentiles(ns: np.ndarray) -> dict[str, int]:
    """p50 … p9999 and max of latencies in nanoseconds: the smallest value that so many do not exceed."""
    ordered = np.sort(ns)
    last = len(ordered) - 1
    found = {name: int(ordered[min(last, int(np.ceil(share * len(ordered))) - 1)]) for name, share in _POINTS.items()}
    return {**found, "max": int(ordered[last])}


def text(found: dict[str, int]) -> str:
    """The same in one line, microseconds."""
    return ", ".join(f"{name} {value / 1_000:,.2f}" for name, value in found.items()) + " µs"
