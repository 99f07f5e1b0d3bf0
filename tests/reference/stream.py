"""Seeded random commands, biased to what goes wrong: few accounts, few prices, little money, much interference.

Use: ``source = CommandStream(seed)``; then ``command = source.next()``, run it, ``source.saw(events)``. What it yields
depends on the seed, the features and the events shown to it alone. It runs on ``instruments(features)``.
"""

import random
from collections.abc import Callable
from typing import Any

from tests.reference import op_draws
from tests.reference.order_draws import place_more
from tests.reference.scenes import scene

INSTRUMENTS: dict[str, Any] = {
    "asset": [
        {"name": "USD", "decimals": 4},
        {"name": "BTC", "decimals": 4},
        {"name": "ETH", "decimals": 2},
    ],
    "instrument": [
        {
            "symbol": "BTC-USD", "base": "BTC", "quote": "USD", "tick_size": "0.5", "lot_size": "0.001",
            "price_min": "2.5", "price_max": "20", "maker_fee_ppm": 10_000, "taker_fee_ppm": 25_000,
            "qty_min": "0.002", "qty_max": "0.05", "min_notional": "0.025",
        },
        {
            "symbol": "ETH-USD", "base": "ETH", "quote": "USD", "tick_size": "0.01", "lot_size": "0.01",
            "price_min": "0.01", "price_max": "1", "maker_fee_ppm": 0, "taker_fee_ppm": 333_333,
        },
        {
            "symbol": "ETH-BTC", "base": "ETH", "quote": "BTC", "tick_size": "0.02", "lot_size": "0.05",
            "price_min": "0.02", "price_max": "1000", "maker_fee_ppm": 5_000, "taker_fee_ppm": 0, "max_open_orders": 6,
        },
    ],
}  # fmt: skip

ACCOUNTS = (1, 2, 3, 4)
JUNK: tuple[Any, ...] = (
    None, True, False, 1.5, -1, 0, 2**63, 2**64, 10**25, "", "abc", "NaN", "Infinity", "1e400", "-0", ".", "1_0", " 1",
    "9223372036854775807", "92233720368547758070", [], {}, "buy", "limit", "gtd", "stop", "USD", "BTC-USD",
)  # fmt: skip
OPS = {
    "place": 56, "replace": 5, "amend": 12, "cancel": 6, "deposit": 6, "withdraw": 3, "mass_cancel": 1, "halt": 0.4,
    "group": 4, "change": 1, "delist": 0.7, "disconnect": 0.3, "state": 4, "resume": 4, "suspend": 0.5,
    "unsuspend": 6, "bust": 2, "time": 1, "list": 1, "nonsense": 0.5,
}  # fmt: skip
RICHES = {"USD": 100, "BTC": 15, "ETH": 5}  # percent of what is paid in or out else, in minor units
OP_FEATURES = {
    "replace": "replace", "state": "states", "group": "group", "change": "change", "delist": "delist",
    "disconnect": "disconnect",
}  # fmt: skip
# Ops that are drawn in `op_draws`; the others are methods of the stream.
ELSEWHERE: dict[str, Callable[["CommandStream"], dict[str, Any]]] = {
    "state": op_draws.state, "group": op_draws.group, "change": op_draws.change, "delist": op_draws.delist,
    "list": op_draws.listing,
}  # fmt: skip


def instruments(features: frozenset[str]) -> dict[str, Any]:
    """The TOML that a stream with these features runs on."""
    if "collar" not in features:
        return INSTRUMENTS
    first, *others = INSTRUMENTS["instrument"]
    return INSTRUMENTS | {"instrument": [first | {"market_collar_ppm": 120_000}, *others]}


