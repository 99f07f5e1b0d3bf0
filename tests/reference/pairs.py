"""One cancels the other: two orders of which only one may trade, so that only the larger of their amounts is frozen.

While they are a pair they share one `Hold`.
"""

from typing import TYPE_CHECKING, Any

from tests.reference.book import Hold, Order

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine


def wanted_partner(engine: "ReferenceEngine", command: dict[str, Any]) -> tuple[Order | None, list[str]]:
    """The open order that a place wants to be paired with, and reasons why it can't be."""
    if "oco_client_id" not in command:
        return None, []
    partner = engine.find_open(command["account"], command["oco_client_id"])
    if partner is None:
        return None, ["unknown_order"]
    is_alike = (partner.instrument.symbol, partner.side) == (command["symbol"], command["side"])
    return partner, [] if is_alike and partner.partner is None else ["malformed"]


def link(order: Order, partner: Order) -> None:
    """Make two orders a pair. The new one has nothing frozen yet; what the pair needs is frozen after this."""
    assert order.frozen == 0 and partner.partner is None
    order.partner, partner.partner = partner, order
    order.hold = partner.hold


def amount(order: Order, alone: int) -> int:
    """What has to be frozen for an order that alone would freeze so much, and its partner where it has one."""
    return alone if order.partner is None else max(alone, order.partner.alone)


def part(order: Order) -> Order | None:
    """End a pair: each gets its own hold, the one that leaves, this order, with what the other does not need."""
    partner = order.partner
    if partner is None:
        return None
    order.partner = partner.partner = None
    order.hold = Hold(order.frozen - partner.alone)
    partner.hold.amount = partner.alone
    return partner


def end_other(engine: "ReferenceEngine", order: Order) -> None:
    """This order is about to trade or to trigger: the other one is cancelled first."""
    if order.partner is not None:
        other = order.partner
        part(other)
        engine.cancel(other, "oco")
