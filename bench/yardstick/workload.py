"""The public yardstick's workload, made here bit for bit: nothing is downloaded.

Phase 1 draws a million orders around a moving mid price; phase 2 lets them arrive in shuffled order,
each with a chance to be modified and cancelled. Doubles everywhere, each draw in the written order,
because the published hashes hang on every bit.
"""

from dataclasses import dataclass

import numpy as np

from ringbuf.jit import kernel

SEED = 23
ORDERS = 1_000_000
LEVELS = 800
TICK = 0.005
START_MID = 167.52

NEW, MODIFY, CANCEL = 0, 1, 2

# A message of the workload; time is only needed to bring them into order.
MESSAGE = np.dtype(
    [
        ("kind", "<i8"),  # NEW, MODIFY, CANCEL
        ("order", "<i8"),  # from 1
        ("side", "<i8"),  # 0 buy, 1 sell
        ("price", "<i8"),  # ticks; 0 in a CANCEL
        ("qty", "<i8"),  # 0 in a CANCEL
        ("ioc", "<i8"),  # 1: immediate or cancel
    ]
)


@dataclass(frozen=True)
class Scenario:
    """One of the five: volatility and swing of the mid, and the published hash at SEED and ORDERS."""

    name: str
    sigma: float
    swing: float
    sha256: str


SCENARIOS = (
    Scenario("static", 0.0, 0.0, "9803843ee404fc29c9a0aa5614f8f0d5a58b5c44fcac9ef89067886fcaaa30d1"),
    Scenario("normal", 0.15, 0.02, "e9b2e3926854410b01a035aeb25dd05f1e597c233be8263de9eb49b6713d367e"),
    Scenario("swing-25", 0.5, 0.25, "61a84be9469661bd039e00dbc9a7c011e70b6ace37aadfe60045ea083b05f4df"),
    Scenario("swing-40", 0.5, 0.40, "3cb0175e7982ff09ea220d1feaee3844cf9116a5ce455757879dea1d880b9b9f"),
    Scenario("flash-crash", 0.5, 0.60, "cff8d3f94b709fc64a8b2058a6ca4fb6920364904796e46906895e362d2bb16b"),
)


def scenario(name: str) -> Scenario:
    """The scenario of that name. Raises KeyError naming the known ones."""
    for found in SCENARIOS:
        if found.name == name:
            return found
    raise KeyError(f"unknown scenario {name!r}, expected one of {', '.join(s.name for s in SCENARIOS)}")


def make(chosen: Scenario, orders: int = ORDERS, seed: int = SEED) -> np.ndarray:
    """All messages in order of arrival, dtype MESSAGE; the index is the yardstick's `seq`."""
    random = np.random.RandomState(seed)
    side, price, qty, level = _draw_orders(random.random_sample(4 * orders), chosen.sigma, chosen.swing)
    shuffled = _shuffle(random.random_sample(max(orders - 1, 0)))
    # at most 10 draws an order, as _arrive counts them
    times, messages = _arrive(random.random_sample(10 * orders), shuffled, side, price, qty, level)
    return np.asarray(messages[np.argsort(times, kind="stable")])


def _level_weights() -> np.ndarray:
    """Running sum of the weights of the price levels, in the order that the definition adds them."""
    return _running_weights(LEVELS)


@kernel
def _running_weights(levels):  # type: ignore[no-untyped-def]
    cdf = np.empty(levels, np.float64)
    total = 0.0
    for k in range(levels):
        total += 1.0 / np.power(k + 1.0, 2.23) + 5.0 * np.exp(-0.5 * (k - 8.0) * (k - 8.0))
        cdf[k] = total
    return cdf


@kernel
def _round(value):  # type: ignore[no-untyped-def]
    """Half away from zero, for values not below zero."""
    whole = np.floor(value)
    return whole + 1.0 if value - whole >= 0.5 else whole


def _draw_orders(draws: np.ndarray, sigma: float, swing: float) -> tuple[np.ndarray, ...]:
    return tuple(_draw_orders_kernel(draws, float(sigma), float(swing), _level_weights()))


