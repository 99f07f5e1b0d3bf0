"""Random commands of the ops that are a feature of their own."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.reference.stream import CommandStream

BAD_ASSETS: dict[str, tuple[Any, ...]] = {
    "name": ("", "bad name", "SEVENTEENLETTERS7", "É", None, 5), "decimals": (-1, 19, 2**64, "2", True, 1.0, None),
}  # fmt: skip
BAD_INSTRUMENTS: dict[str, tuple[Any, ...]] = {
    "symbol": ("", "bad symbol", "BTC-USD", "SEVENTEENLETTERS7", None, []), "base": ("NONE", "", None, 7, "USD"),
    "quote": ("NONE", None, "XRP"), "tick_size": ("0", "-1", "0.0001", "1e30", "abc", 1.5, None, 1, "0.7"),
    "lot_size": ("0", "-0.5", "0.001", "1e-19", "1e18", None, "0.25"), "price_min": ("0", "-3", "51", "3.5", None, 3),
    "price_max": ("2", "50.5", "1e40", "9223372036854775808", None), "maker_fee_ppm": (-1, 1_000_001, "5", 0.5, None),
    "taker_fee_ppm": (-1, 1_000_001, 1_000_000, None), "qty_min": ("0", "21", "0.3", None), "qty_max": ("-1", "0", "x"),
    "min_notional": ("0", "0.00001", "1e40"), "max_open_orders": (0, 2**32, "3", 1), "market_collar_ppm": (0, 2**32, 9),
    "more": (1,),
}  # fmt: skip
STATES = {"open": 4, "post_only": 1.5, "cancel_only": 0.5, "closed": 0.5, "halted": 0.5, "auction": 5}


def state(source: "CommandStream") -> dict[str, Any]:
    """A symbol's state, often an auction; now and then a reference price or a band that stops trades."""
    symbol = source.symbol()
    instrument = source.terms_of(symbol)
    states = {name: weight for name, weight in STATES.items() if name != "auction" or "auction" in source.features}
    if symbol in source.auctions or symbol in source.shut:  # often to another that keeps a book crossed
        states = dict.fromkeys(states, 1)
    chosen = source.random.choices(list(states), list(states.values()))[0]
    command: dict[str, Any] = {"op": "state", "symbol": symbol, "state": chosen}
    if source.one_in(4):
        command["reference_price"] = source.price(instrument)
    if "band" in source.features and source.one_in(2):
        command["band_ppm"] = source.random.choice((0, 60_000, 60_000, 150_000, 300_000, 1_000_000))
        if source.one_in(20):
            command["band_ppm"] = source.random.choice((-1, 1_000_001, "5", 0.5))
    return command


def group(source: "CommandStream") -> dict[str, Any]:
    """Several places, mostly such as all could enter."""
    account = source.account()
    members: list[Any] = []
    shared = source.symbol()
    for _ in range(source.random.choice((1, 2, 2, 2, 3, 4))):
        head = {"op": "place", "account": account, "client_id": source.client_id(account)}
        symbol = source.symbol() if source.one_in(3) else shared
        member = source.with_terms(dict(head), symbol)
        for _ in range(0 if source.one_in(15) else 30):
            if member["type"] == "limit" and member.get("tif") in (None, "gtc", "gtd") and "min_qty" not in member:
                break
            member = source.with_terms(dict(head), symbol)
        if source.one_in(2):
            del member["account"]
        members.append(member)
    command: dict[str, Any] = {"op": "group", "account": account, "commands": members}
    if source.one_in(25):
        member = source.random.choice(members)
        member[source.random.choice(("account", "ts_ns", "client_id", "op", "symbol", "post_only"))] = (
            source.random.choice((None, 0, 3, "place", True, "NO-NO"))
        )
    if source.one_in(40):
        command["commands"] = source.random.choice(([], None, "x", [1], members * 9, [*members, None]))
    return command


def change(source: "CommandStream") -> dict[str, Any]:
    """New terms, mostly such as bite: narrow prices, small ranges, few orders."""
    symbol = source.symbol()
    terms = source.terms_of(symbol)
    tick, lot, draw = terms["tick_size"], terms["lot_size"], source.random
    values: dict[str, Any] = {
        "price_min": source.text(draw.choice((1, 1, 5, 14, 17)), tick),
        "price_max": source.text(draw.choice((21, 40, 40, 40)), tick),
        "maker_fee_ppm": draw.choice((0, 10_000, 500_000)), "taker_fee_ppm": draw.choice((0, 333_333, 1_000_000)),
        "qty_min": source.text(draw.choice((0, 0, 0, 2)), lot),
        "qty_max": source.text(draw.choice((0, 0, 20, 50)), lot),
        "min_notional": draw.choice((0, 0, "0.0050", "0.0001")), "max_open_orders": draw.choice((0, 7, 12, 20)),
    }  # fmt: skip
    if "collar" in source.features:
        values["market_collar_ppm"] = draw.choice((0, 60_000, 120_000, 2_000_000))
    command: dict[str, Any] = {"op": "change_instrument", "symbol": symbol}
    for name in draw.sample(sorted(values), draw.choice((1, 1, 2, 3))):
        command[name] = values[name]
    if source.one_in(6):
        field = draw.choice((*values, "tick_size", "base", "symbol"))
        command[field] = draw.choice((-1, "0", 0, None, "abc", "0.00001", 2**32, 2**64, True))
    if source.one_in(15):
        command = {"op": "change_instrument", "symbol": symbol}
    return command


def delist(source: "CommandStream") -> dict[str, Any]:
    """Never one of the first three symbols: the stream lives on them."""
    later = list(source.instruments)[3:]
    if later and not source.one_in(3):
        return {"op": "delist_instrument", "symbol": source.random.choice([*later, "NO-NO"])}
    return {"op": "delist_asset", "asset": source.random.choice([*source.assets, "NONE", None])}


def listing(source: "CommandStream") -> dict[str, Any]:
    """A new asset or instrument; every other one has one value that may be refused."""
    names, draw = ["EUR", "SOL", "USD", "XRP"], source.random
    fresh = "delist" in source.features  # each name is used once, so there have to be many
    if fresh and source.one_in(2):
        names = [f"X{number}" for number in range(1, 8)]
    if source.one_in(2):
        command = {"op": "list_asset", "name": draw.choice(names), "decimals": draw.choice((0, 2))}
        return _misjudge(source, command, BAD_ASSETS)
    base, quote = draw.choice(names), draw.choice(("USD", "EUR", "BTC"))
    command = {
        "op": "list_instrument", "symbol": f"{base}-{quote}", "base": base, "quote": quote, "tick_size": "1",
        "lot_size": draw.choice(("1", "0.5")), "price_min": "3", "price_max": "50", "maker_fee_ppm": 70_000,
        "taker_fee_ppm": 90_000,
    }  # fmt: skip
    if fresh and source.one_in(2):  # of assets that accounts hold
        first = draw.choice(source.first)
        command = {"op": "list_instrument", **first, "symbol": f"{first['symbol']}.{draw.randrange(1, 60)}"}
    elif source.one_in(3):
        command |= {"max_open_orders": 4, "qty_min": "1", "qty_max": 20, "min_notional": 4}
    return _misjudge(source, command, BAD_INSTRUMENTS)


def _misjudge(source: "CommandStream", command: dict[str, Any], bad: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Half of them with one value that may be refused."""
    if source.one_in(2):
        field = source.random.choice(list(bad))
        command[field] = source.random.choice(bad[field])
        if command.get("market_collar_ppm") == 9 and "collar" not in source.features:
            del command["market_collar_ppm"]
    return command
