"""`bench scale`: what each stage of shards costs, and what follows for up to 100 engines: arithmetic and a simulation.

The costs are measured in a real exchange of two shards (`scale_costs`), the rest follows from them (`scale_model`).
"""

from collections.abc import Callable
from typing import Any

from bench.conditions import conditions
from bench.scale_costs import measure
from bench.scale_model import Costs, Market, simulate, transfers_per_1000

ENGINES = (1, 2, 4, 8, 16, 32, 64, 100)
SKEWS_PER_MILLE = (0, 800, 1000, 1200)  # of popularity: weight of the symbol of rank r = r^-skew
SYMBOLS, ACCOUNTS, SESSIONS, WINDOW = 1_000, 1_000, 64, 256
COMMANDS, COMMANDS_QUICK = 200_000, 20_000
SEED = 20_261_128


def run(quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measured costs, then for each skew and number of engines what they give."""
    measured = measure(quick, tell)
    costs = Costs.of(measured)
    count = COMMANDS_QUICK if quick else COMMANDS
    rows = []
    for skew in SKEWS_PER_MILLE:
        for engines in ENGINES:
            market = Market(SYMBOLS, skew, engines)
            row: dict[str, Any] = {"skew_per_mille": skew, "engines": engines}
            row["hot_share"] = round(market.hot_share, 4)
            row["arithmetic_per_s"] = costs.capacity_per_s(market.hot_share)
            row["simulated_per_s"] = simulate(costs, market, count, SESSIONS, WINDOW, SEED, fronts=0)
            row["one_entry_per_s"] = simulate(costs, market, count, SESSIONS, WINDOW, SEED, fronts=1)
            row["transfers_per_1000_orders"] = transfers_per_1000(market, ACCOUNTS, count, SEED)
            rows.append(row)
        last = rows[-1]
        tell(
            f"scale, skew {skew / 1000}: {engines} engines, hottest has {last['hot_share']:.1%}, "
            f"{last['simulated_per_s']:,} commands/s, {last['transfers_per_1000_orders']} transfers per 1000 orders"
        )
    return {
        "stages": measured["stages"],
        "costs": vars(costs),
        "measured_commands": measured["commands"],
        "rows": rows,
        "conditions": conditions(
            seed=SEED, symbols=SYMBOLS, accounts=ACCOUNTS, sessions=SESSIONS, window=WINDOW, simulated_commands=count
        ),
    }
