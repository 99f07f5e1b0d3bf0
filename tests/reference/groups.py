"""A group: several places of one account, of which all enter or none."""

from typing import TYPE_CHECKING, Any

from tests.reference import commands, orders
from tests.reference.book import Order
from tests.reference.terms import placed_terms
from tests.reference.units import MAX_63, Refused

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine

Command = dict[str, Any]


def place_all(engine: "ReferenceEngine", group: Command) -> None:
    """Check every member against the state before the group, then let all enter or refuse all."""
    texts = [commands.without_nulls(fields) for fields in group["commands"]]
    members = [fields | {"account": group["account"]} for fields in texts]
    found = [_terms(engine, member, fields) for member, fields in zip(members, texts, strict=True)]
    entering = [order for order in found if isinstance(order, Order)]
    passed: list[Order] = []
    reasons: list[Refused | None] = []
    for member, result in zip(members, found, strict=True):
        refused = result if isinstance(result, Refused) else _refusal(engine, member, result, entering, passed)
        if refused is None:
            assert isinstance(result, Order)
            passed.append(result)
        reasons.append(refused)
    if len(passed) < len(members):
        for member, refused in zip(members, reasons, strict=True):
            engine.reject(member, refused or Refused("group_refused"))
        return
    for order in passed:
        engine.request = (order.account, order.client_id)
        orders.enter(engine, order, None, orders.Entry(order.alone, own_stopped=False))


def _terms(engine: "ReferenceEngine", member: Command, fields: Command) -> Order | Refused:
    """The order, or the first two groups of reasons why it is none. Its client id is used up whatever comes of it."""
    account = engine.accounts.get(member["account"])
    client_id = commands.readable(member, "client_id", MAX_63)
    unread: Refused | None = None
    try:
        commands.check_member(fields, member["account"], engine.instruments)
    except Refused as refused:
        unread = refused
        unread.of_text = True
    try:
        if account is not None and client_id is not None:
            engine.use_id(account, client_id, of_text=unread is not None)
        if unread is not None:
            raise unread
        if account is None:
            raise Refused("unknown_account", as_good=("unknown_symbol", "malformed"))
        if member["symbol"] not in engine.instruments:
            raise Refused("unknown_symbol", as_good=("malformed",))
        return placed_terms(engine, member, [])
    except Refused as refused:
        return refused


def _refusal(
    engine: "ReferenceEngine", member: Command, order: Order, entering: list[Order], passed: list[Order]
) -> Refused | None:
    """The third group of reasons: post_only against all members, funds and room besides what those before it take."""
    never_trades = order.post_only or order.instrument.state == "post_only"
    others = [o for o in entering if o.instrument is order.instrument and o.side != order.side]
    if never_trades and any(order.crosses(other) for other in others):
        return Refused("would_cross")
    try:
        orders.check_entry(engine, member, order, None, orders.has_level_room(engine, passed), passed)
    except Refused as refused:
        return refused
    return None
