"""The reference engine: one command in, its events out, in the JSON form."""

from collections.abc import Callable
from typing import Any

from tests.reference import after, changes, commands, groups, orders, pairs, states, waiting
from tests.reference.accounts import Account
from tests.reference.book import Book, Order
from tests.reference.expiry import expire
from tests.reference.limits import ROOMY, TableLimits
from tests.reference.listing import Asset, Instrument
from tests.reference.units import MAX_63, MAX_ACCOUNT, Refused
from tests.reference.validate import validate

MAX_SUPPLY = 2**62
Event = dict[str, Any]

# Ops that have a module of their own; the others are methods of the engine.
ELSEWHERE: dict[str, Callable[["ReferenceEngine", Event], None]] = {
    "place": orders.place, "replace": orders.replace, "amend": orders.amend, "group": groups.place_all,
    "state": states.change, "list_asset": changes.list_asset, "list_instrument": changes.list_instrument,
    "change_instrument": changes.change_instrument, "delist_instrument": changes.delist_instrument,
    "delist_asset": changes.delist_asset,
}  # fmt: skip


class ReferenceEngine:
    """All state of one history. ``instruments`` is the parsed TOML; ValueError where it is refused."""

    def __init__(self, instruments: dict[str, Any], limits: TableLimits = ROOMY) -> None:
        self.limits = limits
        self.now, self.seq, self.age = 0, 0, 0
        self.assets: dict[str, Asset] = {}
        self.instruments: dict[str, Instrument] = {}
        self.delisted: dict[str, Instrument] = {}
        self.books: dict[str, Book] = {}
        self.accounts: dict[int, Account] = {}
        self.open: dict[int, Order] = {}  # by order id
        self.waiting: dict[str, list[Order]] = {}  # by symbol; orders that no print has hit yet
        self.hits: list[Order] = []  # orders that a print has hit, in the order in which they trigger
        self.prints: dict[str, list[int]] = {}  # by symbol, prices in ticks that trailing stops have not followed yet
        self.last: dict[str, int] = {}  # each symbol's last trade price, in ticks
        self.trades: dict[int, dict[str, Any]] = {}  # by seq
        self.busted: set[int] = set()
        self.request: tuple[int, int] | None = None  # account and client id of the command that runs
        self.as_good: dict[int, tuple[str, ...]] = {}  # by seq of a refusal: other reasons of the same group
        self.events: list[Event] = []
        self.step_begin = 0  # how many of the events came before the step that runs
        try:
            for fields in instruments.get("asset", []):
                changes.list_asset(self, fields)
            for fields in instruments.get("instrument", []):
                changes.list_instrument(self, fields)
        except Refused as refused:
            raise ValueError(f"instruments refused at {fields}") from refused
        self.listed = self.events

    def run(self, line: dict[str, Any] | str) -> list[Event]:
        """The events of one command, and of the steps before and after it."""
        command = commands.read_line(line)
        return self._run(command, lambda: self._decide(command))

    def disconnect(self, number: int) -> list[Event]:
        """The events of the entry's mass cancel for an account whose session went silent."""
        command = {"account": number}
        return self._run(command, lambda: self._disconnect(command))

    def _run(self, command: Event, decide: Callable[[], None]) -> list[Event]:
        self.events, self.as_good = [], {}
        self.now = max(self.now, commands.readable(command, "ts_ns", MAX_63) or 0)
        expire(self)  # whatever becomes of the command
        self.begin_step()
        try:
            decide()
        except Refused as refused:
            self.reject(command, refused)
        after.settle(self)
        return self.events

    def _decide(self, command: Event) -> None:
        number = commands.readable(command, "account", MAX_ACCOUNT)
        client_id = commands.readable(command, "client_id", MAX_63)
        account = self.accounts.get(number) if number is not None else None
        op = command.get("op")
        try:
            commands.check(command, self.assets, self.instruments)
        except Refused as refused:
            refused.of_text = True
            if account is not None and client_id is not None:
                self.use_id(account, client_id, of_text=True)
            raise
        if op in commands.ACCOUNT_OPS and account is not None:
            assert client_id is not None and number is not None
            self.use_id(account, client_id)
            self.request = (number, client_id)
        if account is None and op in (*commands.ACCOUNT_OPS[1:], "suspend", "unsuspend"):
            raise Refused("unknown_account")
        if op in (*commands.NAMES_SYMBOL, "mass_cancel", "halt", "resume") and "symbol" in command:
            if command["symbol"] not in self.instruments:
                raise Refused("unknown_symbol", as_good=("malformed",))  # what has no symbol's units can't be measured
        if op in ELSEWHERE:
            ELSEWHERE[op](self, command)
        else:
            getattr(self, f"_{op}")(command)

    def use_id(self, account: Account, client_id: int, of_text: bool = False) -> None:
        """Take a client id, whatever comes of its command; Refused where it is not new."""
        if not account.is_new(client_id):
            refused = Refused("duplicate_client_id", self.find_open(account.number, client_id))
            refused.of_text = of_text
            raise refused
        account.use(client_id)

    def find_open(self, number: int, client_id: int) -> Order | None:
        """The account's open order that this client id placed."""
        found = [o for o in self.open.values() if (o.account, o.client_id) == (number, client_id)]
        assert len(found) <= 1
        return found[0] if found else None

    # -- steps: a command is one, and so is each thing that happens by itself before or after it ----------------------

    def begin_step(self) -> None:
        """No account has asked for what comes now, unless a command says so."""
        self.request, self.step_begin = None, len(self.events)

    def step_length(self) -> int:
        """Events of this step so far."""
        return len(self.events) - self.step_begin

    # -- events -------------------------------------------------------------------------------------------------

    def emit(self, kind: str, order: Order | None = None, **fields: object) -> int:
        """Append an event, absent (None) fields left out; returns its seq."""
        self.seq += 1
        event: Event = {"seq": self.seq, "ts_ns": self.now, "type": kind}
        if order is not None:
            event["symbol"] = order.instrument.symbol
            event["account"], event["client_id"] = order.account, order.client_id
            event["order_id"] = order.order_id
            if self.request is not None:
                number, client_id = self.request
                if number == order.account and client_id != order.client_id:
                    event["request_id"] = client_id
        event.update({name: value for name, value in fields.items() if value is not None})
        self.events.append(event)
        return self.seq

    def reject(self, command: Event, refused: Refused) -> None:
        """Answer a command, or a member of a group, with its refusal."""
        self.as_good[self.seq + 1] = refused.as_good
        order = refused.order if isinstance(refused.order, Order) else None
        symbol = None
        if not refused.of_text and command.get("op") in ("place", "replace", "mass_cancel", "state"):
            symbol = command.get("symbol") if command.get("symbol") in self.instruments else None
        if order is not None and refused.reason != "duplicate_client_id":
            symbol = order.instrument.symbol
        self.emit(
            "rejected", symbol=symbol, account=commands.readable(command, "account", MAX_ACCOUNT),
            client_id=commands.readable(command, "client_id", MAX_63),
            order_id=order.order_id if order else None, reason=refused.reason,
        )  # fmt: skip

    # -- what happens to an open order ----------------------------------------------------------------------------

    def cancel(self, order: Order, reason: str) -> None:
        """End an open order, wherever it stands, and with it its partner: free the funds, say what was still open."""
        partner = pairs.part(order)
        self.withdraw(order)
        self.freeze(order, 0)
        self.emit("cancelled", order, reason=reason, qty=order.instrument.lot.text(order.leaves))
        self.close(order)
        if partner is not None:
            self.cancel(partner, "oco")

    def withdraw(self, order: Order) -> None:
        """Take an order from where it stands, if it does: a taker stands nowhere."""
        if order in self.standing(order):
            self.standing(order).remove(order)

    def standing(self, order: Order) -> list[Order]:
        """The list where an open order stands between two steps: those hit by a print, the waiting ones, a book."""
        if order in self.hits:
            return self.hits
        symbol = order.instrument.symbol
        return self.waiting[symbol] if order.waits else self.books[symbol].sides[order.side]

    def close(self, order: Order) -> None:
        """Forget an order that has ended."""
        assert order.frozen == 0
        del self.open[order.order_id]

    def shrink(self, order: Order, leaves: int) -> None:
        """A self-trade took quantity from both sides; this order has some left and keeps its place."""
        order.lose(order.leaves - leaves)
        if order.price is not None or order.side == "sell":  # a market buy froze what its walk pays: this pays nothing
            self.freeze(order, pairs.amount(order, order.alone))
        self.emit(
            "amended", order, reason="self_trade", price=order.instrument.price_text(order.price),
            qty=order.instrument.lot.text(leaves),
        )  # fmt: skip

    def freeze(self, order: Order, amount: int) -> None:
        """From now on the order has this much frozen."""
        self.accounts[order.account].freeze(order.pays_with, amount - order.frozen)
        order.hold.amount = amount

    def available(self, order: Order) -> int:
        """What the order's account could still freeze for it."""
        return self.accounts[order.account].balances[order.pays_with].available

    def printed(self, instrument: Instrument, price: int) -> None:
        """A trade has printed at this price, in ticks."""
        if instrument.reference is None:
            instrument.reference = price
        self.prints.setdefault(instrument.symbol, []).append(price)
        waiting.hit(self, instrument, price)

    def next_age(self) -> int:
        """A place behind everything accepted so far."""
        self.age += 1
        return self.age

    def oldest_first(self, number: int, symbol: str | None = None, side: str | None = None) -> list[Order]:
        """An account's open orders in the order of acceptance; of one symbol or side where it is given."""
        mine = [o for o in self.open.values() if o.account == number]
        meant = [o for o in mine if symbol in (None, o.instrument.symbol) and side in (None, o.side)]
        return sorted(meant, key=lambda order: order.age)

    # -- commands -----------------------------------------------------------------------------------------------

    def _deposit(self, command: Event) -> None:
        asset = self.assets[command["asset"]]
        amount = asset.unit.count(command["amount"]).numerator
        if asset.deposited + amount > MAX_SUPPLY:
            raise Refused("supply_exceeded")
        number = command["account"]
        if number not in self.accounts:
            if len(self.accounts) >= self.limits.max_accounts:
                raise Refused("book_full")
            self.accounts[number] = Account(number)
            self.accounts[number].use(command["client_id"])
        asset.deposited += amount
        self.accounts[number].balances[asset.name].available += amount
        self._emit_money("deposited", command, asset, amount)

    def _withdraw(self, command: Event) -> None:
        asset = self.assets[command["asset"]]
        amount = asset.unit.count(command["amount"]).numerator
        balance = self.accounts[command["account"]].balances[asset.name]
        if balance.available < amount:
            raise Refused("insufficient_funds")
        asset.deposited -= amount
        balance.available -= amount
        self._emit_money("withdrawn", command, asset, amount)

    def _emit_money(self, kind: str, command: Event, asset: Asset, amount: int) -> None:
        self.emit(
            kind, account=command["account"], client_id=command["client_id"],
            asset=asset.name, amount=asset.unit.text(amount),
        )  # fmt: skip

    def _cancel(self, command: Event) -> None:
        self.cancel(orders.find_target(self, command), "user")

    def _disconnect(self, command: Event) -> None:
        if command["account"] not in self.accounts:
            raise Refused("unknown_account")
        self._end_all(command, "disconnect")

    def _mass_cancel(self, command: Event) -> None:
        self._end_all(command, "mass_cancel")

    def _end_all(self, command: Event, reason: str) -> None:
        symbol = command.get("symbol")
        ended = self.oldest_first(command["account"], symbol, command.get("side"))
        for order in ended:
            if order.order_id in self.open:  # else it has ended with its partner
                self.cancel(order, reason)
        self.emit(
            "mass_cancelled", symbol=symbol, account=command["account"], client_id=command.get("client_id"),
            qty=str(len(ended)),
        )  # fmt: skip

    def _suspend(self, command: Event) -> None:
        self._suspend_account(self.accounts[command["account"]])

    def _suspend_account(self, account: Account) -> None:
        account.suspended = True
        self.emit("suspended", account=account.number)
        for order in self.oldest_first(account.number):
            if order.order_id in self.open:  # else it has ended with its partner
                self.cancel(order, "risk")

    def _unsuspend(self, command: Event) -> None:
        account = self.accounts[command["account"]]
        if not account.is_covered():
            raise Refused("insufficient_funds")
        account.suspended = False
        self.emit("unsuspended", account=account.number)

    def _halt(self, command: Event) -> None:
        states.halt_or_resume(self, command.get("symbol"), "halted")

    def _resume(self, command: Event) -> None:
        states.halt_or_resume(self, command.get("symbol"), "open")

    def _bust(self, command: Event) -> None:
        seq = command["trade_seq"]
        if seq not in self.trades or seq in self.busted:
            raise Refused("unknown_order")
        self.busted.add(seq)
        trade = self.trades[seq]
        base, quote = trade["instrument"].base, trade["instrument"].quote
        buyer, seller = self.accounts[trade["buyer"]], self.accounts[trade["seller"]]
        buyer.balances[quote.name].available += trade["cost"]
        buyer.balances[base.name].available -= trade["base_units"] - trade["buyer_fee"]
        seller.balances[base.name].available += trade["base_units"]
        seller.balances[quote.name].available -= trade["cost"] - trade["seller_fee"]
        base.fees -= trade["buyer_fee"]
        quote.fees -= trade["seller_fee"]
        self.emit(
            "busted", symbol=trade["instrument"].symbol, account=trade["taker"],
            order_id=trade["order_id"], trade_seq=seq,
        )  # fmt: skip
        for number in dict.fromkeys((trade["taker"], trade["maker"])):
            account = self.accounts[number]
            if not account.is_covered() and not account.suspended:
                self._suspend_account(account)

    def _time(self, command: Event) -> None:
        self.emit("time")

    # -- looking in ---------------------------------------------------------------------------------------------

    def balances(self) -> dict[str, Any]:
        """Balances in the JSON form; every asset that an account has ever touched."""
        found: dict[str, Any] = {}
        for number, account in sorted(self.accounts.items()):
            found[str(number)] = {
                name: {
                    "available": self.assets[name].unit.text(balance.available),
                    "frozen": self.assets[name].unit.text(balance.frozen),
                }
                for name, balance in account.balances.items()
            }
        found["fees"] = {asset.name: asset.unit.text(asset.fees) for asset in self.assets.values()}
        return found

    def orders(self) -> list[dict[str, Any]]:
        """Open orders in priority: by symbol as listed, buys from the best, then sells from the best."""
        return [
            {
                "order_id": o.order_id, "account": o.account, "client_id": o.client_id, "symbol": o.instrument.symbol,
                "side": o.side, "price": o.instrument.tick.text(o.price or 0),
                "leaves": o.instrument.lot.text(o.leaves),
            }
            for book in self.books.values() for o in book.orders()
        ]  # fmt: skip

    def validate(self) -> None:
        """Raise AssertionError where the books, the orders and the money disagree."""
        validate(self)
