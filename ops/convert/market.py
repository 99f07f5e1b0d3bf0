"""One symbol of a feed that shows resting orders and what becomes of them: each message to commands.

A plain book stands beside, always equal to what the engine's will be after the commands so far. So every execution
can be checked before it is written: where its order stands first, a taker is written that will meet it; where it
doesn't, no taker could, and the shares come off the order without a trade.

Orders that the engine would refuse or trade at once (symbol halted; book locked or crossed) are *held*: not in the
engine's book, placed as soon as they can rest.
"""

from ops.convert.feed_files import PRICE_MAX, PRICE_MIN, FeedFiles, Listing, Owner, Rows
from ops.convert.plain_book import BUY, SELL, PlainBook

OUTSIDE = "of orders not in the flow"


class Market:
    """Orders are named by the feed's own numbers; prices in 1/10 000, quantities in shares, sides BUY and SELL."""

    def __init__(self, files: FeedFiles, symbol: str, complete: bool = True) -> None:
        """`complete`: the feed tells every order's end. Else one that an execution passed over has ended unseen."""
        self.symbol = symbol
        self.book = PlainBook()
        self.held: dict[int, list[int]] = {}  # id -> [side, price, leaves], as they came
        self.listing: Listing | None = None
        self._complete = complete
        self._files = files
        self._summary = files.summary
        self._owner: dict[int, Owner] = {}
        self._halts: set[str] = set()  # causes; the engine's symbol is halted while there is one
        self._owed: set[int] = set()  # orders that shrank while halted, when the engine refuses amends
        self._touch: tuple[int | None, int | None] | None = None  # when none of the held ones could be placed

    # --- what the feed says ---------------------------------------------------------------------------------------

    def add(self, ref: int, side: int, price: int, qty: int, ts_ns: int) -> None:
        """A new resting order."""
        summary = self._summary
        if not PRICE_MIN <= price <= PRICE_MAX:
            summary.drop("orders at price 0 or above 200 000")
        elif qty <= 0:
            summary.drop("orders for no shares")
        elif ref in self._owner or ref in self.held:
            summary.drop("orders added a second time")
        elif qty * price > self._files.each:
            summary.drop("orders beyond what an account of the flow holds")
        elif self._halts:
            self._hold(ref, side, price, qty)
            summary.infer("orders of halted periods, to be placed at the resumption")
        elif self.book.would_cross(side, price):
            self._hold(ref, side, price, qty)
            summary.infer("orders that would lock or cross the book, held back until they don't")
        else:
            self._place(ref, side, price, qty, ts_ns)

    def execute(self, ref: int, qty: int, ts_ns: int, price: int | None = None) -> None:
        """Shares of a resting order traded, at its own price unless another is given."""
        summary = self._summary
        summary.trades_expected += 1
        order = self.book.orders.get(ref)
        if order is None:
            self._execute_outside(ref, qty)
            return
        side, own_price, leaves = order
        if qty > leaves:
            summary.clip("executions of more than was left")
            qty = leaves
        if qty <= 0:
            summary.drop("executions of no shares")
        elif self._halts:
            summary.drop("executions in halted periods: shares taken off without a trade")
        elif price is not None and price != own_price:
            self._trade_beside(ref, side, price, qty, ts_ns)
        elif self._stands_first(ref, side, ts_ns):
            assert self.listing is not None
            self._files.take(self.listing, 1 - side, own_price, qty, ts_ns, self._owner[ref])
            if self.book.reduce(ref, qty) == 0:
                self._forget(ref)
            self._place_held(ts_ns)
            return
        else:
            summary.drop("executions out of price-time priority: shares taken off without a trade")
        self._take_off(ref, qty, ts_ns)

    def reduce(self, ref: int, qty: int, ts_ns: int) -> None:
        """Shares of an order were cancelled, or left it without printing; what remains keeps its place."""
        order = self.book.orders.get(ref) or self.held.get(ref)
        if order is None:
            self._summary.drop(f"partial cancels {OUTSIDE}")
            return
        if qty > order[2]:
            self._summary.clip("partial cancels of more than was left")
            qty = order[2]
        self._take_off(ref, qty, ts_ns)

    def delete(self, ref: int, ts_ns: int) -> None:
        """An order is gone."""
        order = self.book.orders.get(ref) or self.held.get(ref)
        if order is None:
            self._summary.drop(f"cancels {OUTSIDE}")
            return
        self._take_off(ref, order[2], ts_ns)

    def replace(self, ref: int, new_ref: int, price: int, qty: int, ts_ns: int) -> None:
        """An order became another of the same side, behind all others at its price."""
        order = self.book.orders.get(ref) or self.held.get(ref)
        if order is None:
            self._summary.drop(f"replaces {OUTSIDE}")
            return
        self._take_off(ref, order[2], ts_ns, place_held=False)
        self.add(new_ref, order[0], price, qty, ts_ns)
        self._place_held(ts_ns)

    def halt(self, ts_ns: int, cause: str = "") -> None:
        """Trading stops for this cause."""
        if not self._halts:
            self._files.halt(self._listed(ts_ns), ts_ns)
        self._halts.add(cause)

    def resume(self, ts_ns: int, cause: str = "") -> None:
        """This cause, if there was one, is over: trading goes on unless there is another."""
        if cause not in self._halts:
            return
        self._halts.remove(cause)
        if self._halts:
            return
        self._files.resume(self._listed(ts_ns), ts_ns)
        for ref in sorted(self._owed):
            self._files.amend(self._owner[ref], self.book.orders[ref][2], ts_ns)
        self._owed.clear()
        self._place_held(ts_ns)

    # --- what may be asked ----------------------------------------------------------------------------------------

    def total(self, side: int, price: int) -> int:
        """Shares at a price, held ones too."""
        orders = self.book.orders
        total = sum(orders[ref][2] for ref in self.book.level(side, price))
        if self.held:
            total += sum(order[2] for order in self.held.values() if order[0] == side and order[1] == price)
        return total

    def open_orders(self) -> tuple[Listing, Rows, Rows]:
        """The listing, bids and asks as expected of the engine; there has to be one."""
        listing = self.listing
        assert listing is not None
        bids, asks = (
            [[listing.price_text(price), str(qty), *self._owner[ref]] for price, qty, ref in self.book.side(side)]
            for side in (BUY, SELL)
        )
        return listing, bids, asks

    # --- commands -------------------------------------------------------------------------------------------------

    def _listed(self, ts_ns: int) -> Listing:
        if self.listing is None:
            self.listing = self._files.begin(self.symbol, ts_ns)
        return self.listing

    def _place(self, ref: int, side: int, price: int, qty: int, ts_ns: int) -> None:
        listing = self._listed(ts_ns)
        account = self._files.account_of(listing, ref)
        self._owner[ref] = self._files.place(listing, account, side, price, qty, ts_ns)
        self.book.rest(ref, side, price, qty)

    def _hold(self, ref: int, side: int, price: int, qty: int) -> None:
        self.held[ref] = [side, price, qty]
        self._touch = None

    def _take_off(self, ref: int, qty: int, ts_ns: int, place_held: bool = True) -> None:
        """Shares leave an order, held or not, without a trade: cancel, or amend to less."""
        held = self.held.get(ref)
        if held is not None:
            held[2] -= qty
            if held[2] == 0:
                del self.held[ref]
                self._summary.drop("orders held back that went before they could be placed")
            return
        leaves = self.book.reduce(ref, qty)
        if leaves == 0:
            self._files.cancel(self._owner[ref], ts_ns)
            self._forget(ref)
            if place_held:
                self._place_held(ts_ns)
        elif self._halts:
            self._owed.add(ref)
        elif qty:
            self._files.amend(self._owner[ref], leaves, ts_ns)

    def _forget(self, ref: int) -> None:
        self._files.ended(self._owner.pop(ref))
        self._owed.discard(ref)

    def _execute_outside(self, ref: int, qty: int) -> None:
        held = self.held.get(ref)
        if held is None:
            self._summary.drop(f"executions {OUTSIDE}")
            return
        self._summary.drop("executions of orders held back: shares taken off without a trade")
        held[2] -= min(qty, held[2])
        if held[2] == 0:
            del self.held[ref]

    def _stands_first(self, ref: int, side: int, ts_ns: int) -> bool:
        """Whether a taker would meet this order first."""
        first = self.book.first(side)
        while first != ref and first is not None and not self._complete:
            self._summary.infer("orders that an execution passed over, gone unseen: taken away")
            self._take_off(first, self.book.orders[first][2], ts_ns, place_held=False)
            first = self.book.first(side)
        return first == ref

    def _trade_beside(self, ref: int, side: int, price: int, qty: int, ts_ns: int) -> None:
        """An execution at a price that isn't its order's: possible where an order there would stand first, alone."""
        best = self.book.best(side)
        assert best is not None
        better = price > best if side == BUY else price < best
        if not better or not PRICE_MIN <= price <= PRICE_MAX or self.book.would_cross(side, price):
            self._summary.drop("executions at another price than their order's: shares taken off without a trade")
            return
        self._summary.infer("executions at a better price than their order's: an order of the same account stood in")
        listing = self._listed(ts_ns)
        stand_in = self._files.place(listing, self._owner[ref][0], side, price, qty, ts_ns)
        self._files.take(listing, 1 - side, price, qty, ts_ns, stand_in)
        self._files.ended(stand_in)

    def _place_held(self, ts_ns: int) -> None:
        """Place the held orders that can rest now, as they came."""
        if not self.held or self._halts:
            return
        touch = (self.book.best(BUY), self.book.best(SELL))
        if touch == self._touch:
            return
        for ref, (side, price, qty) in list(self.held.items()):
            if not self.book.would_cross(side, price):
                del self.held[ref]
                self._place(ref, side, price, qty, ts_ns)
        self._touch = (self.book.best(BUY), self.book.best(SELL))