@kernel
def _draw_orders_kernel(draws, sigma, swing, cdf):  # type: ignore[no-untyped-def]
    count = draws.size // 4
    side = np.empty(count, np.int64)
    price = np.empty(count, np.int64)
    qty = np.empty(count, np.int64)
    level = np.empty(count, np.int64)
    dt = 0.0
    if sigma > 0.0:
        dt = (swing / sigma) * (swing / sigma) / count
    step = sigma * np.sqrt(dt)
    mid = START_MID
    for i in range(count):
        u1 = max(draws[4 * i], 1e-300)
        z = np.sqrt(-2.0 * np.log(u1)) * np.cos(2.0 * np.pi * draws[4 * i + 1])
        mid *= np.exp(-0.5 * step * step + step * z)
        mid_ticks = np.int64(_round((_round(mid / TICK) * TICK) / TICK))
        x = draws[4 * i + 2] * cdf[cdf.size - 1]
        k = np.int64(np.searchsorted(cdf, x))  # first k with cdf[k] >= x
        level[i] = k
        if i < count // 2:
            side[i] = 0
            price[i] = mid_ticks - (k + 1)
        else:
            side[i] = 1
            price[i] = mid_ticks + (k + 1)
        price[i] = max(price[i], 1)
        qty[i] = 1 + np.int64(draws[4 * i + 3] * 100.0)
    return side, price, qty, level


@kernel
def _shuffle(draws):  # type: ignore[no-untyped-def]
    """Fisher-Yates over 0..n-1, from the end."""
    count = draws.size + 1
    order = np.arange(count)
    for i in range(count - 1, 0, -1):
        j = np.int64(draws[count - 1 - i] * (i + 1.0))
        kept = order[i]
        order[i] = order[j]
        order[j] = kept
    return order


def _arrive(draws: np.ndarray, shuffled: np.ndarray, *orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    messages = np.zeros(5 * shuffled.size, MESSAGE)  # new, modify, cancel, both again
    times = np.empty(messages.size, np.int64)
    count = _arrive_kernel(draws, shuffled, *orders, times, messages)
    return times[:count], messages[:count]


@kernel
def _put(messages, times, at, time, kind, order, side, price, qty, ioc):  # type: ignore[no-untyped-def]
    message = messages[at]
    message["kind"] = kind
    message["order"] = order
    message["side"] = side
    message["price"] = price
    message["qty"] = qty
    message["ioc"] = ioc
    times[at] = time
    return at + 1


@kernel
def _arrive_kernel(draws, shuffled, side, price, qty, level, times, messages):  # type: ignore[no-untyped-def]
    # `now` runs on through all of an order's messages: the next order comes after them.
    n = 0  # messages written
    d = 0  # draws used
    now = 0
    half_life = np.log(2.0) / 431.0
    for at in range(shuffled.size):
        i = shuffled[at]
        ioc = 1 if draws[d] < 0.15 else 0
        d += 1
        n = _put(messages, times, n, now, NEW, i + 1, side[i], price[i], qty[i], ioc)
        if ioc == 1:
            now += 1
            continue
        moved = price[i]
        modified = draws[d] < 0.20
        d += 1
        if modified:
            now += 30 + np.int64(draws[d] * 70.0)
            if draws[d + 1] < 0.80:
                moved = price[i] + 1 if side[i] == 0 else price[i] - 1
            d += 2
            n = _put(messages, times, n, now, MODIFY, i + 1, side[i], moved, qty[i] + 1, 0)
        cancelled = draws[d] < 0.95
        d += 1
        if cancelled:
            rate = half_life / np.sqrt(1.0 + level[i])
            now += np.int64(-np.log(max(draws[d], 1e-300)) / rate)
            d += 1
            n = _put(messages, times, n, now, CANCEL, i + 1, side[i], 0, 0, 0)
            again = draws[d] < 0.02
            d += 1
            if again:
                now += 1 + np.int64(draws[d] * 20.0)
                d += 1
                n = _put(messages, times, n, now, CANCEL, i + 1, side[i], 0, 0, 0)
        if modified and cancelled:
            again = draws[d] < 0.02
            d += 1
            if again:
                now += 1 + np.int64(draws[d] * 20.0)
                d += 1
                n = _put(messages, times, n, now, MODIFY, i + 1, side[i], moved, qty[i] + 1, 0)
        now += 1
    return n
