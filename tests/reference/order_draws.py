"""Random fields that make a place something else than a plain limit or market order, by feature."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.reference.stream import CommandStream

Command = dict[str, Any]

WAITING_TYPES = {
    "stop": ("stop", "stop_limit"), "take_profit": ("take_profit", "take_profit_limit"),
    "trailing": ("trailing_stop",) * 3,
}  # fmt: skip


def place_more(source: "CommandStream", command: Command, instrument: dict[str, Any]) -> None:
    """Change a drawn place in place."""
    waiting = [kind for feature in source.features for kind in WAITING_TYPES.get(feature, ())]
    if waiting and source.one_in(3):
        _make_wait(source, command, instrument, source.random.choice(sorted(waiting)))
    elif command["type"] == "limit" and source.one_in(6):
        _reach(source, command, instrument)
    if "iceberg" in source.features and "price" in command and source.one_in(3):
        command["display_qty"] = source.text(source.random.choice((1, 1, 2, 3, 5)), instrument["lot_size"])
        if not source.one_in(12):
            command["tif"] = "gtc"
        if source.one_in(3):  # more behind the slice
            command["qty"] = source.text(source.random.randrange(5, 30), instrument["lot_size"])
        if source.one_in(30):
            command["display_qty"] = source.qty(instrument)
    if "min_qty" in source.features and source.one_in(200 if "stop_price" in command else 8):
        command["min_qty"] = source.text(source.random.randrange(1, 8), instrument["lot_size"])
        if not source.one_in(10):
            command.pop("post_only", None)
            if command.get("tif") == "fok":
                del command["tif"]
    if "gtd" in source.features and source.one_in(4):
        if command["type"] != "market" or source.one_in(20):
            command["tif"] = "gtd"
        if command.get("tif") == "gtd" or source.one_in(10):
            command["expire_ts_ns"] = source.time + source.random.choice((3, 5000, 10**6, 10**9, 10**10, 10**10, 2**62))
            if source.one_in(20):
                command["expire_ts_ns"] = max(source.time - source.random.randrange(2), 0)


def _reach(source: "CommandStream", command: Command, instrument: dict[str, Any]) -> None:
    """A taker that walks over several prices; or a sell so far away that who has to take it may not be able to pay."""
    buys = command["side"] == "buy"
    if buys or source.one_in(2):
        command["price"] = source.text(24 if buys else 14, instrument["tick_size"])
        command["qty"] = source.text(source.random.randrange(10, 45), instrument["lot_size"])
    else:
        command["price"] = source.text(source.random.randrange(30, 40), instrument["tick_size"])


def _make_wait(source: "CommandStream", command: Command, instrument: dict[str, Any], kind: str) -> None:
    command["type"] = kind
    if source.one_in(4):
        command["qty"] = source.text(source.random.randrange(20, 50), instrument["lot_size"])
    command["stop_price"] = _stop_price(source, command["side"] == "buy", kind, instrument)
    if not source.one_in(15):
        command.pop("post_only", None)
        command.pop("quote_budget", None)
        if command.get("tif") in ("fok", "ioc"):
            del command["tif"]
        command.setdefault("qty", source.qty(instrument))
    if kind == "trailing_stop" and not source.one_in(20):
        command["trail"] = source.text(source.random.choice((1, 1, 1, 2, 3, 100)), instrument["tick_size"])
    if "oco" in source.features and source.one_in(3):
        _pair(source, command)
    if kind.endswith("_limit"):
        command.setdefault("price", source.price(instrument))
        if source.one_in(4):
            command["tif"] = "ioc"
    elif not source.one_in(20):
        command.pop("price", None)


def _stop_price(source: "CommandStream", buys: bool, kind: str, instrument: dict[str, Any]) -> Any:
    """Mostly one that the market has not reached yet."""
    if source.one_in(3):
        return source.price(instrument)
    upwards = buys != kind.startswith("take_profit")
    return source.text(
        source.random.randrange(19, 26) if upwards else source.random.randrange(13, 20), instrument["tick_size"]
    )


def _pair(source: "CommandStream", command: Command) -> None:
    """Mostly with an open order that it may be paired with."""
    mine = [order for order in source.open.values() if order["account"] == command["account"]]
    single = [order for order in mine if (order["account"], order["client_id"]) not in source.paired]
    alike = [order for order in single if order["symbol"] == command["symbol"]]
    chosen = source.random.choice(mine if source.one_in(25) or not alike else alike) if mine else None
    command["oco_client_id"] = chosen["client_id"] if chosen else source.random.randrange(5)
    if chosen and not source.one_in(25):
        command["side"] = chosen["side"]
