"""Random fields that make a place something else than a plain limit or market order, by feature."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.reference.stream import CommandStream

Command = dict[str, Any]

WAITING_TYPES = {"stop": ("stop", "stop_limit"), "take_profit": ("take_profit", "take_profit_limit")}


def place_more(source: "CommandStream", command: Command, instrument: dict[str, Any]) -> None:
    """Change a drawn place in place."""
    waiting = [kind for feature in source.features for kind in WAITING_TYPES.get(feature, ())]
    if waiting and source.one_in(3):
        _make_wait(source, command, instrument, source.random.choice(sorted(waiting)))
    if "iceberg" in source.features and "price" in command and source.one_in(3):
        command["display_qty"] = source.text(source.random.choice((1, 1, 2, 3, 5)), instrument["lot_size"])
        if not source.one_in(12):
            command["tif"] = "gtc"
        if source.one_in(3):  # more behind the slice
            command["qty"] = source.text(source.random.randrange(5, 30), instrument["lot_size"])
        if source.one_in(30):
            command["display_qty"] = source.qty(instrument)
    if "min_qty" in source.features and source.one_in(10):
        command["min_qty"] = source.text(source.random.randrange(1, 8), instrument["lot_size"])
        if not source.one_in(10):
            command.pop("post_only", None)
            if command.get("tif") == "fok":
                del command["tif"]
    if "gtd" in source.features and source.one_in(4):
        if command["type"] != "market" or source.one_in(20):
            command["tif"] = "gtd"
        if command.get("tif") == "gtd" or source.one_in(10):
            command["expire_ts_ns"] = source.now + source.random.choice((-1, 0, 1, 1, 2, 3, 10**6, 10**9, 10**9, 2**62))


def _make_wait(source: "CommandStream", command: Command, instrument: dict[str, Any], kind: str) -> None:
    command["type"] = kind
    command["stop_price"] = source.price(instrument)
    if not source.one_in(15):
        command.pop("post_only", None)
        command.pop("quote_budget", None)
        if command.get("tif") in ("fok", "ioc"):
            del command["tif"]
        command.setdefault("qty", source.qty(instrument))
    if kind.endswith("_limit"):
        command.setdefault("price", source.price(instrument))
        if source.one_in(4):
            command["tif"] = "ioc"
    elif not source.one_in(20):
        command.pop("price", None)
