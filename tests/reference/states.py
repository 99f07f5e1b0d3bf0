"""The states of a symbol: who changes them, and what they let in."""

from typing import TYPE_CHECKING, Any

from tests.reference.auction import is_crossed
from tests.reference.units import Refused

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine

KEEPS_CROSSED = ("halted", "closed", "cancel_only")


def change(engine: "ReferenceEngine", command: dict[str, Any]) -> None:
    """A `state` command: state, and where given reference price and volatility band."""
    instrument = engine.instruments[command["symbol"]]
    reference = instrument.tick.count(command["reference_price"]) if "reference_price" in command else None
    reasons = []
    if reference is not None and reference.denominator != 1:
        reasons.append("price_off_tick")
    if reference is not None and not instrument.price_min <= reference <= instrument.price_max:
        reasons.append("price_out_of_band")
    if {instrument.state, command["state"]} <= set(KEEPS_CROSSED) and is_crossed(engine.books[instrument.symbol]):
        reasons.append("state_forbids")  # after an auction only another one may follow, or what uncrosses the book
    if reasons:
        raise Refused(reasons[0], as_good=tuple(reasons[1:]))
    instrument.state = command["state"]
    if reference is not None:
        instrument.reference = reference.numerator
    instrument.band_ppm = command.get("band_ppm", instrument.band_ppm)
    engine.emit(
        "state", symbol=instrument.symbol, state=instrument.state,
        reference_price=instrument.price_text(instrument.reference), band_ppm=instrument.band_ppm or None,
    )  # fmt: skip


def halt_or_resume(engine: "ReferenceEngine", symbol: str | None, state: str) -> None:
    """halt and resume: of one symbol, or of every one."""
    meant = [instrument for instrument in engine.instruments.values() if symbol in (None, instrument.symbol)]
    for instrument in meant:
        instrument.state = state
    engine.emit("halted" if state == "halted" else "resumed", symbol=symbol)


def forbids(state: str, takes: bool) -> list[str]:
    """Reasons of a state to refuse a place or an amend, where ``takes`` says whether post_only or auction take it."""
    if state == "open" or (takes and state in ("post_only", "auction")):
        return []
    return ["symbol_halted" if state == "halted" else "state_forbids"]
