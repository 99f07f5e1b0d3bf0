"""Commands that list, change and delist assets and instruments while it trades."""

from typing import TYPE_CHECKING, Any

from tests.reference.book import Book
from tests.reference.listing import change, read_asset, read_change, read_instrument
from tests.reference.units import Refused

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine

Command = dict[str, Any]


def list_asset(engine: "ReferenceEngine", command: Command) -> None:
    """A new asset; its name must never have been one's."""
    asset = read_asset(command, engine.assets)
    if len(engine.assets) >= engine.limits.max_assets:
        raise Refused("book_full")
    engine.assets[asset.name] = asset
    engine.emit("listed", name=asset.name, decimals=asset.decimals)


def list_instrument(engine: "ReferenceEngine", command: Command) -> None:
    """A new instrument; its symbol must never have been one's."""
    instrument = read_instrument(command, engine.assets, engine.instruments | engine.delisted)
    if len(engine.instruments) + len(engine.delisted) >= engine.limits.max_instruments:
        raise Refused("book_full")
    engine.instruments[instrument.symbol] = instrument
    engine.books[instrument.symbol], engine.waiting[instrument.symbol] = Book(), []
    engine.emit("listed", **instrument.listed)


def change_instrument(engine: "ReferenceEngine", command: Command) -> None:
    """New terms; open orders stay as they are."""
    instrument = engine.instruments[command["symbol"]]
    change(instrument, read_change(command, instrument, engine.assets))
    engine.emit("changed", **instrument.listed)


def delist_instrument(engine: "ReferenceEngine", command: Command) -> None:
    """The symbol is gone for good, and its orders end, oldest first, each in a step of its own."""
    instrument = engine.instruments.pop(command["symbol"])
    engine.delisted[instrument.symbol] = instrument
    engine.emit("delisted", symbol=instrument.symbol)
    theirs = [order for order in engine.open.values() if order.instrument is instrument]
    for order in sorted(theirs, key=lambda order: order.age):
        if order.order_id in engine.open:  # else it has ended with its partner
            engine.begin_step()
            engine.cancel(order, "delisted")


def delist_asset(engine: "ReferenceEngine", command: Command) -> None:
    """No more deposits and listings; what accounts hold stays theirs."""
    asset = engine.assets[command["asset"]]
    if any(asset in (instrument.base, instrument.quote) for instrument in engine.instruments.values()):
        raise Refused("malformed")
    asset.delisted = True
    engine.emit("delisted", asset=asset.name)