class CommandStream:
    """An endless source of commands."""

    def __init__(self, seed: int, features: frozenset[str] = frozenset()) -> None:
        self.random = random.Random(seed)
        self.features = features
        self.first: list[dict[str, Any]] = instruments(features)["instrument"]
        self.ops = {op: weight for op, weight in OPS.items() if OP_FEATURES.get(op, "") in {"", *features}}
        self.instruments = {i["symbol"]: i for i in INSTRUMENTS["instrument"]}
        self.assets = {a["name"]: a["decimals"] for a in INSTRUMENTS["asset"]}
        self.ids = dict.fromkeys(range(16), 0)
        self.open: dict[int, dict[str, Any]] = {}  # accepted events, by order id
        self.trades: list[int] = []
        self.auctions: set[str] = set()  # symbols that collect orders
        self.shut: set[str] = set()  # symbols of another state than open, where states are a feature
        self.planned: list[dict[str, Any]] = []  # the rest of a scene
        self.paired: set[tuple[int, int]] = set()  # account and client id of what has once been part of a pair
        self.now = 0  # what its commands say
        self.time = 0  # what the events say: it never goes back

    def saw(self, events: list[dict[str, Any]]) -> None:
        """Learn from the events that answered the last command."""
        for event in events:
            kind, self.time = event["type"], event["ts_ns"]
            if kind == "accepted":
                self.open[event["order_id"]] = dict(event)
                if "oco_client_id" in event:
                    self.paired |= {(event["account"], event[name]) for name in ("client_id", "oco_client_id")}
            elif kind == "amended":
                self.open[event["order_id"]].update(
                    price=event.get("price"), qty=event["qty"], stop_price=event.get("stop_price")
                )
            elif kind == "triggered":
                self.open[event["order_id"]]["stop_price"] = None
            elif kind == "cancelled":
                self.open.pop(event["order_id"], None)
            elif kind == "trade":
                self.trades.append(event["seq"])
                for order, leaves in (("order_id", "leaves"), ("maker_order_id", "maker_leaves")):
                    if float(event[leaves]) == 0:
                        self.open.pop(event[order], None)
            elif kind in ("state", "halted", "resumed"):
                self._saw_state(event)
            elif kind == "listed" and "decimals" in event:
                self.assets[event["name"]] = event["decimals"]
            elif kind == "delisted":
                self.instruments.pop(event.get("symbol", ""), None)
                self.assets.pop(event.get("asset", ""), None)
                for symbols in (self.auctions, self.shut):
                    symbols.discard(event.get("symbol", ""))
            elif kind in ("listed", "changed"):
                self.instruments[event["symbol"]] = event

    def _saw_state(self, event: dict[str, Any]) -> None:
        meant = {event["symbol"]} if "symbol" in event else set(self.instruments)
        state = event.get("state", "open" if event["type"] == "resumed" else "halted")
        self.auctions -= meant
        self.shut -= meant
        if state == "auction":
            self.auctions |= meant
        elif state != "open" and "states" in self.features:
            self.shut |= meant

    def next(self) -> dict[str, Any] | str:
        """The next command; now and then a text that is none."""
        if "stop" in self.features and not self.planned and self.one_in(80):
            self.planned = scene(self)
        if self.planned and not self.one_in(10):
            return self.planned.pop(0)
        op = self.random.choices(list(self.ops), list(self.ops.values()))[0]
        if op == "nonsense":
            return self.random.choice(
                ("", "{", "[]", "7", "null", '{"op":"dance"}', '{"account":1,"client_id":5}', '"place"', "{'op':1}")
            )
        command: dict[str, Any] = ELSEWHERE[op](self) if op in ELSEWHERE else getattr(self, f"_{op}")()
        if self.one_in(6):
            self.now += self.random.choice((0, 1, 1000, 10**9, -5))
            self.now = max(self.now, 0)
            command["ts_ns"] = self.now
        if self.one_in(40 if self.features else 25):
            self._spoil(command)
        return command

    # -- draws --------------------------------------------------------------------------------------------------

    def one_in(self, n: int) -> bool:
        return self.random.randrange(n) == 0

    def account(self) -> int:
        return 9 if self.one_in(60) else self.random.choice(ACCOUNTS)

    def client_id(self, account: int) -> int:
        """Mostly the next; sometimes a jump, a repeat, one in the window, one below it."""
        last = self.ids[account]
        draw = self.random.randrange(100)
        if draw < 88 or (self.features and not self.one_in(2)):
            last += 1
        elif draw < 92:
            last += self.random.randrange(2, 80)
        else:
            return max(last - self.random.choice((0, 1, 2, 3, 30, 63, 64, 65, 66, 500)), 0)
        self.ids[account] = last
        return last

    def text(self, units: int, step: str) -> Any:
        """``units`` steps in one of the forms that a number may take."""
        decimals = len(step.partition(".")[2])
        mantissa = units * int(step.replace(".", ""))
        if self.one_in(40):
            return f"{mantissa}e-{decimals}"
        if mantissa % 10**decimals == 0 and self.one_in(2):
            return mantissa // 10**decimals
        sign, digits = "-" if mantissa < 0 else "", str(abs(mantissa)).rjust(decimals + 1, "0")
        text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
        if self.one_in(30):
            text = "+" + text if mantissa >= 0 else text
        return sign + text + ("0" if decimals and self.one_in(10) else "")

    def price(self, instrument: dict[str, Any]) -> Any:
        step = instrument["tick_size"]
        draw = self.random.randrange(100)
        if draw < 94:
            return self.text(self.random.randrange(16, 23), step)
        if draw < 96:
            return self.text(self.random.choice((-3, 0, 1, 40, 41, 100, 2**60)), step)
        return step + "5" if "." in step else step + ".5"

    def qty(self, instrument: dict[str, Any]) -> Any:
        step = instrument["lot_size"]
        draw = self.random.randrange(100)
        if draw < 95:
            return self.text(self.random.randrange(1, 24), step)
        if draw < 98:
            return self.text(self.random.choice((-3, 0, 1, 50, 51, 10**6, 2**62)), step)
        return step + "3" if "." in step else step + ".3"

    def symbol(self) -> str:
        """Mostly one of the first three, so that what is listed later does not thin the books."""
        symbols = list(self.instruments)
        if self.auctions and self.one_in(2):
            return self.random.choice(sorted(self.auctions))
        if self.shut and not self.one_in(4):
            symbols = [symbol for symbol in symbols if symbol not in self.shut] or symbols
        return "NO-NO" if self.one_in(80) else self.random.choice(symbols if self.one_in(4) else symbols[:3])

    def terms_of(self, symbol: str) -> dict[str, Any]:
        """A symbol's listing; some other's where there is no such symbol."""
        found: dict[str, Any] = self.instruments.get(symbol, INSTRUMENTS["instrument"][0])
        return found

    # -- ops ----------------------------------------------------------------------------------------------------

    def _place(self) -> dict[str, Any]:
        account = self.account()
        command = {"op": "place", "account": account, "client_id": self.client_id(account)}
        return self.with_terms(command, self.symbol())

    def _replace(self) -> dict[str, Any]:
        command = self.target("replace")
        symbols = [o["symbol"] for o in self.open.values() if o["account"] == command["account"]]
        self.with_terms(command, self.random.choice(symbols) if symbols else self.symbol())
        if not self.one_in(20):
            command.pop("oco_client_id", None)
        return command

    def with_terms(self, command: dict[str, Any], symbol: str) -> dict[str, Any]:
        """A new order's terms."""
        instrument = self.terms_of(symbol)
        command |= {
            "symbol": symbol,
            "side": self.random.choice(("buy", "sell")), "type": "limit",
        }  # fmt: skip
        if not self.one_in(3):
            command["stp"] = self.random.choice(("none", "cancel_taker", "cancel_maker", "cancel_both", "decrement"))
        if self.one_in(2):
            command["tif"] = self.random.choice(("gtc", "gtc", "gtc", "ioc", "fok"))
        if self.one_in(5):
            command["type"] = "market"
            if self.one_in(3):
                command["side"] = "buy" if not self.one_in(10) else "sell"
                command["quote_budget"] = self.text(self.random.randrange(1, 3000), "0.0001")
                if self.one_in(20):
                    command["qty"] = self.qty(instrument)
            else:
                command["qty"] = self.qty(instrument)
        else:
            command["price"], command["qty"] = self.price(instrument), self.qty(instrument)
            if self.one_in(12):
                command["post_only"] = not self.one_in(5)
        if self.features:
            place_more(self, command, instrument)
        return command

    def target(self, op: str) -> dict[str, Any]:
        account = self.account()
        command: dict[str, Any] = {"op": op, "account": account}
        if self.open and not self.one_in(12):
            orders = list(self.open.values())
            if self.shut and self.one_in(4):
                orders = [order for order in orders if order["symbol"] in self.shut] or orders
            order = self.random.choice(orders)
            if not self.one_in(20):
                command["account"] = account = order["account"]
            if self.one_in(3):
                command["order_id"] = order["order_id"]
            if "order_id" not in command or self.one_in(30):
                command["orig_client_id"] = order["client_id"]
        else:
            command["orig_client_id"] = self.random.randrange(0, self.ids[account] + 2)
        command["client_id"] = self.client_id(account)
        return command

    def _cancel(self) -> dict[str, Any]:
        return self.target("cancel")

    def _amend(self) -> dict[str, Any]:
        command = self.target("amend")
        orders = (o for o in self.open.values() if o["client_id"] == command.get("orig_client_id"))
        order = self.open.get(command.get("order_id", 0)) or next(orders, None)
        instrument = self.instruments[order["symbol"]] if order else INSTRUMENTS["instrument"][0]
        draw = self.random.randrange(10)
        if draw < 7:
            command["price"] = (order or {}).get("price") if draw < 2 else None
            command["price"] = command["price"] or self.price(instrument)
        if draw > 3:
            command["qty"] = self.qty(instrument)
        if draw == 0 and order:
            command["qty"] = order["qty"]
        if "stop" in self.features:
            self._amend_waiting(command, order or {}, instrument)
        return command

    def _amend_waiting(self, command: dict[str, Any], order: dict[str, Any], instrument: dict[str, Any]) -> None:
        """A stop_price where one belongs, mostly, and no price where none does."""
        waits = order.get("stop_price") is not None
        if waits != self.one_in(15) and not self.one_in(3):
            command["stop_price"] = order["stop_price"] if waits and self.one_in(4) else self.price(instrument)
        if waits and "price" in command and (order.get("price") is None) != self.one_in(15):
            del command["price"]
        if waits and self.one_in(6):
            command.setdefault("qty", order["qty"])

    def _deposit(self) -> dict[str, Any]:
        return self._transfer("deposit", 8_000)

    def _withdraw(self) -> dict[str, Any]:
        return self._transfer("withdraw", 3_000 if not self.features else 8_000)

    def _transfer(self, op: str, most: int) -> dict[str, Any]:
        account = self.account() % 9 or 1  # account 9 never begins
        if self.one_in(300):
            account = self.random.randrange(10, 16)  # begins, and does nothing else
        asset = self.random.choice(list(self.assets))
        step = "1" if self.assets[asset] == 0 else "0." + "1".rjust(self.assets[asset], "0")
        if self.features:  # nobody is rich in anything
            most = most * RICHES.get(asset, 100) // 100
        units = 2**62 if self.one_in(60) else self.random.randrange(1, most)
        return {
            "op": op, "account": account, "client_id": self.client_id(account), "asset": asset,
            "amount": self.text(units, step),
        }  # fmt: skip

    def _mass_cancel(self) -> dict[str, Any]:
        account = self.account()
        command = {"op": "mass_cancel", "account": account, "client_id": self.client_id(account)}
        if not self.one_in(2):
            command["symbol"] = self.symbol()
        if "mass_side" in self.features and self.one_in(2):
            command["side"] = self.random.choice(("buy", "sell"))
        return command

    def _halt(self) -> dict[str, Any]:
        return {"op": "halt"} if self.one_in(3) else {"op": "halt", "symbol": self.symbol()}

    def _resume(self) -> dict[str, Any]:
        if self.one_in(8 if self.auctions else 2):
            return {"op": "resume"}
        if self.shut and not self.one_in(8):
            return {"op": "resume", "symbol": self.random.choice(sorted(self.shut))}
        return {"op": "resume", "symbol": self.symbol()}

    def _disconnect(self) -> dict[str, Any]:
        return {"op": "disconnect", "account": self.account()}

    def _suspend(self) -> dict[str, Any]:
        return {"op": "suspend", "account": self.account()}

    def _unsuspend(self) -> dict[str, Any]:
        return {"op": "unsuspend", "account": self.account()}

    def _bust(self) -> dict[str, Any]:
        seq = self.random.choice(self.trades[-40:]) if self.trades else 1
        return {"op": "bust", "trade_seq": self.random.randrange(1, 500) if self.one_in(6) else seq}

    def _time(self) -> dict[str, Any]:
        self.now = max(self.now + self.random.choice((0, 1, 10**6, -7)), 0)
        return {"op": "time", "ts_ns": self.now}

    def _spoil(self, command: dict[str, Any]) -> None:
        """Break (or merely bend) one field."""
        fields = [*command, "stop_price", "display_qty", "expire_ts_ns", "ts_ns", "tif", "symbol"]
        if self.features:
            fields += ["min_qty", "side", "type", "trail", "oco_client_id", "orig_client_id"]
        field = self.random.choice(fields)
        if field == "stop_price" and command["op"] == "amend" and "stop" not in self.features:
            return
        if self.one_in(3):
            command.pop(field, None)
        else:
            command[field] = self.random.choice(JUNK)
