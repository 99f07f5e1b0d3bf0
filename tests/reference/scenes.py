"""Short scenes that a stream plays now and then, for what chance alone hardly ever brings about."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.reference.stream import CommandStream

Command = dict[str, Any]
POOR = (5, 6, 7, 8)  # accounts that only these scenes know


def scene(source: "CommandStream") -> list[Command]:
    """Commands to be given one after another; who else comes in between may spoil them."""
    symbol = source.random.choice(list(source.instruments)[:3])
    played = [_too_poor_to_trigger]
    if "trailing" in source.features:
        played.append(_trails_past_the_last_print)
    if "group" in source.features and "band" in source.features:
        played.append(_halts_within_a_group)
    if "auction" in source.features:
        played.append(_stays_crossed)
    return source.random.choice(played)(source, symbol)


def _place(
    source: "CommandStream", account: int, symbol: str, side: str, price: int, lots: int, **more: Any
) -> Command:
    terms = source.terms_of(symbol)
    return {
        "op": "place", "account": account, "client_id": source.client_id(account), "symbol": symbol, "side": side,
        "type": "limit", "price": source.text(price, terms["tick_size"]), "qty": source.text(lots, terms["lot_size"]),
    } | more  # fmt: skip


def _stop(command: Command, kind: str, **more: Any) -> Command:
    """The same as a waiting order; its price is its stop_price."""
    return {name: value for name, value in command.items() if name != "price"} | {
        "type": kind, "stop_price": command["price"], **more,
    }  # fmt: skip


def _too_poor_to_trigger(source: "CommandStream", symbol: str) -> list[Command]:
    """A stop buy that could just pay its stop_price, which has mostly been reached, and finds dearer sells."""
    terms, account = source.terms_of(symbol), source.random.choice(POOR)
    lots = source.random.randrange(3, 20)
    amount = Decimal(terms["tick_size"]) * Decimal(terms["lot_size"]) * 15 * lots
    money = {"op": "deposit", "account": account, "client_id": source.client_id(account), "asset": terms["quote"]}
    stop = _stop(_place(source, account, symbol, "buy", 15, lots), "stop")
    dear = _place(source, source.random.choice((1, 2, 3, 4)), symbol, "sell", 38, 30, stp="none")
    return [{"op": "resume", "symbol": symbol}, money | {"amount": f"{amount:f}"}, dear, stop]


def _trails_past_the_last_print(source: "CommandStream", symbol: str) -> list[Command]:
    """A trailing sell that a walk downwards lifts above its last print."""
    one, other, third = source.random.sample((1, 2, 3, 4), 3)
    tick = source.terms_of(symbol)["tick_size"]
    trailing = _stop(_place(source, one, symbol, "sell", 13, 2), "trailing_stop", trail=source.text(1, tick))
    bids = [_place(source, other, symbol, "buy", price, 2) for price in (23, 17)]
    sell = _place(source, third, symbol, "sell", 15, 40, tif="ioc", stp="none")
    return [{"op": "resume", "symbol": symbol}, trailing, *bids, sell]


def _halts_within_a_group(source: "CommandStream", symbol: str) -> list[Command]:
    """A first member that meets the band, and others behind it."""
    account, other = source.random.sample((1, 2, 3, 4), 2)
    tick = source.terms_of(symbol)["tick_size"]
    state = {
        "op": "state",
        "symbol": symbol,
        "state": "open",
        "reference_price": source.text(18, tick),
        "band_ppm": 60_000,
    }
    dear = _place(source, other, symbol, "sell", 22, 3)
    members = [_place(source, account, symbol, "buy", price, 2) for price in (23, 22, 15)]
    return [state, dear, {"op": "group", "account": account, "commands": members}]


def _stays_crossed(source: "CommandStream", symbol: str) -> list[Command]:
    """An auction that ends by a state that trades nothing, and then others."""
    one, other = source.random.sample((1, 2, 3, 4), 2)
    states = [
        "auction",
        *(source.random.choice(("closed", "halted", "cancel_only", "auction", "open")) for _ in range(3)),
    ]
    changes: list[Command] = [{"op": "state", "symbol": symbol, "state": state} for state in states]
    orders = [_place(source, one, symbol, "buy", 20, 2), _place(source, other, symbol, "sell", 18, 3)]
    return [changes[0], *orders, *changes[1:], {"op": "resume", "symbol": symbol}]
