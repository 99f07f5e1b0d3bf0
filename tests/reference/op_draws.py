"""Random commands of the ops that are a feature of their own."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.reference.stream import CommandStream

STATES = {"open": 4, "post_only": 1.5, "cancel_only": 0.5, "closed": 0.5, "halted": 0.5, "auction": 5}


def state(source: "CommandStream") -> dict[str, Any]:
    """A symbol's state, often an auction; now and then a reference price or a band that stops trades."""
    symbol = source.symbol()
    instrument = source.terms_of(symbol)
    states = {name: weight for name, weight in STATES.items() if name != "auction" or "auction" in source.features}
    chosen = source.random.choices(list(states), list(states.values()))[0]
    command: dict[str, Any] = {"op": "state", "symbol": symbol, "state": chosen}
    if source.one_in(4):
        command["reference_price"] = source.price(instrument)
    if "band" in source.features and source.one_in(2):
        command["band_ppm"] = source.random.choice((0, 60_000, 60_000, 150_000, 300_000, 1_000_000))
        if source.one_in(20):
            command["band_ppm"] = source.random.choice((-1, 1_000_001, "5", 0.5))
    return command
